import { setTimeout as sleep } from 'node:timers/promises'
import type { Child } from '@spillway/example-slow-database/children.ts'
import { startChild } from '@spillway/example-slow-database/children.ts'
import { sharedNow } from '@spillway/example-slow-database/clock.ts'
import type { Contestant } from '@spillway/example-slow-database/contestant.ts'
import type { Answer } from '@spillway/example-slow-database/load/answer.ts'
import type { LoadCommand, LoadMessage } from '@spillway/example-slow-database/load/process.ts'
import type { Plan } from '@spillway/example-slow-database/plan.ts'
import type { ShopMessage, ShopReport } from '@spillway/example-slow-database/shop/process.ts'
import type { PlayedPhase, Recording } from '@spillway/example-slow-database/story.ts'
import type { Freeze } from './scenarios.ts'

export interface PlayOptions {
  readonly contestant: Contestant
  readonly plan: Plan
  /** Rounds of work in each handler. */
  readonly iterations: number
  readonly freeze: Freeze | undefined
  readonly signal: AbortSignal
}

/** The last answers are on their way for as long as a client waits. */
const tailMs = 200

/** One contestant and the load on it, each in a process of its own. */
export async function play(options: PlayOptions): Promise<Recording> {
  const { contestant, plan, signal } = options
  const answers: Answer[] = []
  const reports: ShopReport[] = []
  const service = await startService(options, reports)
  const load = startChild<LoadMessage, LoadCommand>(
    `the load on ${contestant.name}`,
    new URL(import.meta.resolve('@spillway/example-slow-database/load/process.ts')),
    { url: service.url, deadlineMs: plan.deadlineMs },
  )
  let sent = 0
  load.onMessage((message) => {
    sent += message.sent
    answers.push(...message.answers)
  })
  try {
    const phases = await Promise.race([
      playPhases(options, load, service.pid),
      service.child.failed,
      load.failed,
    ])
    await sleep(tailMs, undefined, { signal })
    return { name: contestant.name, phases, answers, reports, sent }
  } finally {
    await Promise.all([load.stop(), service.child.stop()])
  }
}

export interface Service {
  readonly child: Child<ShopMessage, never>
  readonly url: string
  readonly pid: number
}

export async function startService(
  { contestant, iterations }: Pick<PlayOptions, 'contestant' | 'iterations'>,
  reports: ShopReport[] = [],
): Promise<Service> {
  const child = startChild<ShopMessage>(contestant.name, new URL('./service.ts', import.meta.url), {
    module: contestant.module.href,
    iterations,
  })
  const url = new Promise<string>((resolve) => {
    child.onMessage((message) => {
      if (message.type === 'listening') resolve(message.url)
      else reports.push(message.report)
    })
  })
  return { child, url: await Promise.race([url, child.failed]), pid: child.pid }
}

async function playPhases(
  { plan, freeze, signal }: PlayOptions,
  load: Child<LoadMessage, LoadCommand>,
  pid: number,
): Promise<PlayedPhase[]> {
  const played: PlayedPhase[] = []
  for (const phase of plan.phases) {
    load.send({ rate: phase.rate })
    const from = sharedNow()
    if (phase.name === freeze?.phase) await stopFor(pid, phase.durationMs, signal)
    else await sleep(phase.durationMs, undefined, { signal })
    played.push({ ...phase, from, to: sharedNow() })
  }
  return played
}

/** As a hypervisor or a laptop's lid does: the process does not run, and does not know. */
async function stopFor(pid: number, durationMs: number, signal: AbortSignal): Promise<void> {
  process.kill(pid, 'SIGSTOP')
  try {
    await sleep(durationMs, undefined, { signal })
  } finally {
    process.kill(pid, 'SIGCONT')
  }
}
