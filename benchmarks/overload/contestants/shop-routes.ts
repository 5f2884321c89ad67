import type { FastifyInstance, preHandlerHookHandler } from 'fastify'
import type { Query } from './protection.ts'

interface Order {
  readonly itemId: number
  readonly quantity: number
}

/** The routes of the example's shop; `preHandler` is for peers that guard routes. */
export function addShopRoutes(
  app: FastifyInstance,
  query: Query,
  preHandler: preHandlerHookHandler[] = [],
): void {
  app.get<{ Querystring: { category: number } }>('/items', { preHandler }, async (request) => {
    const values = [request.query.category]
    return (await query('SELECT * FROM list_items($1)', values, 'default', request)).rows
  })
  app.get<{ Params: { id: number } }>('/items/:id', { preHandler }, async (request) => {
    const values = [request.params.id]
    return (await query('SELECT * FROM get_item($1)', values, 'default', request)).rows[0]
  })
  app.post<{ Body: Order }>('/orders', { preHandler }, async (request, reply) => {
    const values = [request.body.itemId, request.body.quantity]
    const { rows } = await query('SELECT * FROM place_order($1, $2)', values, 'critical', request)
    return reply.code(201).send(rows[0])
  })
  app.get('/report', { preHandler }, async (request) => {
    return (await query('SELECT * FROM sales_report($1)', [1], 'low', request)).rows
  })
}
