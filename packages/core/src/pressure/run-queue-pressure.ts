import { assumedDeadlineMs } from '../limiter/wait-budget.ts'
import { priorities } from '../priority.ts'
import type { RunQueue } from './run-queue.ts'
import type { Signal } from './signal.ts'

/**
 * How hard-pressed the process is by the requests that wait for it: the part of a second that one which
 * came now would wait, or, as soon as some have been refused, the part of the time that the event loop
 * was busy. It is only told: whom there is no time for is decided by the queue itself.
 */
export function runQueuePressure(queue: Pick<RunQueue, 'counts' | 'stats'>): Signal {
  return {
    name: 'runQueue',
    start: ({ process }) => {
      let activeMs = process.loopActiveMs()
      let refused = refusedBy(queue)
      return {
        read: ({ durationMs }) => {
          const busyMs = process.loopActiveMs() - activeMs
          activeMs += busyMs
          const hasRefused = refusedBy(queue) > refused
          refused = refusedBy(queue)
          const waits = queue.stats().estimatedWaitMs / assumedDeadlineMs
          return Math.max(waits, hasRefused ? busyMs / durationMs : 0)
        },
        woke: () => {
          activeMs = process.loopActiveMs()
          refused = refusedBy(queue)
        },
      }
    },
  }
}

function refusedBy({ counts }: Pick<RunQueue, 'counts'>): number {
  return priorities.reduce((sum, priority) => sum + counts.refused[priority], 0)
}
