import { parentPort } from 'node:worker_threads'
import type { Task } from './task.ts'
import { runTask } from './task.ts'

async function answer(task: Task): Promise<void> {
  parentPort!.postMessage(await runTask(task))
}

parentPort!.on('message', (task: Task) => {
  // A failure ends the thread, which tells the pool.
  void answer(task)
})
