import { knownKeys } from '../options.ts'
import type { Signal, Thresholds } from './signal.ts'
import { parseThresholds, pressureBetween } from './signal.ts'

export interface HeapUsedOptions extends Thresholds {
  /** Part of the heap's limit from which there is pressure. @default 0.8: above, collections get long */
  readonly from?: number
  /** And at which it is 1. @default 0.95: what is left is needed to answer those who are inside */
  readonly to?: number
}

/** The JavaScript heap against its real limit (`--max-old-space-size`, or what V8 took). */
export function heapUsed(options: HeapUsedOptions = {}): Signal {
  knownKeys('heapUsed', options, ['from', 'to'])
  const thresholds = parseThresholds(options, { from: 0.8, to: 0.95 }, 1)
  return {
    name: 'heapUsed',
    start: ({ process }) => ({
      read: () => {
        const { usedBytes, limitBytes } = process.heap()
        return pressureBetween(usedBytes / limitBytes, thresholds)
      },
    }),
  }
}
