import type { Phase } from '../evidence.ts'
import type { Scenario, Variant } from '../scenario.ts'
import { atMost, goodputVerdict } from '../score.ts'
import type { DownstreamSpec, Upset, WorldSpec } from '../world-spec.ts'
import { loadedPool, minute, second } from './common.ts'

const instances = 8
const deployEnd = 4 * minute

/** One process after the other: it drains, is gone for 5 s, and comes back knowing nothing. */
const deployment: readonly Upset[] = Array.from({ length: instances - 1 }, (_, index) => ({
  kind: 'restart' as const,
  at: 30 * second * (index + 1),
  instance: index,
  forMs: 5 * second,
}))

function deployVariant(load: number): Variant {
  return {
    name: `${load}x, pool 80, one of 8 every 30 s`,
    spec: {
      ...loadedPool(load, deployEnd, { connections: 80, serviceMs: 80 }),
      instances,
      upsets: deployment,
    },
    judge: (evidence) =>
      goodputVerdict(evidence.goodput({ from: 20 * second, to: deployEnd }), 95, 95),
  }
}

export const deploy: Scenario = {
  id: 22,
  title: 'Deploy: instances restart in turn',
  variants: [deployVariant(0.8), deployVariant(2)],
}

interface Shared {
  readonly name: string
  readonly downstream: DownstreamSpec
  readonly perSecond: number
}

const shared: readonly Shared[] = [
  { name: 'pool 80', downstream: { kind: 'pool', connections: 80 }, perSecond: 8000 },
  // Peaks at 3110/s with 141 calls inside.
  { name: 'USL', downstream: { kind: 'usl', sigma: 0.002, kappa: 0.00005 }, perSecond: 6220 },
]

interface ClockError {
  readonly name: string
  readonly wallErrorMs: number
  readonly pass: number
  readonly moonshot: number
}

const clockErrors: readonly ClockError[] = [
  { name: 'clocks ±0', wallErrorMs: 0, pass: 93, moonshot: 97 },
  { name: 'clocks ±50 ms', wallErrorMs: 50, pass: 93, moonshot: 97 },
  { name: 'clocks ±5 s', wallErrorMs: 5000, pass: 85, moonshot: 93 },
]

function fleetVariant(behind: Shared, clocks: ClockError): Variant {
  const durationMs = 90 * second
  const { downstream, perSecond } = behind
  const phase = { from: 20 * second, to: durationMs }
  return {
    name: `${behind.name} 2x, ${clocks.name}`,
    spec: {
      ...loadedPool(1, durationMs),
      downstream,
      perSecond,
      instances,
      wallErrorMs: clocks.wallErrorMs,
    },
    judge(evidence) {
      const p50Ms = evidence.percentileMs(phase, 0.5)
      const limitToKnee = evidence.meanLimit(phase) / evidence.knee(phase).concurrency
      const figures = { p50Ms, limitToKnee }
      return goodputVerdict(evidence.goodput(phase), clocks.pass, clocks.moonshot, figures)
    },
  }
}

export const sharedDatabase: Scenario = {
  id: 23,
  title: '8 instances, one database',
  variants: shared.flatMap((behind) => clockErrors.map((clocks) => fleetVariant(behind, clocks))),
}

const joinsAt = 5 * minute
const fairnessEnd: number = joinsAt + 90 * second

function newcomerSpec(): WorldSpec {
  return {
    ...loadedPool(1.5, fairnessEnd, { connections: 80, serviceMs: 80 }),
    instances,
    startsAt: [0, 0, 0, 0, 0, 0, 0, joinsAt],
  }
}

/** 80 ms calls keep the rate at 1500/s; limits are compared over half a minute, a minute later. */
export const newcomer: Scenario = {
  id: 24,
  title: 'Fairness: an 8th instance joins at minute 5',
  variants: [
    {
      name: '1.5x, pool 80',
      spec: newcomerSpec(),
      judge(evidence) {
        const phase: Phase = { from: joinsAt + 60 * second, to: fairnessEnd }
        const limits = evidence.meanLimits(phase)
        const maxToMin = Math.max(...limits) / Math.min(...limits)
        const goodput = evidence.goodput(phase)
        return {
          score: Math.min(goodput, atMost(maxToMin, 1.5)),
          // Equal shares of a collapse are no success.
          pass: maxToMin <= 1.5 && goodput >= 90,
          moonshot: maxToMin <= 1.2 && goodput >= 90,
          figures: { maxToMin, goodput },
        }
      },
    },
  ],
}
