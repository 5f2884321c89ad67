import type { Priority } from '@spillway/core'
import type { ShopFacts, ShopModule } from '@spillway/example-slow-database/shop/process.ts'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import fastify from 'fastify'
import type { Pool, QueryResultRow } from 'pg'
import { addShopRoutes } from './shop-routes.ts'

/** Asks the database; what each contestant does its own way. */
export type Query = (
  sql: string,
  values: unknown[],
  priority: Priority,
  request: FastifyRequest,
) => Promise<{ readonly rows: QueryResultRow[] }>

/** Makes the way to ask one database, which has a name. */
export type QueryOf = (pool: Pool, name: string) => Query

/** Protects an application before it has routes, and says how its databases are asked. */
export type Protect = (app: FastifyInstance, facts: ShopFacts) => Promise<QueryOf> | QueryOf

/** What a module of a contestant exports. */
export type CreateShop = ShopModule['createShop']

/** The example's shop under a protection. */
export function shopOf(protect: Protect): CreateShop {
  return async (pool, facts) => {
    const app = fastify()
    const queryOf = await protect(app, facts)
    addShopRoutes(app, queryOf(pool, 'shop-db'))
    return app
  }
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
