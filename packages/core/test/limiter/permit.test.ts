import { isSpillwayError } from '@spillway/core'
import { describe, expect, test } from 'vitest'
import { refusal, refusalReasons } from '../../src/limiter/admission.ts'
import { IssuedPermit } from '../../src/limiter/permit.ts'
import type { PermitOwner } from '../../src/limiter/permit.ts'
import { PermitPromise } from '../../src/limiter/permit-promise.ts'
import { Tally } from '../../src/limiter/tally.ts'

function ownerOf(settle: PermitOwner['settle']): PermitOwner {
  return { now: () => 10, vacate: () => {}, occupy: () => {}, settle }
}

function issue(settled: IssuedPermit[]): IssuedPermit {
  const owner = ownerOf((permit) => settled.push(permit))
  return new IssuedPermit(owner, 'high', 'read', 250, 10, 5, 3)
}

describe('a permit', () => {
  test('comes back once, with the first outcome', () => {
    const settled: IssuedPermit[] = []
    const permit = issue(settled)
    permit.release('dropped')
    permit.release()
    permit.release('ignored')
    expect(settled).toEqual([permit])
    expect(permit.outcome).toBe('dropped')
  })

  test.each(['failed', '', null, 5, 'Success'])(
    'comes back, ignored, with the outcome %j',
    (word) => {
      const settled: IssuedPermit[] = []
      const permit = issue(settled)
      expect(() => permit.release(word as never)).toThrow(
        "Expected `outcome` to be one of 'success', 'dropped', 'ignored', got ",
      )
      permit.release('dropped')
      expect(settled).toEqual([permit])
      expect(permit.outcome).toBe('ignored')
    },
  )

  test('comes back once even if it is released while it comes back', () => {
    let settled = 0
    const permit: IssuedPermit = new IssuedPermit(
      ownerOf((own) => {
        settled += 1
        own.release()
      }),
      'high',
      undefined,
      1000,
      0,
      0,
      1,
    )
    permit.release()
    expect(settled).toBe(1)
  })

  test('is a success unless said otherwise, and the sample of its own call', () => {
    const settled: IssuedPermit[] = []
    issue(settled).release()
    expect(settled[0]).toMatchObject({
      kind: 'permit',
      outcome: 'success',
      priority: 'high',
      workload: 'read',
      patienceMs: 250,
      startedAt: 10,
      waitedMs: 5,
      inFlight: 3,
    })
  })
})

describe('the promise of a permit', () => {
  test('resolves with it', async () => {
    const waiter = new PermitPromise()
    const promise = waiter.promise()
    const permit = issue([])
    waiter.admitted(permit)
    expect(await promise).toBe(permit)
  })

  test.each(refusalReasons)('rejects with an error that says why: %s', async (reason) => {
    const waiter = new PermitPromise()
    const promise = waiter.promise()
    const answer = refusal(reason, 40)
    waiter.refused(answer)
    const error: unknown = await promise.catch((thrown: unknown) => thrown)
    expect(isSpillwayError(error)).toBe(true)
    expect(error).toMatchObject({ code: answer.code, reason, retryAfterMs: 40 })
  })

  test('is not made for somebody who was answered at once', () => {
    expect(() => {
      new PermitPromise().admitted(issue([]))
      new PermitPromise().refused(refusal('limit', 0))
    }).not.toThrow()
  })
})

describe('the tally', () => {
  test('starts at 0 for everything that can happen', () => {
    const { admitted, refused, released } = new Tally().snapshot()
    const none = Object.fromEntries(refusalReasons.map((reason) => [reason, 0]))
    expect(admitted).toEqual({ critical: 0, high: 0, default: 0, low: 0 })
    expect(refused).toEqual({ critical: none, high: none, default: none, low: none })
    expect(released).toEqual({ success: 0, dropped: 0, ignored: 0 })
  })

  test('gives away copies', () => {
    const tally = new Tally()
    const before = tally.snapshot()
    tally.admitted.low += 1
    tally.refused.high.waited += 1
    tally.released.dropped += 1
    expect(before).toEqual(new Tally().snapshot())
    const after = tally.snapshot()
    expect([after.admitted.low, after.refused.high.waited, after.released.dropped]).toEqual([
      1, 1, 1,
    ])
    expect(after.refused.low.waited).toBe(0)
  })
})
