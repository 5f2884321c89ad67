import type { Priority } from '@spillway/core'
import { isPriority } from '@spillway/core'
import type { RouteFacts } from '@spillway/plugin-kit'
import { configOf } from '@spillway/plugin-kit'
import { parseRouteOptions } from './options.ts'

/** What load shedding does with the requests of a route. */
export type RouteSettings =
  | { readonly kind: 'open' }
  | { readonly kind: 'shed'; readonly priority: Priority | undefined }

const open: RouteSettings = { kind: 'open' }

/** @throws SPW_ERR_OPTION when the route's `config.loadShed` is wrong */
export function routeSettingsOf(own: unknown, { config }: RouteFacts): RouteSettings {
  const options = parseRouteOptions(own)
  if (options === undefined) return open
  return { kind: 'shed', priority: options.priority ?? priorityAtDoor(config) }
}

/** What is important at the door is important here, and is said once. The door checks it. */
function priorityAtDoor(config: unknown): Priority | undefined {
  const priority = configOf(configOf(config, 'concurrencyLimit'), 'priority')
  return isPriority(priority) ? priority : undefined
}
