import { createLimiter, fixedLimit } from '@spillway/core'
import { ManualClock } from '@spillway/test-support'
import { expect, test } from 'vitest'
import { SheddingLog } from '../src/shedding-log.ts'

test('writes at once, then at most one line a second with what was refused since', () => {
  const clock = new ManualClock()
  const lines: object[] = []
  const limiter = createLimiter({ name: 'door', limit: fixedLimit(7) })
  const logger = { warn: (fields: object) => lines.push(fields), info: () => undefined }
  const log = new SheddingLog(limiter, logger, clock)
  const state = { limiter: 'door', limit: 7, inFlight: 0, queued: 0 }

  log.count('limit')
  expect(lines).toEqual([{ ...state, refused: { limit: 1 } }])

  for (let count = 0; count < 1000; count += 1) log.count('limit')
  log.count('guard orders-db')
  clock.advance(999)
  expect(lines).toHaveLength(1)
  clock.advance(1)
  expect(lines[1]).toEqual({ ...state, refused: { limit: 1000, 'guard orders-db': 1 } })

  clock.advance(60_000)
  expect(lines).toHaveLength(2)
  expect(clock.pendingTimers).toBe(0)

  log.count('waited')
  expect(lines[2]).toEqual({ ...state, refused: { waited: 1 } })
  log.close()
  expect(clock.pendingTimers).toBe(0)
})

test('says at a lower level what would have been refused', () => {
  const clock = new ManualClock()
  const lines: object[] = []
  const limiter = createLimiter({ name: 'door', limit: fixedLimit(7), mode: 'observe' })
  const write =
    (level: string) =>
    (fields: object, message: string): void =>
      void lines.push({ level, ...fields, message })
  const log = new SheddingLog(limiter, { info: write('info'), warn: write('warn') }, clock)
  log.count('limit', false)
  log.count('limit', false)
  log.count('guard orders-db', true)
  clock.advance(1000)
  expect(lines).toMatchObject([
    { level: 'info', wouldHaveRefused: { limit: 1 }, message: 'requests would have been refused' },
    { level: 'warn', refused: { 'guard orders-db': 1 }, message: 'requests refused' },
    { level: 'info', wouldHaveRefused: { limit: 1 } },
  ])
  log.close()
})
