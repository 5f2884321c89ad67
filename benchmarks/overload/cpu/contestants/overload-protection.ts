import type { FastifyInstance } from 'fastify'
import fastify from 'fastify'
import protect from 'overload-protection'
import type { Work } from '../busy-routes.ts'
import { addBusyRoutes } from '../busy-routes.ts'

/** Its README's way for a plain HTTP server, with its defaults, before anything else of Fastify. */
export async function createService(work: Work): Promise<FastifyInstance> {
  const refusesInstead = protect('http')
  const app = fastify()
  app.addHook('onRequest', (request, reply, done) => {
    if (refusesInstead(request.raw, reply.raw)) reply.hijack()
    else done()
  })
  addBusyRoutes(app, work)
  return app
}
