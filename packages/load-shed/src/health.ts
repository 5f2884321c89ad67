import type { Clock } from '@spillway/core'
import { setAwaitedTimer } from '@spillway/core'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { ParsedHealthOptions, ReadyCheck } from './health-options.ts'

/**
 * - `starting`: not listening yet
 * - `ready`: requests are welcome, however many there are
 * - `closing`: the application is being closed; whoever still comes should go elsewhere
 */
type Lifecycle = 'starting' | 'ready' | 'closing'

/** Neither shed nor limited: a probe that fails under load has the instance killed for its load. */
const config = { loadShed: false, concurrencyLimit: false } as const

/** Adds the routes that balancers and orchestrators ask. */
export function addHealthRoutes(
  fastify: FastifyInstance,
  options: ParsedHealthOptions,
  clock: Clock,
): void {
  let lifecycle: Lifecycle = 'starting'
  fastify.addHook('onReady', async () => {
    lifecycle = 'ready'
  })
  fastify.addHook('preClose', async () => {
    lifecycle = 'closing'
  })
  const { livez, readyz, ready, readyTimeoutMs } = options
  if (livez !== undefined) {
    fastify.get(livez, { config, logLevel: 'warn' }, async (_request, reply) =>
      tell(reply, 200, 'alive'),
    )
  }
  if (readyz === undefined) return
  fastify.get(readyz, { config, logLevel: 'warn' }, async (_request, reply) => {
    if (lifecycle !== 'ready') return tell(reply, 503, lifecycle)
    const isReady = await isTrueInTime(ready, clock, readyTimeoutMs)
    return isReady ? tell(reply, 200, 'ready') : tell(reply, 503, 'not ready')
  })
}

function tell(reply: FastifyReply, statusCode: number, status: string): FastifyReply {
  // What a cache in between says of a minute ago is of no use.
  return reply.code(statusCode).header('cache-control', 'no-store').send({ status })
}

/** A check that throws, rejects or does not come to an end has not said yes. */
async function isTrueInTime(check: ReadyCheck, clock: Clock, timeoutMs: number): Promise<boolean> {
  let timer: unknown
  const timeout = new Promise<false>((resolve) => {
    timer = setAwaitedTimer(clock, () => resolve(false), timeoutMs)
  })
  try {
    const answer: unknown = await Promise.race([check(), timeout])
    return answer === true
  } catch {
    return false
  } finally {
    clock.clearTimer(timer)
  }
}
