import { UsageError } from '@spillway/example-slow-database/usage-error.ts'
import { describe, expect, it } from 'vitest'
import { parseArguments, usage } from '../outage/arguments.ts'
import { contestants } from '../outage/contestants/index.ts'
import type { Call, Recording } from '../outage/recording.ts'
import { score } from '../outage/score.ts'
import type { Score } from '../outage/score.ts'
import { faultTable } from '../outage/table.ts'
import { meetsBars } from '../outage/verdict.ts'

const names = contestants.map(({ name }) => name)

describe('arguments of the outage benchmark', () => {
  it('chooses everybody and three rounds by default', () => {
    expect(parseArguments([], names)).toMatchObject({ only: names, rounds: 3, isHelp: false })
    expect(usage(names)).toContain('spillway')
  })

  it.each([[['--only', 'nobody']], [['--rounds', 'many']], [['--bogus']]])(
    'answers %j with one sentence',
    (args) => {
      expect(() => parseArguments(args, names)).toThrow(UsageError)
      expect(() => parseArguments(args, names)).toThrow(/^[^\n]+\.$/)
    },
  )
})

type Kind = 'answered' | 'refused' | 'waited in vain' | 'hung'

const tookMs: Record<Kind, number> = { answered: 20, refused: 0, 'waited in vain': 100, hung: 400 }

function call(askedAt: number, kind: Kind): Call {
  return {
    askedAt,
    endedAt: askedAt + tookMs[kind],
    isSent: kind === 'answered' || kind === 'hung',
    isAnswered: kind === 'answered',
  }
}

/** A call every 10 ms; broken from 2000 to 4000. */
function record(kindAt: (at: number) => Kind): Recording {
  const calls = Array.from({ length: 600 }, (_, index) => call(index * 10, kindAt(index * 10)))
  const samples = [
    { at: 500, active: 50, connections: 50 },
    { at: 1500, active: 4, connections: 6 },
    { at: 3000, active: 90, connections: 90 },
    { at: 4500, active: 12, connections: 14 },
    { at: 5500, active: 70, connections: 70 },
  ]
  return { brokenAt: 2000, repairedAt: 4000, calls, samples }
}

describe('score of an outage', () => {
  it('counts from the break to the first of a row of refusals, and from the return to answers', () => {
    const recording = record((at) => {
      if (at < 2000 || at >= 4300) return 'answered'
      if (at < 2500) return 'hung'
      if (at === 2600 || at === 4100) return 'hung'
      return 'refused'
    })
    expect(score(recording, 400)).toEqual({
      cutOffMs: 610,
      hung: 51,
      sentWhileGone: 51,
      foundMs: 300,
      herd: 12,
      usual: 4,
      connections: 14,
      usualConnections: 6,
    })
  })

  it('does not take a wait in vain for a refusal at once, nor a few answers for a recovery', () => {
    const recording = record((at) => {
      if (at < 2000) return 'answered'
      if (at < 4000) return 'waited in vain'
      return at % 100 === 0 ? 'hung' : 'answered'
    })
    expect(score(recording, 400)).toMatchObject({ cutOffMs: Infinity, foundMs: Infinity, hung: 0 })
  })
})

describe('report', () => {
  const good: Score = {
    cutOffMs: 500,
    hung: 1,
    sentWhileGone: 2,
    foundMs: 400,
    herd: 9,
    usual: 5,
    connections: 9,
    usualConnections: 6,
  }

  it('judges each bar by itself', () => {
    expect(meetsBars(good)).toBe(true)
    for (const bad of [{ cutOffMs: 1001 }, { foundMs: Infinity }, { herd: 21 }]) {
      expect(meetsBars({ ...good, ...bad })).toBe(false)
    }
  })

  it('shows the median and the worst of the rounds', () => {
    const scores = [good, { ...good, foundMs: Infinity }, good]
    const lines = faultTable('silent', [{ name: 'ours', scores }]).join('\n')
    expect(lines).toContain('400 / never ms')
    expect(lines).toContain('500 / 500 ms')
  })
})
