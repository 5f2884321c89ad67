import { setTimeout as sleep } from 'node:timers/promises'
import { concurrencyLimit } from '@spillway/concurrency-limit'
import Fastify from 'fastify'

const app = Fastify({ logger: { level: 'warn' } })
await app.register(concurrencyLimit, { defaultDeadlineMs: 1000 })

// A downstream that does one thing at a time, in 5 ms: 200 a second and not one more.
let line = Promise.resolve()
async function slowThing(): Promise<void> {
  line = line.then(async () => sleep(5))
  await line
}

app.get('/', async () => {
  await slowThing()
  return { hello: 'world' }
})

app.post('/pay', { config: { concurrencyLimit: { priority: 'critical' } } }, async () => {
  await slowThing()
  return { paid: true }
})

app.get('/healthz', { config: { concurrencyLimit: false } }, async () => {
  const { limit, inFlight, queued } = app.limiters.default
  return { limit, inFlight, queued }
})

await app.listen({ port: Number(process.env['PORT'] ?? 3000), host: '127.0.0.1' })
console.log(`Listening on ${app.listeningOrigin}; Ctrl-C ends it`)
