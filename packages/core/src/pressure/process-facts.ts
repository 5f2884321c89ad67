import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { performance } from 'node:perf_hooks'
import { getHeapStatistics } from 'node:v8'
import { heapLimitBytes } from './heap-limit.ts'

/** What is asked of the process and its machine. Injected, so that tests can make their own. */
export interface ProcessFacts {
  /** Processor time that the process has used, in milliseconds. */
  cpuMs(): number
  /** Milliseconds that the event loop has been active since the start. */
  loopActiveMs(): number
  /** Runs the callback once the loop has handled everything that it has just polled. */
  afterPoll(callback: () => void): void
  heap(): { readonly usedBytes: number; readonly limitBytes: number }
  rssBytes(): number
  /** Of the container, else of the machine; 0 when unknown. */
  memoryLimitBytes(): number
  processors(): number
  /** A file's text; undefined when it cannot be read. */
  readText(path: string): string | undefined
}

export const processFacts: ProcessFacts = {
  cpuMs: () => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1000
  },
  loopActiveMs: () => performance.eventLoopUtilization().active,
  afterPoll: (callback) => {
    setImmediate(callback)
  },
  heap: () => {
    const { used_heap_size: usedBytes, heap_size_limit: v8Limit } = getHeapStatistics()
    const { execArgv, env } = process
    return { usedBytes, limitBytes: heapLimitBytes(v8Limit, execArgv, env['NODE_OPTIONS'] ?? '') }
  },
  rssBytes: () => process.memoryUsage.rss(),
  memoryLimitBytes: () => process.constrainedMemory(),
  processors: () => availableParallelism(),
  readText: (path) => {
    try {
      return readFileSync(path, 'utf8')
    } catch {
      return undefined
    }
  },
}
