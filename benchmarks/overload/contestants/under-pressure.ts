import underPressure from '@fastify/under-pressure'
import type { FastifyInstance } from 'fastify'
import fastify from 'fastify'
import type { Pool } from 'pg'
import { addShopRoutes } from './shop-routes.ts'
import { underPressureOptions } from './under-pressure-options.ts'

export async function createShop(pool: Pool): Promise<FastifyInstance> {
  const app = fastify()
  await app.register(underPressure, underPressureOptions)
  addShopRoutes(app, (sql, values) => pool.query(sql, values))
  return app
}
