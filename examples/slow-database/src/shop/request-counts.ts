import type { FastifyInstance, FastifyReply } from 'fastify'
import { hasWaited } from '../load/answer.ts'

/** What a service counts of its own requests, whatever stands at its door. */
export interface RequestCounts {
  /** Requests that ever reached the service: proof of the arrival rate. */
  arrived: number
  /** Requests that are neither answered nor given up. */
  open: number
  /** What each refusal took, from the request's arrival to its answer; whoever reports empties it. */
  refusedMs: number[]
}

export function countRequests(app: FastifyInstance): RequestCounts {
  const counts: RequestCounts = { arrived: 0, open: 0, refusedMs: [] }
  app.server.on('request', (_request, response) => {
    counts.arrived += 1
    counts.open += 1
    response.once('close', () => {
      counts.open -= 1
    })
  })
  timeRefusals(app, counts)
  return counts
}

/** Only refusals that came at once: time in a queue is spent on purpose. */
function timeRefusals(app: FastifyInstance, counts: RequestCounts): void {
  const atOnce = new WeakSet<FastifyReply>()
  app.addHook('onSend', async (_request, reply, payload) => {
    if (reply.statusCode !== 503 && reply.statusCode !== 429) return
    if (!hasWaited(typeof payload === 'string' ? payload : '')) atOnce.add(reply)
  })
  app.addHook('onResponse', async (_request, reply) => {
    if (atOnce.has(reply)) counts.refusedMs.push(reply.elapsedTime)
  })
}
