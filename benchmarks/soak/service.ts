import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { concurrencyLimit } from '@spillway/concurrency-limit'
import type { Priority } from '@spillway/core'
import { isPriority } from '@spillway/core'
import type { CallOptions, Guard } from '@spillway/guard'
import { guard } from '@spillway/guard'
import { guardedFetch } from '@spillway/guard/fetch'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import fastify from 'fastify'
import type { CountingClock } from './counting-clock.ts'

export interface Service {
  readonly app: FastifyInstance
  readonly stock: Guard
  readonly port: number
}

/** A service as users build one: a door, a downstream behind its guard, handlers that wait. */
export async function startService(downstreamPort: number, clock: CountingClock): Promise<Service> {
  const app = fastify()
  await app.register(concurrencyLimit, {
    defaultDeadlineMs: 2000,
    partition: tenantOf,
    priority: priorityOf,
    clock,
  })
  await app.register(guard)
  const stock = app.guards.define('stock', { timeoutMs: 3000, clock })
  addRoutes(app, stock, `http://127.0.0.1:${downstreamPort}/stock`)
  await app.listen({ port: 0, host: '127.0.0.1' })
  return { app, stock, port: (app.server.address() as AddressInfo).port }
}

function addRoutes(app: FastifyInstance, stock: Guard, url: string): void {
  const fetchStock = guardedFetch(stock)
  const ask = (request: FastifyRequest, workload: string): Promise<unknown> =>
    stock.run(async (signal) => (await fetch(url, { signal })).json(), optionsOf(request, workload))

  app.get<{ Querystring: { name: string; via: string } }>('/items', async (request) => {
    const { name, via } = request.query
    if (via === 'run') return ask(request, name)
    const response = await fetchStock(url, {}, optionsOf(request, name))
    return response.json()
  })
  app.post('/orders', async (request) => {
    await sleep(Math.random() * 10)
    return ask(request, 'orders')
  })
  app.get('/pause', { config: { concurrencyLimit: { maxWaitMs: 200 } } }, async () => {
    await sleep(Math.random() * 40)
    return { rested: true }
  })
}

function optionsOf(request: FastifyRequest, workload: string): CallOptions {
  const deadlineMs = Number(request.headers['x-deadline-ms'])
  return {
    ...request.callOptions,
    partition: tenantOf(request),
    workload,
    ...(deadlineMs > 0 && deadlineMs < 60_000 ? { deadlineMs } : {}),
  }
}

function tenantOf(request: FastifyRequest): string | undefined {
  const tenant = request.headers['x-tenant']
  return typeof tenant === 'string' ? tenant.slice(0, 256) : undefined
}

function priorityOf(request: FastifyRequest): Priority | undefined {
  const priority = request.headers['x-priority']
  return isPriority(priority) ? priority : undefined
}
