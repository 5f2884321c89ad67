import { ManualClock } from '@spillway/test-support'
import type {
  Breaker,
  BreakerOptions,
  BreakerOutcome,
  BreakerPass,
  StateChange,
} from '../src/index.ts'
import { createBreaker } from '../src/index.ts'

/** A breaker whose time and luck are in the test's hands. `random` 0: open times are half. */
export interface World {
  readonly breaker: Breaker
  readonly clock: ManualClock
  readonly changes: StateChange[]
}

export function makeWorld(options: Partial<BreakerOptions> = {}): World {
  const clock = new ManualClock()
  const breaker = createBreaker({ name: 'db', clock, random: () => 0, ...options })
  const changes: StateChange[] = []
  breaker.onStateChange((change) => {
    changes.push(change)
  })
  return { breaker, clock, changes }
}

/** What only a downstream that is not there is answered with. */
export function down(): Error {
  return Object.assign(new Error('down'), { code: 'ECONNREFUSED' })
}

export function pass(breaker: Breaker): BreakerPass {
  const admission = breaker.admit()
  if (admission.kind === 'pass') return admission
  throw new Error(`Refused: ${admission.reason}`)
}

export function call(breaker: Breaker, outcome: BreakerOutcome, times = 1): void {
  for (let made = 0; made < times; made += 1) pass(breaker).end(outcome)
}

/** Opens a circuit with default options, for 250 ms. */
export function trip({ breaker }: World): void {
  call(breaker, 'failure', 10)
}

/** As far as a circuit can be filled at once. */
export function admitAll(breaker: Breaker, callers: number): BreakerPass[] {
  return Array.from({ length: callers }, () => breaker.admit()).filter(
    (admission) => admission.kind === 'pass',
  )
}

/** A promise in the test's hands. */
export interface Deferred<T> {
  readonly promise: Promise<T>
  resolve(value: T): void
  reject(error: unknown): void
}

export function defer<T>(): Deferred<T> {
  let settle: Omit<Deferred<T>, 'promise'> | undefined
  const promise = new Promise<T>((resolve, reject) => {
    settle = { resolve, reject }
  })
  return { promise, ...settle! }
}
