import type { Evidence, Phase } from '../evidence.ts'
import type { Scenario, Variant } from '../scenario.ts'
import type { Verdict } from '../score.ts'
import { atLeast, atMost, goodputVerdict } from '../score.ts'
import type { Upset } from '../world-spec.ts'
import { loadedPool, minute, normalLoad, second } from './common.ts'

const hour: number = 60 * minute

const pauses: readonly Upset[] = [1, 2, 3, 4, 5].map((index) => ({
  kind: 'stall',
  at: 10 * second * index,
  forMs: 300,
}))

const shortStalls: Variant = {
  name: `300 ms every 10 s at ${normalLoad}x`,
  spec: { ...loadedPool(normalLoad, minute), upsets: pauses },
  judge: (evidence) =>
    goodputVerdict(evidence.servedShare({ from: 5 * second, to: minute }), 97, 97),
}

const stallAt = 30 * second
const stallEnd: number = stallAt + 3 * second

function longStall(load: number): Variant {
  return {
    name: `one stall of 3 s at ${load}x`,
    spec: {
      ...loadedPool(load, minute),
      upsets: [{ kind: 'stall', at: stallAt, forMs: 3 * second }],
    },
    judge(evidence) {
      const before = evidence.meanLimit({ from: stallAt - 5 * second, to: stallAt })
      const later: Phase = { from: stallEnd + 5 * second, to: stallEnd + 10 * second }
      const limitKept = evidence.meanLimit(later) / before
      const goodput = evidence.goodput({ from: stallEnd + 5 * second, to: minute })
      const pass = limitKept >= 0.8 && goodput >= 97
      return {
        score: Math.min(goodput, atLeast(limitKept, 0.8)),
        pass,
        moonshot: pass,
        figures: { limitKept, goodput },
      }
    },
  }
}

export const stalls: Scenario = {
  id: 29,
  title: 'Process stalls: 300 ms each 10 s, once 3 s',
  variants: [shortStalls, longStall(normalLoad), longStall(1.5)],
}

const events = [20 * second, 40 * second]

/** One bad slot of half a second in ten seconds is 95 %. */
function judgeJump(evidence: Evidence, from: number): Verdict {
  const phase: Phase = { from, to: from + 10 * second }
  const goodput = evidence.goodput(phase)
  const insideToKnee = evidence.maxInside(phase) / evidence.knee(phase).concurrency
  const pass = goodput >= 95 && insideToKnee <= 2
  return {
    score: Math.min(goodput, atMost(insideToKnee, 2)),
    pass,
    moonshot: pass,
    figures: { goodput, insideToKnee },
  }
}

function worstJump(evidence: Evidence): Verdict {
  const verdicts = events.map((at) => judgeJump(evidence, at))
  return verdicts.reduce((worst, one) => (one.score < worst.score ? one : worst))
}

function wallClock(name: string, upsets: readonly Upset[]): Variant {
  return { name, spec: { ...loadedPool(2, minute), upsets }, judge: worstJump }
}

const suspendedAt = 20 * second
const resumedAt: number = suspendedAt + 30 * second

const suspended: Variant = {
  name: 'suspended 30 s at 0.7x',
  spec: {
    ...loadedPool(normalLoad, resumedAt + 20 * second),
    upsets: [
      { kind: 'stall', at: suspendedAt, forMs: 30 * second },
      { kind: 'wallJump', at: resumedAt, byMs: -30 * second },
    ],
  },
  // Clients that came while it stood still are gone; it starts with a heap of them.
  judge: (evidence) => judgeJump(evidence, resumedAt + second),
}

export const clockJumps: Scenario = {
  id: 33,
  title: 'Clock jumps, slew, suspended machine',
  variants: [
    wallClock('wall clock +1 h, then -1 h, at 2x', [
      { kind: 'wallJump', at: events[0]!, byMs: hour },
      { kind: 'wallJump', at: events[1]!, byMs: -hour },
    ]),
    wallClock('NTP slew of 500 ppm at 2x', [
      { kind: 'wallRate', at: events[0]!, rate: 1.0005 },
      { kind: 'wallRate', at: events[1]!, rate: 0.9995 },
    ]),
    suspended,
  ],
}
