import { loadShed } from '@spillway/load-shed'
import type { FastifyInstance } from 'fastify'
import fastify from 'fastify'
import type { Work } from '../busy-routes.ts'
import { addBusyRoutes } from '../busy-routes.ts'

/** Defaults; it is told the priorities of the routes and nothing else. */
export async function createService(work: Work): Promise<FastifyInstance> {
  const app = fastify()
  await app.register(loadShed)
  addBusyRoutes(app, work)
  return app
}
