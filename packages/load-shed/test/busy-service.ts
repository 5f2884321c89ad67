// A service whose handlers keep the processor, or the heap; in a process of its own, which tests stop,
// fill and overload. Tells its port, ends with its parent.
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { heapUsed } from '@spillway/core'
import Fastify from 'fastify'
import type { LoadShedOptions } from '../src/index.ts'
import { loadShed } from '../src/index.ts'

const [, , kind = 'usual'] = process.argv
const variants: Readonly<Record<string, LoadShedOptions>> = {
  // Its clients are the tests: they may say that they are patient.
  usual: { health: true, loadHeader: true, callerHeaders: 'trust' },
  observe: { health: true, mode: 'observe' },
  heap: { health: true, signals: [heapUsed({ from: 0.5, to: 0.7 })] },
}

const app = Fastify()
await app.register(loadShed, variants[kind]!)

/** Keeps the processor for so many milliseconds. */
function burn(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

let ballast: unknown[] = []
app.get<{ Querystring: { ms: string } }>('/burn', async ({ query }) => {
  burn(Number(query.ms))
  return 'burnt'
})
app.get<{ Querystring: { ms: string } }>('/wait', async ({ query }) => {
  await sleep(Number(query.ms))
  return 'waited'
})
app.post('/orders', { config: { concurrencyLimit: { priority: 'critical' } } }, async () => {
  burn(20)
  return 'ordered'
})
app.get('/fill', { config: { loadShed: false } }, async () => {
  for (let block = 0; block < 40; block += 1) {
    ballast.push(Array.from({ length: 10_000 }, (_, index) => index + Math.random()))
  }
  return 'filled'
})
app.get('/empty', { config: { loadShed: false } }, async () => {
  ballast = []
  globalThis.gc?.()
  return 'emptied'
})
app.get('/stats', { config: { loadShed: false } }, async () => app.loadShedder.stats())
app.post<{ Querystring: { mode: 'off' | 'observe' | 'enforce' } }>(
  '/mode',
  { config: { loadShed: false } },
  async ({ query }) => {
    app.loadShedder.mode = query.mode
    return query.mode
  },
)

await app.listen({ host: '127.0.0.1', port: 0 })
process.send!((app.server.address() as AddressInfo).port)
process.on('disconnect', () => {
  process.exit()
})
