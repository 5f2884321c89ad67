import type { Priority, Refusal } from '@spillway/core'
import { SpillwayError } from '@spillway/core'
import type { FastifyInstance } from 'fastify'

/** What a guard decides by: a request says of itself what the calls of its handler will say. */
interface Question {
  readonly priority: Priority
  readonly deadlineMs: number | undefined
  readonly callerDeadlineMs: number | undefined
  readonly partition: string | undefined
  readonly workload: string
}

/** A request at the door. */
interface Asker extends Omit<Question, 'partition'> {
  /** The one that its handler names to guards, too; that of its route is the door's alone. */
  readonly namedPartition: string | undefined
}

/** As much of a refusal as is answered; a guard's breaker refuses as well as its limiter. */
type GuardRefusal = Pick<Refusal, 'code' | 'retryAfterMs'>

/** As much of a guard as a door needs. By shape: plugins do not import each other. */
export interface GuardLike {
  readonly name: string
  wouldRefuse(question: Question): GuardRefusal | undefined
}

/** As much of the decorator `app.guards`. */
interface GuardsLike {
  get(name: string): GuardLike | undefined
  values(): Iterable<GuardLike>
}

function guardsOf(fastify: FastifyInstance): GuardsLike | undefined {
  return (fastify as { guards?: GuardsLike }).guards
}

/** The first of the named guards that would refuse such a call now, and how. */
export function refusingGuard(
  fastify: FastifyInstance,
  names: readonly string[],
  { priority, deadlineMs, callerDeadlineMs, namedPartition, workload }: Asker,
): { readonly guard: string; readonly refusal: GuardRefusal } | undefined {
  const guards = guardsOf(fastify)
  const asked = { priority, deadlineMs, callerDeadlineMs, partition: namedPartition, workload }
  for (const guard of names) {
    const refusal = guards?.get(guard)?.wouldRefuse(asked)
    if (refusal !== undefined) return { guard, refusal }
  }
  return undefined
}

/** Which routes depend on what, until the application is ready. */
export class DependencyCheck {
  readonly #routes: { fastify: FastifyInstance; route: string; names: readonly string[] }[] = []

  add(fastify: FastifyInstance, route: string, names: readonly string[]): void {
    this.#routes.push({ fastify, route, names })
  }

  /** @throws SPW_ERR_OPTION when a route depends on a guard that nobody has defined */
  run(): void {
    for (const { fastify, route, names } of this.#routes) {
      for (const name of names) checkDefined(guardsOf(fastify), route, name)
    }
    this.#routes.length = 0
  }
}

function checkDefined(guards: GuardsLike | undefined, route: string, name: string): void {
  if (guards?.get(name) !== undefined) return
  const known = Array.from(guards?.values() ?? [], (guard) => `'${guard.name}'`)
  const list = known.length === 0 ? 'none is defined' : `defined are ${known.join(', ')}`
  throw new SpillwayError('SPW_ERR_OPTION', {
    message: `${route}: \`concurrencyLimit.dependsOn\` names the guard '${name}', but ${list}`,
  })
}
