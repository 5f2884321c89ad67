import { describe, expect, test } from 'vitest'
import { makeWorld } from './world.ts'

const settled = Promise.resolve()

/**
 * A database that 100 callers a second ask, each with 400 ms of patience. It answers within 5 ms until
 * it dies at 2 s; it comes back ten seconds later, or whenever the test says. In the test's own time, so that the figures are exact.
 */
async function outage(
  death: 'refuses' | 'is silent',
  luck: number,
  returnsAt = 12_000,
): Promise<{ cutOffMs: number; foundMs: number; callsWhileDead: number; mostAtOnce: number }> {
  const { breaker, clock, changes } = makeWorld({ random: () => luck })
  const diesAt = 2000
  const marks = { cutOffMs: Infinity, foundMs: Infinity, callsWhileDead: 0, mostAtOnce: 0 }
  let atOnce = 0
  const ask = async (signal: AbortSignal): Promise<void> => {
    const isDead = clock.now() >= diesAt && clock.now() < returnsAt
    if (isDead && breaker.state !== 'closed') marks.callsWhileDead += 1
    if (isDead && death === 'refuses') throw Object.assign(new Error(), { code: 'ECONNREFUSED' })
    atOnce += 1
    if (!isDead && changes.length > 0 && breaker.state === 'half_open') {
      marks.mostAtOnce = Math.max(marks.mostAtOnce, atOnce)
    }
    await new Promise<void>((resolve, reject) => {
      if (!isDead) clock.setTimer(resolve, 5)
      signal.addEventListener('abort', () => {
        reject(new Error('aborted'))
      })
    }).finally(() => {
      atOnce -= 1
    })
  }
  for (let ms = 0; ms < returnsAt + 2000; ms += 1) {
    if (ms % 10 === 0) breaker.run(ask, { deadlineMs: 400 }).catch(() => {})
    clock.advance(1)
    // Enough turns for a settled call to be counted.
    for (let turn = 0; turn < 8; turn += 1) await settled
    if (marks.cutOffMs === Infinity && breaker.state === 'open') {
      marks.cutOffMs = clock.now() - diesAt
    }
    const isFound = clock.now() > returnsAt && breaker.state === 'closed'
    if (marks.foundMs === Infinity && isFound) marks.foundMs = clock.now() - returnsAt
  }
  return marks
}

describe.each(['refuses', 'is silent'] as const)('a database that %s', (death) => {
  test.each([0, 0.5, 0.999])(
    'is cut off and found again within a second (luck %d)',
    async (luck) => {
      const { cutOffMs, foundMs, callsWhileDead, mostAtOnce } = await outage(death, luck)
      expect(cutOffMs).toBeLessThanOrEqual(1000)
      expect(foundMs).toBeLessThanOrEqual(1000)
      // Ten seconds with a probe every 400 to 800 ms.
      expect(callsWhileDead).toBeLessThanOrEqual(26)
      expect(mostAtOnce).toBeLessThanOrEqual(8)
    },
  )

  test('is found within a second at whatever moment between two probes it returns', async () => {
    const found: number[] = []
    for (let returnsAt = 5000; returnsAt < 5800; returnsAt += 50) {
      found.push((await outage(death, 0.999, returnsAt)).foundMs)
    }
    expect(Math.max(...found)).toBeLessThanOrEqual(1000)
  })
})
