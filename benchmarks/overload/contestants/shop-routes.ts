import type { Priority } from '@spillway/core'
import type { FastifyInstance, FastifyRequest, preHandlerHookHandler } from 'fastify'
import type { QueryResultRow } from 'pg'

/** Asks the database; what each contestant does its own way. */
export type Query = (
  sql: string,
  values: unknown[],
  priority: Priority,
  request: FastifyRequest,
) => Promise<{ readonly rows: QueryResultRow[] }>

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

/** Answers 503 for errors by which a library says no. */
export function answer503(app: FastifyInstance, isRefusal: (error: Error) => boolean): void {
  app.setErrorHandler<Error>(async (error, _request, reply) => {
    if (!isRefusal(error)) throw error
    return reply
      .code(503)
      .header('retry-after', 1)
      .send({ statusCode: 503, message: error.message })
  })
}
