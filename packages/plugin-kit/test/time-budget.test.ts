import { describe, expect, test } from 'vitest'
import type { TimeClaims } from '../src/time-budget.ts'
import { timeBudget } from '../src/time-budget.ts'

const nothing = {
  handlerTimeoutMs: undefined,
  routeMs: undefined,
  defaultMs: undefined,
  wishes: undefined,
}

function says(deadlineMs: number, isTrusted: boolean): TimeClaims['wishes'] {
  return { deadlineMs, isTrusted, priority: undefined }
}

describe('timeBudget', () => {
  test.each<[string, Partial<TimeClaims>, number]>([
    ['nobody says anything', {}, Infinity],
    ['the default', { defaultMs: 1000 }, 1000],
    ['handlerTimeout instead of the default', { defaultMs: 1000, handlerTimeoutMs: 5000 }, 5000],
    ['the route instead of the default, longer', { defaultMs: 1000, routeMs: 60_000 }, 60_000],
    ['the route instead of the default, shorter', { defaultMs: 1000, routeMs: 10 }, 10],
    ['the route where there is no default', { routeMs: 60_000 }, 60_000],
    ['a route without one', { defaultMs: 1000, routeMs: false }, Infinity],
    ['a route, bounded by handlerTimeout', { routeMs: 60_000, handlerTimeoutMs: 5000 }, 5000],
    ['a route within handlerTimeout', { routeMs: 600, handlerTimeoutMs: 5000 }, 600],
    ['a route without one, and handlerTimeout', { routeMs: false, handlerTimeoutMs: 5000 }, 5000],
    ['a trusted caller, shorter', { defaultMs: 1000, wishes: says(200, true) }, 200],
    ['a trusted caller, longer', { defaultMs: 1000, wishes: says(2000, true) }, 2000],
    ['a trusted caller on a route', { routeMs: 1000, wishes: says(2000, true) }, 2000],
    ['a trusted caller on a route without one', { routeMs: false, wishes: says(200, true) }, 200],
    ['a trusted caller and handlerTimeout', { handlerTimeoutMs: 9, wishes: says(20, true) }, 9],
  ])('%s', (_, claims, ownMs) => {
    expect(timeBudget({ ...nothing, ...claims })).toEqual({ ownMs, callerMs: Infinity })
  })

  test.each<[string, Partial<TimeClaims>, number, number]>([
    ['alone', {}, Infinity, 200],
    ['below the default', { defaultMs: 1000 }, 1000, 200],
    ['below handlerTimeout', { handlerTimeoutMs: 1000 }, 1000, 200],
    ['on a route without a deadline', { routeMs: false, defaultMs: 100 }, Infinity, 200],
    ['as long as the default', { defaultMs: 200 }, 200, Infinity],
    ['above the default', { defaultMs: 100 }, 100, Infinity],
  ])('a stranger, %s, is kept apart and never loosens', (_, claims, ownMs, callerMs) => {
    const wishes = says(200, false)
    expect(timeBudget({ ...nothing, ...claims, wishes })).toEqual({ ownMs, callerMs })
  })
})
