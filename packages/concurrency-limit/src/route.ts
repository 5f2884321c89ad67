import type { Priority } from '@spillway/core'
import type { RouteFacts } from '@spillway/plugin-kit'
import { workloadName } from '@spillway/plugin-kit'
import { RouteUse } from './excess.ts'
import type { Door, LimiterSet } from './limiter-set.ts'
import { parseRouteOptions } from './options.ts'

/** What the door does with the requests of a route. */
export type RouteSettings = { readonly kind: 'open' } | LimitedRoute

export interface LimitedRoute {
  readonly kind: 'limited'
  readonly door: Door
  readonly priority: Priority | undefined
  readonly maxWaitMs: number | undefined
  readonly deadlineMs: number | false | undefined
  readonly dependsOn: readonly string[]
  /** The pattern, never the URL: requests of one pattern cost about the same. */
  readonly workload: string
  readonly use: RouteUse
  /** Whether a WebSocket of the route holds its permit until it closes: only where the route says so. */
  readonly keepsSockets: boolean
}

const open: RouteSettings = { kind: 'open' }
const none: readonly string[] = []

/** @throws SPW_ERR_OPTION when the route's `config.concurrencyLimit` is wrong */
export function routeSettingsOf(
  limiters: LimiterSet,
  config: unknown,
  facts: RouteFacts,
): RouteSettings {
  const options = parseRouteOptions(config, limiters.names)
  if (options === undefined) return open
  const { limiter, priority, maxWaitMs, deadlineMs, dependsOn = none } = options
  const door = limiter === undefined ? limiters.defaultDoor : limiters.door(limiter)!
  return {
    kind: 'limited',
    door,
    priority,
    maxWaitMs,
    deadlineMs,
    dependsOn,
    workload: workloadName(facts),
    use: new RouteUse(),
    keepsSockets: config !== undefined,
  }
}
