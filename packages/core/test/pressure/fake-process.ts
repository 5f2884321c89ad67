import type { ProcessFacts } from '@spillway/core'

/** A process whose figures the test sets, and whose event loop polls when the test says so. */
export class FakeProcess implements ProcessFacts {
  cpu = 0
  active = 0
  usedBytes = 0
  rss = 0
  memoryLimit = 0
  cores = 4
  readonly files = new Map<string, string>()
  #afterPoll: (() => void)[] = []

  cpuMs = (): number => this.cpu
  loopActiveMs = (): number => this.active
  heap = (): { usedBytes: number; limitBytes: number } => ({
    usedBytes: this.usedBytes,
    limitBytes: 1000,
  })
  rssBytes = (): number => this.rss
  memoryLimitBytes = (): number => this.memoryLimit
  processors = (): number => this.cores
  readText = (path: string): string | undefined => this.files.get(path)
  afterPoll = (callback: () => void): void => {
    this.#afterPoll.push(callback)
  }

  /** The loop has handled what it had polled. Whether anybody wanted to know. */
  polled(): boolean {
    const callbacks = this.#afterPoll
    this.#afterPoll = []
    for (const callback of callbacks) callback()
    return callbacks.length > 0
  }
}
