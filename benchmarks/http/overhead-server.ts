// One variant of the same route in a process of its own; tells its port and, when asked, its numbers.
import { AsyncLocalStorage } from 'node:async_hooks'
import { concurrencyLimit } from '@spillway/concurrency-limit'
import { loadShed } from '@spillway/load-shed'
import type { FastifyInstance } from 'fastify'
import Fastify from 'fastify'
import type { AddressInfo } from 'node:net'
import pg from 'pg'
import { itemQuery } from '../lib/items.ts'

const variants: Readonly<Record<string, (app: FastifyInstance) => Promise<void>>> = {
  bare: async () => {},
  limiter: async (app) => {
    await app.register(concurrencyLimit)
  },
  'load-shed': async (app) => {
    await app.register(loadShed)
  },
  AsyncLocalStorage: async (app) => {
    const storage = new AsyncLocalStorage()
    app.addHook('onRequest', (request, _reply, done) => {
      storage.run(request, done)
    })
  },
  'limiter, priority and deadline': async (app) => {
    await app.register(concurrencyLimit, {
      defaultDeadlineMs: 1000,
      priority: (request) => (request.headers['x-batch'] === undefined ? 'default' : 'low'),
    })
  },
}

const [, , name = 'bare', route = '/', database = ''] = process.argv
const app = Fastify()
await variants[name]!(app)
app.get('/', async () => ({ hello: 'world' }))
if (route === '/item') {
  const pool = new pg.Pool({ connectionString: database, max: 10 })
  app.get('/item', async () => {
    const { rows } = await pool.query(itemQuery, [7])
    return rows[0] as unknown
  })
}
await app.listen({ port: 0, host: '127.0.0.1' })
process.send!({ port: (app.server.address() as AddressInfo).port })
process.on('message', () => {
  const { user, system } = process.cpuUsage()
  process.send!({ cpuMicros: user + system })
})
process.on('disconnect', () => {
  process.exit(0)
})
