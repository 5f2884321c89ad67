import { pbkdf2Sync } from 'node:crypto'
import { median } from '../../lib/median.ts'

/** Work for the processor that nothing can interrupt: so many rounds of a key derivation. */
export function burn(iterations: number): void {
  pbkdf2Sync('spillway', 'salt', iterations, 32, 'sha256')
}

const trialIterations = 20_000
const trials = 15

/** How many rounds take a millisecond here and now. */
export function iterationsPerMs(): number {
  const durations = Array.from({ length: trials }, () => {
    const startedAt = performance.now()
    burn(trialIterations)
    return performance.now() - startedAt
  })
  return trialIterations / median(durations)!
}
