import type { Priority } from '@spillway/core'
import { QueueEntry } from '../../../src/limiter/queue-entry.ts'

/** What a test says of a waiting call; the rest does not matter to a queue. */
export interface EntryFields {
  readonly enqueuedAt?: number
  readonly expiresAt?: number
  readonly patienceMs?: number
  readonly mayWaitWhole?: boolean
  readonly priority?: Priority
  readonly cost?: number
}

const nobody = { admitted: (): void => undefined, refused: (): void => undefined }

export function entry(fields: EntryFields = {}): QueueEntry {
  return new QueueEntry({
    owner: { cancelEntry: () => undefined },
    waiter: nobody,
    priority: 'default',
    workload: undefined,
    signal: undefined,
    enqueuedAt: 0,
    expiresAt: 1000,
    serveBy: Infinity,
    cost: 1,
    patienceMs: 1000,
    mayWaitWhole: true,
    ...fields,
  })
}
