import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { FaultProxy } from '../src/fault-proxy.ts'
import { startFaultProxy } from '../src/fault-proxy.ts'

let echo: Server
let proxy: FaultProxy
const clients: Socket[] = []

beforeEach(async () => {
  echo = createServer((socket) => socket.on('error', () => undefined).pipe(socket))
  echo.listen(0, '127.0.0.1')
  await once(echo, 'listening')
  proxy = await startFaultProxy(echo.address() as AddressInfo)
})

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy()
  await proxy.close()
  echo.close()
  await once(echo, 'close')
})

async function open(): Promise<Socket> {
  const client = connect(proxy.port, '127.0.0.1').on('error', () => undefined)
  clients.push(client)
  await once(client, 'connect')
  return client
}

async function answer(client: Socket, length: number): Promise<string> {
  let text = ''
  while (text.length < length) text += String((await once(client, 'data'))[0])
  return text
}

test('passes bytes and the end of a connection', async () => {
  const client = await open()
  client.end('hello')
  expect(await answer(client, 5)).toBe('hello')
  await once(client, 'close')
  expect(proxy.connections).toBe(0)
})

test('delays both ways, in order, the end included', async () => {
  proxy.delay(30)
  const client = await open()
  const start = performance.now()
  for (const letter of 'abcdef') client.write(letter)
  client.end()
  expect(await answer(client, 6)).toBe('abcdef')
  expect(performance.now() - start).toBeGreaterThan(55)
  await once(client, 'close')
})

test('stalls without closing, and hands on what it held when healed', async () => {
  const client = await open()
  proxy.stall()
  client.write('held')
  const silent = await Promise.race([answer(client, 4), sleep(80, 'silent')])
  expect(silent).toBe('silent')
  expect(proxy.connections).toBe(1)
  const late = answer(client, 4)
  proxy.heal()
  expect(await late).toBe('held')
})

test('the server never hears of a connection that was made and given up during a stall', async () => {
  const heard: string[] = []
  echo.on('connection', (socket) => {
    socket.on('data', (chunk) => heard.push(String(chunk)))
  })
  proxy.stall()
  const [givenUp, patient] = [await open(), await open()]
  givenUp.end('nobody waits for this')
  patient.write('still there')
  await once(givenUp, 'finish')
  // The end is on its way; a few turns of the loop, and the proxy has read it.
  for (let turn = 0; turn < 10; turn += 1) await new Promise(setImmediate)
  proxy.heal()
  expect(await answer(patient, 11)).toBe('still there')
  expect(heard.join('')).toBe('still there')
})

test('resets open connections, and serves new ones', async () => {
  const client = await open()
  client.write('x')
  await answer(client, 1)
  const failed = once(client, 'error').catch((error: unknown) => [error])
  proxy.reset()
  expect((await failed)[0]).toMatchObject({ code: 'ECONNRESET' })
  const next = await open()
  next.write('y')
  expect(await answer(next, 1)).toBe('y')
})

test('refuses new connections until it accepts again, on the same port', async () => {
  const { port } = proxy
  await proxy.refuse()
  const refused = connect(port, '127.0.0.1')
  await expect(once(refused, 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  await proxy.accept()
  expect(proxy.port).toBe(port)
  const client = await open()
  client.write('z')
  expect(await answer(client, 1)).toBe('z')
})
