import { functionOption, invalidOption, knownKeys, milliseconds } from '@spillway/core'

/** Whether something that the service cannot do without is there. */
export type ReadyCheck = () => boolean | PromiseLike<boolean>

export interface HealthOptions {
  /** Path that says that the process lives; false: none. @default '/livez' */
  readonly livez?: string | false
  /** Path that says whether to send requests; false: none. @default '/readyz' */
  readonly readyz?: string | false
  /**
   * What must be true for the service to be ready, beside having started and not closing. Overload is
   * not asked for: an instance that says it is not ready pushes its load on the others.
   *
   * @default always true
   */
  readonly ready?: ReadyCheck
  /** Longest time, in milliseconds, that `ready` may take to say so. @default 1000 */
  readonly readyTimeoutMs?: number
}

export interface ParsedHealthOptions {
  readonly livez: string | undefined
  readonly readyz: string | undefined
  readonly ready: ReadyCheck
  readonly readyTimeoutMs: number
}

/** Undefined: no such routes. @throws SPW_ERR_OPTION */
export function parseHealth(value: HealthOptions | boolean): ParsedHealthOptions | undefined {
  if (value === false) return undefined
  if (value !== true && (typeof value !== 'object' || value === null)) {
    throw invalidOption('health', 'true, false or an object of options', value)
  }
  const options =
    value === true ? {} : knownKeys('health', value, ['livez', 'readyz', 'ready', 'readyTimeoutMs'])
  return {
    livez: path('health.livez', options.livez ?? '/livez'),
    readyz: path('health.readyz', options.readyz ?? '/readyz'),
    ready: functionOption('health.ready', options.ready ?? (() => true)),
    readyTimeoutMs: milliseconds('health.readyTimeoutMs', options.readyTimeoutMs ?? 1000, 1),
  }
}

function path(name: string, value: unknown): string | undefined {
  if (value === false) return undefined
  if (typeof value === 'string' && value.startsWith('/')) return value
  throw invalidOption(name, "a path that begins with '/', or false", value)
}
