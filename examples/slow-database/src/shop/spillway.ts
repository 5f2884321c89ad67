import { concurrencyLimit } from '@spillway/concurrency-limit'
import { guard } from '@spillway/guard'
import { abortablePool } from '@spillway/guard/pg'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import fastify from 'fastify'
import type { Pool, QueryResultRow } from 'pg'

/** The same shop with Spillway between it and its database. */
export async function createShop(pool: Pool): Promise<FastifyInstance> {
  const app = fastify()

  await app.register(concurrencyLimit, { defaultDeadlineMs: 1000 })
  await app.register(guard)
  const db = app.guards.define('shop-db')
  const shop = abortablePool(pool)
  const query: Query = ({ callOptions }, sql, values) =>
    db.run((signal) => shop.query(signal, sql, values), callOptions)

  app.get<{ Querystring: { category: number } }>(
    '/items',
    { schema: listSchema },
    async (request) => {
      const { rows } = await query(request, 'SELECT * FROM list_items($1)', [
        request.query.category,
      ])
      return rows
    },
  )

  app.get<{ Params: { id: number } }>(
    '/items/:id',
    { schema: itemSchema },
    async (request, reply) => {
      const { rows } = await query(request, 'SELECT * FROM get_item($1)', [request.params.id])
      return rows[0] ?? reply.code(404).send({ error: 'No such item' })
    },
  )

  app.post<{ Body: Order }>('/orders', orderRoute, async (request, reply) => {
    const { itemId, quantity } = request.body
    const { rows } = await query(request, 'SELECT * FROM place_order($1, $2)', [itemId, quantity])
    return reply.code(201).send(rows[0])
  })

  app.get('/report', { config: { concurrencyLimit: { priority: 'low' } } }, async (request) => {
    const { rows } = await query(request, 'SELECT * FROM sales_report($1)', [1])
    return rows
  })

  return app
}

type Query = (
  request: FastifyRequest,
  sql: string,
  values: unknown[],
) => Promise<{ readonly rows: QueryResultRow[] }>

interface Order {
  readonly itemId: number
  readonly quantity: number
}

const id = { type: 'integer', minimum: 1 }
const itemSchema = { params: { type: 'object', properties: { id } } }
const listSchema = {
  querystring: { type: 'object', properties: { category: { type: 'integer' } } },
}
const orderBody = {
  type: 'object',
  required: ['itemId', 'quantity'],
  properties: { itemId: id, quantity: id },
}
const orderRoute = {
  schema: { body: orderBody },
  config: { concurrencyLimit: { priority: 'critical', dependsOn: ['shop-db'] } },
} as const
