import { createLoadShedder } from '@spillway/core'
import { ManualClock } from '@spillway/test-support'
import { expect, test } from 'vitest'
import { ShedLog } from '../src/shed-log.ts'

test('says when it begins, at most once a second while it lasts, and when it has ended', () => {
  const clock = new ManualClock()
  const shedder = createLoadShedder({ signals: [], clock: new ManualClock() })
  const lines: object[] = []
  const write =
    (level: string) =>
    (fields: object, message: string): void =>
      void lines.push({ level, ...fields, message })
  const log = new ShedLog(shedder, { info: write('info'), warn: write('warn') }, clock)
  for (let count = 0; count < 1000; count += 1) log.count('heapUsed')
  clock.advance(3000)
  const common = { shedder: 'process' }
  expect(lines).toEqual([
    {
      level: 'warn',
      ...common,
      pressure: 0,
      refused: { heapUsed: 1 },
      message: 'requests refused to shed load',
    },
    {
      level: 'warn',
      ...common,
      pressure: 0,
      refused: { heapUsed: 999 },
      message: 'requests refused to shed load',
    },
    { level: 'info', ...common, message: 'load shedding has ended' },
  ])
  log.count('heapUsed')
  log.close()
  expect(clock.pendingTimers).toBe(0)
  shedder.close()
})
