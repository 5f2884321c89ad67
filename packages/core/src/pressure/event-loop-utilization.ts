import { knownKeys } from '../options.ts'
import type { Signal, Thresholds } from './signal.ts'
import { parseThresholds, pressureBetween } from './signal.ts'

export interface EventLoopUtilizationOptions extends Thresholds {
  /** Part of an interval that the loop is active from which there is pressure. @default 0.9 */
  readonly from?: number
  /** And at which it is 1. @default 1 */
  readonly to?: number
}

/**
 * The part of the time in which the event loop was active, of each interval alone: since the start,
 * hours of idle night would hide a busy morning. Keeps a process below its full utilization, at the
 * price of some of its throughput; `eventLoopDelay`, the default, lets it work to the full.
 */
export function eventLoopUtilization(options: EventLoopUtilizationOptions = {}): Signal {
  knownKeys('eventLoopUtilization', options, ['from', 'to'])
  const thresholds = parseThresholds(options, { from: 0.9, to: 1 }, 1)
  return {
    name: 'eventLoopUtilization',
    start: ({ process }) => {
      let before = process.loopActiveMs()
      return {
        read: ({ durationMs }) => {
          const active = process.loopActiveMs()
          const utilization = (active - before) / durationMs
          before = active
          return pressureBetween(utilization, thresholds)
        },
        woke: () => {
          before = process.loopActiveMs()
        },
      }
    },
  }
}
