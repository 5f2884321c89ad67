import { parsedAt } from '@spillway/core'
import type { FastifyInstance, FastifyRequest, RouteOptions } from 'fastify'
import { routeOf } from './request-state.ts'

/** Where a piece of route configuration stands. */
export interface RouteFacts {
  /** The pattern, such as `/orders/:id`; undefined for requests that no route matches. */
  readonly url: string | undefined
  /** `GET`, or `GET,POST` for a route with several. */
  readonly method: string
  /** All of its `config`, for what another plugin's part says as well. */
  readonly config?: unknown
}

/** Reads one key of a route's `config`; throws when it is wrong. */
export type RouteConfigParser<T> = (config: unknown, route: RouteFacts) => T

/**
 * Gives each route its settings, parsed from one key of its `config`. A mistake fails while the
 * application starts; what a route needs on each request is parsed once.
 *
 * @throws SPW_ERR_OPTION at the registration of a route, with the route's name before the message
 */
export function routeSettings<T extends object>(
  fastify: FastifyInstance,
  key: string,
  parse: RouteConfigParser<T>,
): (request: FastifyRequest) => T {
  const settings = new WeakMap<object, T>()
  fastify.addHook('onRoute', (route) => {
    const facts = routeFacts(route)
    parsedAt(`${facts.method} ${facts.url}`, () => parse(configOf(route.config, key), facts))
  })
  return (request) => {
    const { config, url, method } = routeOf(request)
    const known = settings.get(config)
    if (known !== undefined) return known
    const fresh = parse(configOf(config, key), { url, method: String(method), config })
    settings.set(config, fresh)
    return fresh
  }
}

const workloads = new WeakMap<object, string>()

/**
 * The method and the pattern of a request's route, never its URL: the requests of one route cost about
 * the same, and there are only so many routes.
 */
export function workloadOf(request: FastifyRequest): string {
  const { config, url, method } = routeOf(request)
  let workload = workloads.get(config)
  if (workload === undefined) {
    workload = workloadName({ url, method: String(method) })
    workloads.set(config, workload)
  }
  return workload
}

/** The same for a route of which the facts are known. */
export function workloadName({ url = 'unmatched', method }: RouteFacts): string {
  return `${method} ${url}`
}

/** What `onRoute` tells about a route, in the words of its settings. */
export function routeFacts({ url, method, config }: RouteOptions): RouteFacts {
  return { url, method: String(method), config }
}

/** One key of a route's `config`; undefined when there is none. */
export function configOf(config: unknown, key: string): unknown {
  return (config as Record<string, unknown> | undefined)?.[key]
}
