import type { FastifyInstance } from 'fastify'
import type { Query } from '../contestants/protection.ts'

/** How each of the two databases is asked. */
export interface Queries {
  readonly orders: Query
  readonly products: Query
}

interface Order {
  readonly itemId: number
  readonly quantity: number
}

/** A report holds its slot so many times as long as the rest: 300 ms where that is 20. */
const reportCost = 15

/** More than the buffers of a connection hold. */
const download: Buffer = Buffer.alloc(10_000_000, 'spillway ')

/** What a service has beside the routes that a slow database concerns. */
export function addRoutes(app: FastifyInstance, { orders, products }: Queries): void {
  app.get('/ping', async () => ({ pong: true }))
  app.get<{ Params: { id: number } }>('/items/:id', async (request) => {
    const values = [request.params.id]
    return (await orders('SELECT * FROM get_item($1)', values, 'default', request)).rows[0]
  })
  app.get('/report', async (request) => {
    await orders('SELECT storage.read($1)', [reportCost], 'default', request)
    return { done: true }
  })
  app.post<{ Body: Order }>('/orders', critical, async (request, reply) => {
    const values = [request.body.itemId, request.body.quantity]
    const { rows } = await orders('SELECT * FROM place_order($1, $2)', values, 'critical', request)
    return reply.code(201).send(rows[0])
  })
  app.get<{ Params: { id: number } }>('/products/:id', async (request) => {
    const values = [request.params.id]
    return (await products('SELECT * FROM get_item($1)', values, 'default', request)).rows[0]
  })
  app.post('/upload', async () => ({ stored: true }))
  app.get('/download', async (_request, reply) =>
    reply.type('application/octet-stream').send(download),
  )
}

/** Read by the door, where there is one. */
const critical = { config: { concurrencyLimit: { priority: 'critical' } } } as const
