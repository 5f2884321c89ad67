import type { Clock } from '../clock.ts'
import { adaptiveLimit } from '../limit/adaptive.ts'
import type { Limit } from '../limit/limit.ts'
import { makeLimit } from '../limit/make-limit.ts'
import type { Mode } from '../mode.ts'
import { modeOption } from '../mode.ts'
import { clockOption, integerBetween, knownKeys, milliseconds, nonEmptyString } from '../options.ts'
import type { LimiterOptions, QueueOptions } from './limiter.ts'

/** Every option with a value. */
export interface ParsedLimiterOptions extends QueueBounds {
  readonly name: string
  readonly limit: Limit
  readonly mode: Mode
  readonly clock: Clock
}

/** How many may wait, and how long at the most. */
export interface QueueBounds {
  readonly maxSize: number
  /** Undefined: scaled to each call's deadline. */
  readonly maxWaitMs: number | undefined
}

export function parseLimiterOptions(options: LimiterOptions): ParsedLimiterOptions {
  knownKeys('options', options, ['name', 'limit', 'queue', 'mode', 'clock'])
  const clock = clockOption(options.clock)
  return {
    name: nonEmptyString('name', options.name),
    limit: makeLimit(options.limit ?? adaptiveLimit(), { clock }),
    mode: modeOption('mode', options.mode === undefined ? 'enforce' : options.mode),
    clock,
    ...parseQueueOptions(options.queue ?? {}),
  }
}

function parseQueueOptions(queue: QueueOptions): QueueBounds {
  knownKeys('queue', queue, ['maxSize', 'maxWaitMs'])
  const { maxSize = 1000, maxWaitMs } = queue
  return {
    maxSize: integerBetween('queue.maxSize', maxSize, 0, Number.MAX_SAFE_INTEGER),
    maxWaitMs: maxWaitMs === undefined ? undefined : milliseconds('queue.maxWaitMs', maxWaitMs),
  }
}
