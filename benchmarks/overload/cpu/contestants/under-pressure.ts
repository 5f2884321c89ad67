import underPressure from '@fastify/under-pressure'
import type { FastifyInstance } from 'fastify'
import fastify from 'fastify'
import type { Work } from '../busy-routes.ts'
import { addBusyRoutes } from '../busy-routes.ts'
import { underPressureOptions } from '../../contestants/under-pressure-options.ts'

export async function createService(work: Work): Promise<FastifyInstance> {
  const app = fastify()
  await app.register(underPressure, underPressureOptions)
  addBusyRoutes(app, work)
  return app
}
