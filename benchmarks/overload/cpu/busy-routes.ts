import type { Priority } from '@spillway/core'
import type { FastifyInstance, FastifyRequest } from 'fastify'

/** What a handler does: something that keeps the process from everything else. */
export type Work = (request: FastifyRequest) => void

/**
 * The paths of the example's shop, so that the same load can be put on them. Every handler does the
 * same work. Priorities are said in the route's configuration, where a contestant may read them.
 */
export function addBusyRoutes(app: FastifyInstance, work: Work): void {
  const handler = async (request: FastifyRequest): Promise<{ readonly done: boolean }> => {
    work(request)
    return { done: true }
  }
  const config = (priority: Priority): object => ({ config: { loadShed: { priority } } })
  app.get('/items', config('default'), handler)
  app.get('/items/:id', config('default'), handler)
  app.post('/orders', config('critical'), handler)
  app.get('/report', config('low'), handler)
}
