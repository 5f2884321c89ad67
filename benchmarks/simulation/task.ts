import { contestants } from './contestants.ts'
import { play } from './play.ts'
import { scenarios } from './scenarios/index.ts'
import type { Scenario, Variant } from './scenario.ts'
import type { Verdict } from './score.ts'

/** One run, in plain data that can be sent to a thread. */
export interface Task {
  readonly scenarioId: number
  readonly variant: string
  readonly limit: string
  readonly seed: number
  readonly noQueue: boolean
}

export interface TaskResult extends Task, Verdict {
  readonly events: number
  readonly tookMs: number
}

export function findVariant(scenarioId: number, name: string): Variant {
  const scenario = scenarios.find(({ id }) => id === scenarioId)
  const variant = scenario?.variants.find((one) => one.name === name)
  if (variant === undefined) throw new Error(`No variant '${name}' of scenario ${scenarioId}`)
  return variant
}

export async function runTask(task: Task): Promise<TaskResult> {
  const variant = findVariant(task.scenarioId, task.variant)
  const contestant = contestants.find(({ name }) => name === task.limit)!
  const startedAt = performance.now()
  const { verdict, events } = await play(variant, contestant, task)
  return { ...task, ...verdict, events, tookMs: performance.now() - startedAt }
}

export interface TaskFilter {
  readonly scenarioIds: readonly number[]
  readonly limits: readonly string[]
  readonly seeds: readonly number[]
  readonly noQueue: boolean
  readonly variant: string
}

export function listTasks(filter: TaskFilter): Task[] {
  const chosen = scenarios.filter(({ id }) => filter.scenarioIds.includes(id))
  return chosen.flatMap((scenario) => tasksOf(scenario, filter))
}

function tasksOf(scenario: Scenario, filter: TaskFilter): Task[] {
  const { limits, seeds, noQueue } = filter
  const variants = scenario.variants.filter(({ name }) => name.includes(filter.variant))
  return variants.flatMap((variant) =>
    limits.flatMap((limit) =>
      seeds.map((seed) => ({
        scenarioId: scenario.id,
        variant: variant.name,
        limit,
        seed,
        noQueue,
      })),
    ),
  )
}
