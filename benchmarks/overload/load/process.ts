// One process that loads as many services as there are, at constant rates whatever becomes of it.
import { Layers } from '@spillway/example-slow-database/load/layers.ts'
import { itemCount, oneOf } from '@spillway/example-slow-database/load/requests.ts'
import type { Stream } from '@spillway/example-slow-database/load/stream.ts'
import { startStream } from '@spillway/example-slow-database/load/stream.ts'
import type autocannon from 'autocannon'
import type {
  LoadCommand,
  LoadMessage,
  LoadStart,
  StreamAnswer,
  StreamSpec,
} from './stream-spec.ts'

const reportEveryMs = 100

function main({ streams, deadlineMs }: LoadStart): void {
  // Whoever started us ends us by closing the channel; Ctrl-C reaches the whole process group.
  process.on('SIGINT', () => {})
  process.on('disconnect', () => {
    process.exit()
  })
  let answers: StreamAnswer[] = []
  const layers = streams.map(
    (spec, index) =>
      new Layers((rate) => [
        later(spec.offsetMs ?? 0, () =>
          startStream({
            kind: spec.kind,
            request: requestOf(spec),
            rate,
            url: spec.url,
            deadlineMs,
            onAnswer: (answer) => {
              answers.push({ ...answer, stream: index })
            },
            onSent: () => {},
          }),
        ),
      ]),
  )
  process.on('message', ({ rates }: LoadCommand) => {
    for (const [index, rate] of rates.entries()) layers[index]!.setRate(rate)
  })
  setInterval(() => {
    const message: LoadMessage = { answers }
    answers = []
    if (process.connected) process.send?.(message)
  }, reportEveryMs)
}

function later(delayMs: number, start: () => Stream): Stream {
  let stream: Stream | undefined
  const timer = setTimeout(() => {
    stream = start()
  }, delayMs)
  return {
    stop: () => {
      clearTimeout(timer)
      stream?.stop()
    },
  }
}

function requestOf({ method, path, body }: StreamSpec): autocannon.Request {
  const request: autocannon.Request = {
    method,
    setupRequest: (one) => ({
      ...one,
      path: filled(path),
      ...(body === undefined ? {} : { body: filled(body) }),
    }),
  }
  return body === undefined
    ? request
    : { ...request, headers: { 'content-type': 'application/json' } }
}

function filled(template: string): string {
  return template.replaceAll('{item}', String(oneOf(itemCount)))
}

main(JSON.parse(process.argv[2]!) as LoadStart)
