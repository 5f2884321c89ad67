import { describe, expect, it } from 'vitest'
import type { Answer } from '../../simulation/call.ts'
import { Call } from '../../simulation/call.ts'
import { makeDownstream } from '../../simulation/downstream/make-downstream.ts'
import { EventQueue, Moment } from '../../simulation/event-queue.ts'
import { saturatedThroughput } from '../../simulation/knee.ts'
import { Lognormal, Random } from '../../simulation/random.ts'
import type { DownstreamSpec } from '../../simulation/world-spec.ts'

interface Measured {
  readonly meanSojournMs: number
  readonly meanInside: number
  readonly meanRunning: number
}

/** An open Poisson stream of calls straight into a downstream. */
function measure(
  spec: DownstreamSpec,
  perMs: number,
  draw: (random: Random) => number,
  calls = 200_000,
): Measured {
  const queue = new EventQueue()
  const random = new Random(7)
  let sojournMs = 0
  let ended = 0
  let insideSum = 0
  let runningSum = 0
  const downstream = makeDownstream({ ...spec, timeoutMs: 1e9 }, queue, {
    answered(call) {
      sojournMs += queue.now - call.submittedAt
      ended += 1
    },
  })
  let sent = 0
  const arrival = new Moment(() => {
    // Poisson arrivals see time averages.
    insideSum += downstream.inside
    runningSum += downstream.running
    downstream.submit(new Call(0, queue.now, 0, {}, draw(random), 0))
    sent += 1
    if (sent < calls) queue.schedule(arrival, queue.now + random.exponential(1 / perMs))
  })
  queue.schedule(arrival, 0)
  queue.runUntil(1e12)
  expect(ended).toBe(calls)
  return {
    meanSojournMs: sojournMs / ended,
    meanInside: insideSum / sent,
    meanRunning: runningSum / sent,
  }
}

/** Probability that a call has to wait in M/M/c. */
function erlangC(servers: number, offered: number): number {
  let term = 1
  let sum = 1
  for (let n = 1; n < servers; n += 1) {
    term *= offered / n
    sum += term
  }
  const all = ((term * offered) / servers) * (servers / (servers - offered))
  return all / (sum + all)
}

function erlangWaitMs(servers: number, serviceMs: number, perMs: number): number {
  const offered = perMs * serviceMs
  return (erlangC(servers, offered) * serviceMs) / (servers - offered)
}

function relativeError(measured: number, expected: number): number {
  return Math.abs(measured - expected) / expected
}

describe('a pool', { timeout: 60_000 }, () => {
  it.each([
    { servers: 1, load: 0.7 },
    { servers: 5, load: 0.8 },
    { servers: 20, load: 0.9 },
  ])('makes M/M/$servers wait as Erlang C says, at $load', ({ servers, load }) => {
    const perMs = (load * servers) / 20
    const { meanSojournMs } = measure({ kind: 'pool', connections: servers }, perMs, (random) =>
      random.exponential(20),
    )
    expect(relativeError(meanSojournMs - 20, erlangWaitMs(servers, 20, perMs))).toBeLessThan(0.08)
  })

  it('makes M/G/1 wait as Pollaczek and Khinchine say', () => {
    const service = new Lognormal(20, 0.7)
    const perMs = 0.7 / 20
    const { meanSojournMs } = measure({ kind: 'pool', connections: 1 }, perMs, (random) =>
      service.sample(random),
    )
    const waitMs = (perMs * 20 * 20 * (1 + 0.7 ** 2)) / (2 * (1 - 0.7))
    expect(relativeError(meanSojournMs - 20, waitMs)).toBeLessThan(0.08)
  })

  it('is as busy as the utilisation law says', () => {
    const service = new Lognormal(20, 0.7)
    const { meanRunning } = measure({ kind: 'pool', connections: 20 }, 0.6, (random) =>
      service.sample(random),
    )
    expect(relativeError(meanRunning, 0.6 * 20)).toBeLessThan(0.02)
  })
})

describe('processor sharing', { timeout: 60_000 }, () => {
  // Insensitive: the number inside depends on the mean of the service time alone, as in M/M/c.
  it.each([0.2, 0.7, 2])('holds as many calls as M/M/4 for CV %s', (cv) => {
    const service = new Lognormal(20, cv)
    const perMs = (0.8 * 4) / 20
    const { meanInside, meanSojournMs } = measure({ kind: 'sharing', cores: 4 }, perMs, (random) =>
      service.sample(random),
    )
    const sojournMs = 20 + erlangWaitMs(4, 20, perMs)
    expect(relativeError(meanSojournMs, sojournMs)).toBeLessThan(0.08)
    expect(relativeError(meanInside, perMs * sojournMs)).toBeLessThan(0.08)
  })
})

describe('the universal scalability law', { timeout: 60_000 }, () => {
  function throughput(sigma: number, kappa: number, concurrency: number): number {
    return saturatedThroughput(
      {
        downstream: { kind: 'usl', sigma, kappa },
        classes: [{ weight: 1, serviceMs: 20, cv: 0.7 }],
        deadlineMs: 10_000,
      },
      concurrency,
    )
  }

  it.each([1, 5, 20, 35, 60, 100])('gives %i callers the throughput of the formula', (n) => {
    const expected = (n * 50) / (1 + 0.01 * (n - 1) + 0.0008 * n * (n - 1))
    expect(relativeError(throughput(0.01, 0.0008, n), expected)).toBeLessThan(0.02)
  })

  it('peaks at 35 callers with 763/s, and in the fleet form at 141 with 3110/s', () => {
    const best = throughput(0.01, 0.0008, 35)
    expect(relativeError(best, 763)).toBeLessThan(0.02)
    expect(throughput(0.01, 0.0008, 20)).toBeLessThan(0.95 * best)
    expect(throughput(0.01, 0.0008, 70)).toBeLessThan(0.9 * best)
    expect(relativeError(throughput(0.002, 0.00005, 141), 3110)).toBeLessThan(0.02)
  })
})

describe('a downstream in trouble', () => {
  const kinds: readonly DownstreamSpec[] = [
    { kind: 'pool', connections: 2, timeoutMs: 100 },
    { kind: 'sharing', cores: 2, timeoutMs: 100 },
    { kind: 'usl', sigma: 0.01, kappa: 0.001, timeoutMs: 100 },
  ]

  function start(spec: DownstreamSpec) {
    const queue = new EventQueue()
    const answers: { answer: Answer; at: number }[] = []
    const downstream = makeDownstream(spec, queue, {
      answered: (call) => answers.push({ answer: call.answer, at: queue.now }),
    })
    const submit = (demandMs: number): void => {
      downstream.submit(new Call(queue.now, queue.now, 0, {}, demandMs, 0))
    }
    return { queue, answers, downstream, submit }
  }

  it.each(kinds)('answers timeout while it hangs ($kind)', (spec) => {
    const { queue, answers, downstream, submit } = start(spec)
    submit(10)
    downstream.setMode('hung')
    submit(10)
    submit(10)
    queue.runUntil(1000)
    expect(answers).toEqual([1, 2, 3].map(() => ({ answer: 'timeout', at: 100 })))
    expect(downstream.inside).toBe(0)
  })

  it.each(kinds)('goes on where it stopped ($kind)', (spec) => {
    const { queue, answers, downstream, submit } = start(spec)
    submit(10)
    queue.runUntil(4)
    downstream.setMode('hung')
    queue.runUntil(50)
    downstream.setMode('up')
    queue.runUntil(1000)
    expect(answers).toHaveLength(1)
    expect(answers[0]!.answer).toBe('ok')
    expect(answers[0]!.at).toBeCloseTo(56, 9)
  })

  it.each(kinds)('fails what is inside and refuses at once while it is down ($kind)', (spec) => {
    const { queue, answers, downstream, submit } = start(spec)
    for (let call = 0; call < 5; call += 1) submit(10)
    queue.runUntil(1)
    downstream.setMode('down')
    expect(answers.map(({ answer }) => answer)).toEqual(Array(5).fill('failed'))
    submit(10)
    queue.runUntil(2)
    expect(answers[5]).toEqual({ answer: 'failed', at: 2 })
    downstream.setMode('up')
    submit(10)
    queue.runUntil(50)
    expect(answers[6]).toEqual({ answer: 'ok', at: 12 })
  })

  it('a pool starts who waits when it gets more connections, and refuses beyond its room', () => {
    const { queue, answers, downstream, submit } = start({
      kind: 'pool',
      connections: 1,
      maxWaiting: 1,
    })
    for (let call = 0; call < 3; call += 1) submit(10)
    expect(answers).toEqual([{ answer: 'refused', at: 0 }])
    queue.runUntil(5)
    downstream.setCapacity(2)
    queue.runUntil(100)
    expect(answers.map(({ at }) => at)).toEqual([0, 10, 15])
  })
})
