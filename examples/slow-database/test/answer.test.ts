import { describe, expect, it } from 'vitest'
import { outcomeOf } from '../src/load/answer.ts'

const waited = '{"statusCode":503,"code":"SPW_ERR_QUEUE_TIMEOUT","error":"Service Unavailable"}'
const atOnce = '{"statusCode":503,"code":"SPW_ERR_LIMIT_EXCEEDED","error":"Service Unavailable"}'

describe('outcome of a request', () => {
  it.each([
    [200, 10, '', 'good'],
    [201, 999, '', 'good'],
    [200, 1001, '', 'timed_out'],
    [503, 1, atOnce, 'refused'],
    [429, 1, '', 'refused'],
    [503, 400, waited, 'refused_late'],
    [500, 1, '', 'failed'],
    [504, 900, '', 'failed'],
  ] as const)('%i after %i ms is %s', (status, latencyMs, body, outcome) => {
    expect(outcomeOf(status, latencyMs, 1000, body)).toBe(outcome)
  })
})
