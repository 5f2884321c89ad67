import { errorTable, isSpillwayError, refusalError, SpillwayError } from '@spillway/core'
import type { ErrorCode } from '@spillway/core'
import { describe, expect, test } from 'vitest'

describe('an error', () => {
  test.each(Object.keys(errorTable) as ErrorCode[])('%s carries what the table says', (code) => {
    const error = new SpillwayError(code)
    expect(error).toBeInstanceOf(Error)
    expect(error).toMatchObject({ name: 'SpillwayError', code, ...errorTable[code] })
    expect([error.reason, error.retryAfterMs]).toEqual([undefined, undefined])
    expect('cause' in error).toBe(false)
  })

  test('carries what it was given', () => {
    const cause = new Error('socket hang up')
    const more = { message: 'no', reason: 'limit', retryAfterMs: 20, cause }
    expect(new SpillwayError('SPW_ERR_DEADLINE', more)).toMatchObject(more)
    expect('cause' in new SpillwayError('SPW_ERR_DEADLINE', { cause: undefined })).toBe(true)
  })

  test('is recognised when another copy of the package made it, and nothing else is', () => {
    const foreign = Object.assign(new Error('x'), { [Symbol.for('spillway.error')]: true })
    expect(isSpillwayError(new SpillwayError('SPW_ERR_CLOSED'))).toBe(true)
    expect(isSpillwayError(foreign)).toBe(true)
    for (const other of [new Error('x'), null, undefined, 'SPW_ERR_CLOSED', { code: 'SPW_ERR' }]) {
      expect(isSpillwayError(other)).toBe(false)
    }
  })

  test('does not show its brand to those who copy or print it', () => {
    const keys = Object.getOwnPropertySymbols(
      Object.assign({}, new SpillwayError('SPW_ERR_CLOSED')),
    )
    expect(keys).toEqual([])
  })

  test('is what a refusal becomes for those who await', () => {
    const code = 'SPW_ERR_QUEUE_TIMEOUT'
    const error = refusalError({ kind: 'refusal', reason: 'waited', code, retryAfterMs: 7 })
    expect(error).toMatchObject({ code, statusCode: 503, reason: 'waited', retryAfterMs: 7 })
  })
})
