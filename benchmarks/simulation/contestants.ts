import type { LimitFactory } from '@spillway/core'
import {
  adaptiveLimit,
  aimdLimit,
  fixedLimit,
  gradientLimit,
  vegasLimit,
  windowedLimit,
} from '@spillway/core'
import { kneeAt } from './knee.ts'
import { Random } from './random.ts'
import type { WorldSpec } from './world-spec.ts'

/** What a contestant brings into a world. */
export interface Contestant {
  readonly name: string
  /** Has no queue even when the others do. */
  readonly neverQueues: boolean
  limitFor(spec: WorldSpec, seed: number): LimitFactory
}

/** The oracle: told what nobody can know, the downstream's own best concurrency. */
function oracle(spec: WorldSpec): LimitFactory {
  const { concurrency } = kneeAt(spec, 0)
  return fixedLimit(Math.max(1, Math.round(concurrency / (spec.instances ?? 1))))
}

/** Windowed, since single samples poison its baseline, as the scoreboard of the research had it. */
function vegas(_spec: WorldSpec, seed: number): LimitFactory {
  const random = new Random(seed, 6)
  return windowedLimit(vegasLimit({ random: () => random.uniform() }))
}

function contestant(
  name: string,
  limitFor: Contestant['limitFor'],
  neverQueues = false,
): Contestant {
  return { name, limitFor, neverQueues }
}

export const oracleContestant: Contestant = contestant('fixed', oracle)

export const contestants: readonly Contestant[] = [
  contestant('adaptive', () => adaptiveLimit()),
  contestant('gradient', () => gradientLimit()),
  contestant('vegas', vegas),
  contestant('aimd', () => aimdLimit()),
  oracleContestant,
  contestant('none', () => fixedLimit(Number.MAX_SAFE_INTEGER), true),
]
