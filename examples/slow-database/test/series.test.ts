import { describe, expect, it } from 'vitest'
import { timeSeries } from '../src/accounting/series.ts'
import { answer, playedPhase } from './recording.ts'

describe('time series', () => {
  const phases = [
    playedPhase({ name: 'healthy', from: 1000, to: 1500 }),
    playedPhase({ name: 'slow', from: 1500, to: 2000 }),
  ]

  it('has a point for each tenth of a second, with its phase', () => {
    const points = timeSeries({ name: 'bare', phases, answers: [], reports: [], sent: 0 })
    expect(points.map(({ atMs }) => atMs)).toEqual([0, 100, 200, 300, 400, 500, 600, 700, 800, 900])
    expect(points[4]?.phase).toBe('healthy')
    expect(points[5]?.phase).toBe('slow')
  })

  it('counts a request when it is sent and when it is answered', () => {
    const answers = [
      answer({ sentAt: 1010, latencyMs: 250, kind: 'order' }),
      answer({ sentAt: 1020, latencyMs: 5, outcome: 'refused_late' }),
      answer({ sentAt: 1020, latencyMs: 900, outcome: 'timed_out' }),
      answer({ sentAt: 1990, latencyMs: 900, outcome: 'timed_out' }),
    ]
    const points = timeSeries({ name: 'bare', phases, answers, reports: [], sent: 0 })
    expect(points[0]).toMatchObject({ sent: 3, refused: 1, good: 0 })
    expect(points[2]).toMatchObject({ sent: 0, good: 1, goodCritical: 1 })
    expect(points[9]).toMatchObject({ sent: 1, timedOut: 1 })
  })
})
