import { Worker } from 'node:worker_threads'
import type { Task, TaskResult } from './task.ts'

/** Runs tasks on a few threads; the order of the results is that of the tasks. */
export async function runInThreads(
  tasks: readonly Task[],
  threads: number,
  onResult: (result: TaskResult, done: number) => void,
): Promise<TaskResult[]> {
  const results: TaskResult[] = []
  let next = 0
  let done = 0

  async function work(): Promise<void> {
    const worker = new Worker(new URL('./worker.ts', import.meta.url))
    try {
      while (next < tasks.length) {
        const index = next++
        const result = await ask(worker, tasks[index]!)
        results[index] = result
        done += 1
        onResult(result, done)
      }
    } finally {
      await worker.terminate()
    }
  }

  await Promise.all(Array.from({ length: Math.min(threads, tasks.length) }, work))
  return results
}

function ask(worker: Worker, task: Task): Promise<TaskResult> {
  return new Promise((resolve, reject) => {
    const onMessage = (result: TaskResult): void => {
      worker.off('error', onError)
      resolve(result)
    }
    const onError = (cause: unknown): void => {
      const { scenarioId, variant, limit, seed } = task
      const what = `Scenario ${scenarioId} (${variant}), ${limit}, seed ${seed}`
      reject(new Error(`${what} failed: ${String(cause)}`, { cause }))
    }
    worker.once('message', onMessage)
    worker.once('error', onError)
    worker.postMessage(task)
  })
}
