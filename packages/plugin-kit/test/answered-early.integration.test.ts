import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { HangUpClient, ManualClock } from '@spillway/test-support'
import Fastify from 'fastify'
import { expect, onTestFinished, test } from 'vitest'
import { decorateRequests } from '../src/index.ts'

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('a request that is answered before its body has come has no deadline when it has', async () => {
  const clock = new ManualClock()
  const app = Fastify()
  onTestFinished(async () => {
    await app.close()
  })
  app.addContentTypeParser('*', (_request, _payload, done) => {
    done(null)
  })
  decorateRequests(app, { clock, defaultDeadlineMs: 1000 })
  let signal: AbortSignal | undefined
  let raw: IncomingMessage | undefined
  app.post('/', async (request) => {
    signal = request.cancelSignal
    raw = request.raw
    return 'at once'
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const client = await HangUpClient.connect((app.server.address() as AddressInfo).port)
  onTestFinished(() => {
    client.hangUp()
  })
  await client.send({ method: 'POST', headers: { 'content-type': 'video/mp4' }, body: 'ab' }, 1)
  await client.seen('at once')
  client.socket.write('b')
  while (!raw!.readableEnded) await tick()
  expect(clock.pendingTimers).toBe(0)
  clock.advance(2000)
  expect(signal!.aborted).toBe(false)
})
