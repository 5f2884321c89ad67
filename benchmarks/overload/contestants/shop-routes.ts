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

/** A library's way to say no becomes a 503, its timeout a 504; undefined is anything else. */
export function answerErrors(
  app: FastifyInstance,
  statusOf: (error: Error) => 503 | 504 | undefined,
): void {
  app.setErrorHandler<Error>(async (error, _request, reply) => {
    const statusCode = statusOf(error)
    if (statusCode === undefined) throw error
    return reply.code(statusCode).send({ statusCode, message: error.message })
  })
}
