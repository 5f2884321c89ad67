// Connections that a service has to keep for as long as their clients please.
import type { Socket } from 'node:net'
import { connect } from 'node:net'
import type { CrowdMessage, CrowdStart } from './crowd.ts'

/** A thousand are there after ten seconds: a flood of connections is another story. */
const comePerSecond = 100
const comeAgainMs = 1000
const byteEveryMs = 1000
const reportEveryMs = 250

const uploadHead =
  'POST /upload HTTP/1.1\r\nhost: service\r\ncontent-type: text/plain\r\ncontent-length: 100000\r\n\r\n'
const downloadHead = 'GET /download HTTP/1.1\r\nhost: service\r\n\r\n'

function main({ url, kind, count }: CrowdStart): void {
  // Whoever started us ends us by closing the channel; Ctrl-C reaches the whole process group.
  process.on('SIGINT', () => {})
  process.on('disconnect', () => {
    process.exit()
  })
  const port = Number(new URL(url).port)
  const behave = kind === 'uploaders' ? upload : download
  let turnedAway = 0
  const come = (): void => {
    const socket = connect(port, '127.0.0.1')
    behave(socket)
    socket.on('error', () => {})
    socket.once('close', () => {
      turnedAway += 1
      setTimeout(come, comeAgainMs)
    })
  }
  process.once('message', () => {
    for (let index = 0; index < count; index += 1) setTimeout(come, (index * 1000) / comePerSecond)
  })
  setInterval(() => {
    const message: CrowdMessage = { turnedAway }
    if (process.connected) process.send?.(message)
  }, reportEveryMs)
}

/** Any answer is a refusal: the body never ends. */
function upload(socket: Socket): void {
  socket.write(uploadHead)
  const timer = setInterval(() => socket.write('x'), byteEveryMs)
  socket.once('close', () => {
    clearInterval(timer)
  })
  socket.once('data', () => socket.destroy())
}

/** Reads the beginning of its answer, and nothing more. */
function download(socket: Socket): void {
  socket.write(downloadHead)
  socket.once('data', (chunk: Buffer) => {
    if (chunk.toString('latin1').startsWith('HTTP/1.1 200')) socket.pause()
    else socket.destroy()
  })
}

main(JSON.parse(process.argv[2]!) as CrowdStart)
