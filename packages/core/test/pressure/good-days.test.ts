import type { Priority } from '@spillway/core'
import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import type { VirtualAnswer, VirtualRequest } from './virtual-service.ts'
import { VirtualService } from './virtual-service.ts'

// A second on an idle machine; a busy one, with coverage, needs more.
vi.setConfig({ testTimeout: 60_000 })

const patienceMs = 1000
/** Part of its patience by which the bare process must answer, for the answer to be no near thing. */
const amply = 0.75
const seconds = 4

/** Whom the bare process answers amply in time is answered with the queue, too, and in time. */
function expectNobodyIsRefused(requests: readonly VirtualRequest[]): void {
  const bare = new VirtualService({ kind: 'bare', patienceMs }).play(requests)
  const waits = bare.answers.map(({ at, request }) => at - request.at)
  fc.pre(Math.max(...waits) <= amply * patienceMs)
  const shed = new VirtualService({ kind: 'shed', patienceMs }).play(requests)
  expect({ refused: shed.count('refused'), late: shed.count('late') }).toEqual({
    refused: 0,
    late: 0,
  })
  expect(shed.answers).toHaveLength(requests.length)
}

const spread = (count: number, from: number, ms: number, workMs: number): VirtualRequest[] =>
  Array.from({ length: count }, (_, index) => ({ at: from + (index * ms) / count, workMs }))

const everySecond = (make: (from: number) => VirtualRequest[]): VirtualRequest[] =>
  Array.from({ length: seconds }, (_, second) => make(second * 1000)).flat()

const workMs = fc.double({ min: 0.05, max: 20, noNaN: true })

describe('nobody is refused who would have been answered in time', () => {
  test('a burst of many at once, once a second, in turns larger and smaller', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 1500 }), { minLength: 2, maxLength: 6 })
    fc.assert(
      fc.property(sizes, workMs, (burst, work) => {
        expectNobodyIsRefused(burst.flatMap((size, index) => spread(size, index * 1000, 0, work)))
      }),
    )
  })

  test('a steady load, of 0.2 to 0.95 of the processor', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.2, max: 0.95, noNaN: true }), workMs, (load, work) => {
        const count = Math.floor((load * seconds * 1000) / (work + 0.1))
        expectNobodyIsRefused(spread(count, 0, seconds * 1000, work))
      }),
      { numRuns: 30 },
    )
  })

  test('requests that block for long among quick ones, and a burst behind them', () => {
    const mix = fc.record({
      blockMs: fc.integer({ min: 50, max: 500 }),
      quick: fc.integer({ min: 10, max: 400 }),
      quickMs: fc.double({ min: 0.1, max: 1, noNaN: true }),
      burst: fc.integer({ min: 0, max: 400 }),
      at: fc.integer({ min: 0, max: 900 }),
    })
    fc.assert(
      fc.property(mix, ({ blockMs, quick, quickMs, burst, at }) => {
        expectNobodyIsRefused(
          everySecond((from) => [
            { at: from + at, workMs: blockMs },
            ...spread(quick, from, 1000, quickMs),
            ...spread(burst, from + at + 1, 0, quickMs),
          ]),
        )
      }),
      {
        numRuns: 50,
        examples: [
          // What waits behind a block was once reckoned by what the processor seemed to need just then.
          [{ blockMs: 198, quick: 395, quickMs: 1, burst: 379, at: 185 }],
          [{ blockMs: 494, quick: 392, quickMs: 0.667, burst: 333, at: 272 }],
        ],
      },
    )
  })

  test('unlike requests: one in ten takes twenty times longer', () => {
    fc.assert(
      fc.property(fc.integer({ min: 50, max: 250 }), fc.nat(9), (perSecond, offset) => {
        const requests = spread(seconds * perSecond, 0, seconds * 1000, 1)
        expectNobodyIsRefused(
          requests.map((one, index) => (index % 10 === offset ? { ...one, workMs: 20 } : one)),
        )
      }),
      { numRuns: 30 },
    )
  })

  test.each([
    { clients: 50, work: 2 },
    { clients: 200, work: 0.5 },
    { clients: 500, work: 0.2 },
    { clients: 500, work: 1.2 },
    { clients: 30, work: 20 },
  ])('a full pool: $clients clients that ask again at once, $work ms each', ({ clients, work }) => {
    const both = (['bare', 'shed'] as const).map((kind) => playPool(kind, clients, work))
    const [bare, shed] = both.map((service) => service.count('answered'))
    expect(both[1]!.count('refused')).toBe(0)
    expect(shed).toBeGreaterThan(0.95 * bare!)
  })

  test('a full pool, with a block of 300 ms once a second', () => {
    const blocks = everySecond((from) => [{ at: from + 500, workMs: 300, priority: 'low' }])
    const service = playPool('shed', 200, 0.5, blocks)
    expect(service.count('refused', ({ workMs: work }) => work < 1)).toBe(0)
  })

  test('a full pool, beside a stranger who says that he has no time', () => {
    const stranger = spread(200, 0, seconds * 1000, 0.5).map((one) => ({ ...one, deadlineMs: 20 }))
    const service = playPool('shed', 200, 0.5, stranger)
    expect(service.count('refused', ({ deadlineMs }) => deadlineMs === undefined)).toBe(0)
    expect(service.count('late', ({ deadlineMs }) => deadlineMs === undefined)).toBe(0)
  })
})

/** Clients that ask again as soon as they have an answer, whatever it is. */
function playPool(
  kind: 'bare' | 'shed',
  clients: number,
  work: number,
  others: readonly VirtualRequest[] = [],
): VirtualService {
  const isOfPool = new Set<VirtualRequest>()
  const request = (at: number): VirtualRequest => {
    const one = { at, workMs: work }
    isOfPool.add(one)
    return one
  }
  const next = (answer: VirtualAnswer): VirtualRequest | undefined =>
    answer.at < seconds * 1000 && isOfPool.has(answer.request)
      ? request(answer.at + 0.1)
      : undefined
  return new VirtualService({ kind, patienceMs, next }).play([
    ...Array.from({ length: clients }, () => request(0)),
    ...others,
  ])
}

describe('and on bad days', () => {
  const priorities: readonly Priority[] = ['critical', 'default', 'default', 'default', 'low']
  const work = 9.8
  const capacity = (seconds * 1000) / work

  test.each([1.1, 1.3, 2, 5, 10])('at %d times what it can do, it does what it can', (load) => {
    const count = Math.floor(load * capacity)
    const requests = spread(count, 0, seconds * 1000, work).map((one, index) => ({
      ...one,
      priority: priorities[index % 5]!,
    }))
    const service = new VirtualService({ kind: 'shed', patienceMs }).play(requests)
    const critical = service.count('answered', ({ priority }) => priority === 'critical')
    // What refusals cost at 10x is a tenth of the processor.
    expect(service.count('answered')).toBeGreaterThan(0.9 * capacity)
    expect(critical).toBeGreaterThan(0.85 * Math.min(capacity, count / 5))
    expect(service.count('late')).toBeLessThan(0.01 * capacity)
  })

  test('clients that ask again as soon as they are refused do not have it do nothing but refuse', () => {
    const service = playPool('shed', 500, 2.2)
    expect(service.count('refused')).toBeGreaterThan(1000)
    expect(service.count('answered')).toBeGreaterThan((0.35 * seconds * 1000) / 2.2)
  })

  test('a pool that was too large for a while is served as before when it has shrunk', () => {
    let allowed = 3000
    const next = (answer: VirtualAnswer): VirtualRequest | undefined => {
      if (answer.at > 5000 && allowed > 200) {
        allowed -= 1
        return undefined
      }
      return answer.at < 20_000 ? { at: answer.at + 5, workMs: 0.5 } : undefined
    }
    const service = new VirtualService({ kind: 'shed', patienceMs, next })
    service.play(Array.from({ length: allowed }, () => ({ at: 0, workMs: 0.5 })))
    const after = service.answers.filter(({ request }) => request.at > 15_000)
    expect(service.count('refused')).toBeGreaterThan(0)
    expect(after.length).toBeGreaterThan(5000)
    expect(after.filter(({ outcome }) => outcome !== 'answered')).toEqual([])
  })
})
