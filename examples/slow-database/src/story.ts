import { setTimeout as sleep } from 'node:timers/promises'
import { sharedNow } from './clock.ts'
import type { Contestant } from './contestant.ts'
import { RunningContestant } from './contestant.ts'
import type { ShopDatabase } from './database/database.ts'
import type { Answer } from './load/answer.ts'
import type { Phase, Plan } from './plan.ts'
import type { ShopReport } from './shop/process.ts'

/** A phase and when it really was, by `sharedNow`. */
export interface PlayedPhase extends Phase {
  readonly from: number
  readonly to: number
}

/** What became of one contestant. */
export interface Recording {
  readonly name: string
  readonly phases: readonly PlayedPhase[]
  readonly answers: readonly Answer[]
  readonly reports: readonly ShopReport[]
  /** Requests sent, answered or not. */
  readonly sent: number
}

/** What can be seen while the story is played. */
export interface Scene {
  readonly phase: Phase
  readonly phaseStartedAt: number
  readonly contestants: readonly RunningContestant[]
}

export interface StoryOptions {
  readonly database: ShopDatabase
  readonly plan: Plan
  readonly contestants: readonly Contestant[]
  readonly signal: AbortSignal
  /** Called at the start of each phase. */
  readonly onPhase?: (scene: Scene) => void
}

/** The last answers are on their way for as long as a client waits. */
const tailMs = 200

/** Plays all phases with all contestants side by side. */
export async function playStory(options: StoryOptions): Promise<Recording[]> {
  const { database, plan, signal } = options
  const running: RunningContestant[] = []
  try {
    await database.setStorage(plan.phases[0]!.storage)
    for (const contestant of options.contestants) {
      signal.throwIfAborted()
      const connection = await database.createShop(contestant.name)
      running.push(new RunningContestant(contestant, connection, plan))
    }
    await Promise.all(running.map(async (contestant) => contestant.ready(plan)))
    const phases = await Promise.race([
      playPhases(options, running),
      ...running.map(async (contestant) => contestant.failed),
    ])
    await sleep(tailMs, undefined, { signal })
    return running.map((contestant) => recording(contestant, phases))
  } finally {
    await Promise.all(running.map(async (contestant) => contestant.stop()))
    await Promise.allSettled(running.map(async ({ connection }) => database.dropShop(connection)))
  }
}

async function playPhases(
  { database, plan, signal, onPhase }: StoryOptions,
  contestants: readonly RunningContestant[],
): Promise<PlayedPhase[]> {
  const played: PlayedPhase[] = []
  let endsAt = performance.now()
  for (const phase of plan.phases) {
    await database.setStorage(phase.storage)
    for (const contestant of contestants) contestant.setRate(phase.rate)
    const from = sharedNow()
    onPhase?.({ phase, phaseStartedAt: from, contestants })
    endsAt += phase.durationMs
    await sleep(Math.max(0, endsAt - performance.now()), undefined, { signal })
    played.push({ ...phase, from, to: sharedNow() })
  }
  return played
}

function recording(contestant: RunningContestant, phases: readonly PlayedPhase[]): Recording {
  const { name, answers, reports, sent } = contestant
  return { name, phases, answers, reports, sent }
}
