import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { LoadShedderStats } from '@spillway/core'
import { onTestFinished } from 'vitest'

export interface BusyService {
  readonly child: ChildProcess
  readonly url: string
  stats(): Promise<LoadShedderStats>
}

/** Starts `busy-service.ts` as a process of its own, which ends with the test. */
export async function startBusyService(
  kind: string,
  nodeOptions: readonly string[] = [],
): Promise<BusyService> {
  const child = fork(new URL('busy-service.ts', import.meta.url), [kind], {
    execArgv: ['--conditions=@spillway/source', ...nodeOptions],
  })
  onTestFinished(async () => {
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  })
  const [port] = (await once(child, 'message')) as [number]
  const url = `http://127.0.0.1:${port}`
  return {
    child,
    url,
    stats: async () => (await fetch(`${url}/stats`)).json() as Promise<LoadShedderStats>,
  }
}

/** As many requests at once; how many were answered with which status. */
export async function statuses(
  count: number,
  ask: (index: number) => Promise<Response>,
): Promise<Record<number, number>> {
  const answers = await Promise.all(Array.from({ length: count }, async (_, index) => ask(index)))
  const counts: Record<number, number> = {}
  for (const answer of answers) {
    counts[answer.status] = (counts[answer.status] ?? 0) + 1
    await answer.arrayBuffer()
  }
  return counts
}
