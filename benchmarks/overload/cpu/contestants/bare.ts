import type { FastifyInstance } from 'fastify'
import fastify from 'fastify'
import type { Work } from '../busy-routes.ts'
import { addBusyRoutes } from '../busy-routes.ts'

export async function createService(work: Work): Promise<FastifyInstance> {
  const app = fastify()
  addBusyRoutes(app, work)
  return app
}
