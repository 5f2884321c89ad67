import type { Phase } from '../evidence.ts'
import type { Scenario, Variant } from '../scenario.ts'
import { atMost } from '../score.ts'
import type { CallClass, WorldSpec } from '../world-spec.ts'
import { between, loadedPool, minute, pool, second } from './common.ts'

const durationMs = minute
/** The stretch in which one of the variants is slow. */
const phase: Phase = { from: 15 * second, to: 45 * second }

/** Equal shares of callers who wait from 100 ms to 5 s. */
const classes: readonly CallClass[] = [100, 300, 1000, 2500, 5000].map((deadlineMs) => ({
  ...pool().classes[0]!,
  name: `${deadlineMs} ms`,
  weight: 1,
  deadlineMs,
}))

/** Nothing is cancelled here: what has started ends, and counts as wasted when it ends too late. */
function variant(name: string, spec: WorldSpec): Variant {
  return {
    name,
    spec: { ...spec, classes },
    judge(evidence) {
      const wastedPercent = evidence.wastedPercent()
      return {
        score: atMost(wastedPercent, 3),
        pass: wastedPercent <= 3,
        moonshot: wastedPercent <= 1,
        figures: { wastedPercent, goodput: evidence.goodput(phase) },
      }
    },
  }
}

export const mixedDeadlines: Scenario = {
  id: 32,
  title: 'Deadlines mixed 100 ms to 5 s',
  variants: [
    variant('0.9x', loadedPool(0.9, durationMs)),
    variant('1.2x', loadedPool(1.2, durationMs)),
    variant('3x', loadedPool(3, durationMs)),
    variant('0.7x, 3x slower for 30 s', {
      ...loadedPool(0.7, durationMs),
      slowdown: between(phase.from, phase.to, 3),
    }),
  ],
}
