import type { ChildProcess } from 'node:child_process'
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** A process of ours that ends with us, however we end. */
export interface Child<Message, Command> {
  readonly pid: number
  send(command: Command): void
  onMessage(listener: (message: Message) => void): void
  /** Rejects when the process ends although nobody asked it to. */
  readonly failed: Promise<never>
  stop(): Promise<void>
}

const stopTimeoutMs = 2000
const keptStderr = 2000

const execArgv: readonly string[] = [
  '--conditions=@spillway/source',
  // autocannon's timers now and then ask for a delay below zero, which Node takes as 1 ms.
  '--disable-warning=TimeoutNegativeWarning',
]

export function startChild<Message, Command = never>(
  name: string,
  module: URL,
  start: unknown,
): Child<Message, Command> {
  const child = fork(fileURLToPath(module), [JSON.stringify(start)], {
    execArgv: [...execArgv],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  let stopping = false
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => {
      resolve()
    })
  })
  const failed = failure(child, name, () => stopping)
  // Whoever waits for something races it with this; that nobody waits is no error.
  failed.catch(() => {})
  return {
    // Undefined when it could not be started, of which `failed` tells.
    pid: child.pid ?? 0,
    failed,
    send: (command) => {
      if (child.connected) child.send(command as object)
    },
    onMessage: (listener) => {
      child.on('message', (message) => {
        listener(message as Message)
      })
    },
    stop: async () => {
      stopping = true
      if (child.connected) child.disconnect()
      const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs)
      await exited
      clearTimeout(timer)
    },
  }
}

async function failure(child: ChildProcess, name: string, isWanted: () => boolean): Promise<never> {
  let stderr = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr = (stderr + chunk.toString()).slice(-keptStderr)
  })
  return new Promise((_resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => {
      if (!isWanted()) reject(new Error(`The process of ${name} ended (${code}): ${stderr.trim()}`))
    })
  })
}
