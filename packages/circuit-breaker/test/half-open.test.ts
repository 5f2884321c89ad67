import { describe, expect, test } from 'vitest'
import type { BreakerOptions } from '../src/index.ts'
import type { World } from './world.ts'
import { admitAll, call, makeWorld, pass, trip } from './world.ts'

function halfOpen(options: Partial<BreakerOptions> = {}): World {
  const world = makeWorld(options)
  trip(world)
  world.clock.advance(250)
  return world
}

/** Whether it is still half-open; fails when it is for longer than anybody may wait. */
function isHalfOpen({ breaker, clock }: World): boolean {
  if (clock.now() > 60_000) throw new Error('It has been half-open for a minute')
  return breaker.state === 'half_open'
}

/** The probes of all rounds, of which the first `slow` take too long. */
function ramp(world: World, slow: number): void {
  const { breaker, clock } = world
  let left = slow
  while (isHalfOpen(world)) {
    const probes = admitAll(breaker, 100)
    const late = probes.splice(0, Math.min(left, probes.length))
    left -= late.length
    for (const probe of probes) probe.end('success')
    clock.advance(21)
    for (const probe of late) probe.end('success')
  }
}

describe('evidence that counts for nothing', () => {
  test('keeps a circuit half-open no longer than twice the probe interval', () => {
    const world = halfOpen()
    const { breaker, clock, changes } = world
    const startedAt = clock.now()
    while (isHalfOpen(world)) {
      const probe = pass(breaker)
      clock.advance(120)
      probe.end('ignored')
    }
    expect(clock.now() - startedAt).toBeLessThanOrEqual(1000 + 120)
    expect(changes.at(-1)).toMatchObject({ to: 'closed', reason: 'no_evidence' })
  })

  test('gives its place back at once', () => {
    const { breaker } = halfOpen()
    for (let made = 0; made < 100; made += 1) call(breaker, 'ignored')
    expect(breaker.state).toBe('half_open')
    call(breaker, 'success', 15)
    expect(breaker.state).toBe('closed')
  })

  test('does not hide a failure', () => {
    const { breaker, clock } = halfOpen()
    for (let made = 0; made < 8; made += 1) {
      clock.advance(100)
      call(breaker, 'ignored')
    }
    call(breaker, 'failure')
    expect(breaker.state).toBe('open')
  })

  test('does not close it while probes hang and nobody has been answered', () => {
    const { breaker, clock, changes } = halfOpen({ timeoutMs: 5000 })
    const hung = pass(breaker)
    for (let ms = 0; ms < 4000; ms += 100) {
      clock.advance(100)
      for (const probe of admitAll(breaker, 1)) probe.end('ignored')
    }
    expect(breaker.state).toBe('half_open')
    clock.advance(1000)
    hung.end('timeout')
    expect(changes.at(-1)).toMatchObject({ from: 'half_open', to: 'open' })
  })

  test('closes it while probes hang, once somebody has been answered', () => {
    const { breaker, clock } = halfOpen()
    pass(breaker)
    clock.advance(500)
    call(breaker, 'success')
    clock.advance(500)
    call(breaker, 'ignored')
    expect(breaker.state).toBe('closed')
  })

  test('closes it when what hangs has long been too late', () => {
    const { breaker, clock } = halfOpen({ timeoutMs: 5000 })
    pass(breaker)
    clock.advance(5000)
    call(breaker, 'ignored')
    expect(breaker.state).toBe('closed')
  })
})

test('passes that nobody ends keep it half-open for two timeouts, not for ever', () => {
  const world = halfOpen({ timeoutMs: 5000 })
  const { breaker, clock, changes } = world
  const startedAt = clock.now()
  while (isHalfOpen(world)) {
    expect(breaker.wouldRefuse()).toEqual(
      admitAll(breaker, 1).length === 1 ? undefined : expect.anything(),
    )
    clock.advance(100)
  }
  expect(clock.now() - startedAt).toBeLessThanOrEqual(10_100)
  expect(changes.at(-1)).toMatchObject({ to: 'closed', reason: 'no_evidence' })
})

describe('slowness, where it counts', () => {
  const options = { slowCallMs: 20 }

  test('is judged over all probes by the ratio of a closed circuit', () => {
    const normal = halfOpen(options)
    ramp(normal, 12)
    expect(normal.breaker.state).toBe('closed')
    const slow = halfOpen(options)
    ramp(slow, 13)
    expect(slow.changes.at(-1)).toMatchObject({ to: 'open', reason: 'probes_failed' })
  })

  test('is judged as well when the evidence of the others counts for nothing', () => {
    const { breaker, clock } = halfOpen(options)
    const slow = pass(breaker)
    clock.advance(1000)
    slow.end('success')
    call(breaker, 'ignored')
    expect(breaker.state).toBe('open')
  })
})

/** Uniform in [0, 1), the same for each seed. */
function draws(seed: number): () => number {
  let state = seed * 7919
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

/** Milliseconds from the end of a one-second outage until the circuit has closed. */
function recovery(slowShare: number, slowCallMs: number | undefined, seed: number): number {
  const random = draws(seed)
  const { breaker, clock } = makeWorld({ slowCallMs, random })
  const inFlight: { readonly endsAt: number; readonly end: () => void }[] = []
  for (let at = 0; at < 12_000; at += 5) {
    clock.advance(5)
    for (let index = inFlight.length - 1; index >= 0; index -= 1) {
      if (inFlight[index]!.endsAt <= at) inFlight.splice(index, 1)[0]!.end()
    }
    if (at > 3000 && breaker.state === 'closed') return at - 3000
    const admission = breaker.admit()
    if (admission.kind === 'refusal') continue
    const isDown = at >= 2000 && at < 3000
    const endsAt = at + (random() < slowShare ? 300 : 20)
    inFlight.push({ endsAt, end: () => admission.end(isDown ? 'failure' : 'success') })
  }
  return Infinity
}

test.each([0.5, 0.65, 0.7])(
  'calls of which %d are slow as ever are let in again as soon as if slowness did not count',
  (slowShare) => {
    const seeds = Array.from({ length: 20 }, (_, index) => index + 1)
    const median = (slowCallMs: number | undefined): number =>
      seeds.map((seed) => recovery(slowShare, slowCallMs, seed)).toSorted((a, b) => a - b)[10]!
    expect(median(200)).toBeLessThanOrEqual(median(undefined) + 300)
    const worst = Math.max(...seeds.map((seed) => recovery(slowShare, 200, seed)))
    expect(worst).toBeLessThanOrEqual(6000)
  },
)

test('calls that are all slow since are not let in', () => {
  for (let seed = 1; seed <= 5; seed += 1) expect(recovery(1, 200, seed)).toBe(Infinity)
})
