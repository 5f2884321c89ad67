import type { Child } from '@spillway/example-slow-database/children.ts'
import { startChild } from '@spillway/example-slow-database/children.ts'
import type {
  LoadCommand,
  LoadMessage,
  LoadStart,
  StreamAnswer,
  StreamSpec,
} from './stream-spec.ts'

/** The load's process, and what it has seen. */
export class RunningLoad {
  readonly streams: readonly StreamSpec[]
  readonly answers: StreamAnswer[] = []
  /** Resolves when it is ready to load. */
  readonly ready: Promise<void>
  readonly #child: Child<LoadMessage, LoadCommand>

  constructor(start: LoadStart) {
    this.streams = start.streams
    this.#child = startChild('the load', new URL('./process.ts', import.meta.url), start)
    const first = new Promise<void>((resolve) => {
      this.#child.onMessage(({ answers }) => {
        this.answers.push(...answers)
        resolve()
      })
    })
    this.ready = Promise.race([first, this.#child.failed])
  }

  /** Rejects when the process ends by itself. */
  get failed(): Promise<never> {
    return this.#child.failed
  }

  /** Requests a second of each stream, by its kind. */
  setRates(rateOf: (stream: StreamSpec) => number): void {
    this.#child.send({ rates: this.streams.map(rateOf) })
  }

  async stop(): Promise<void> {
    await this.#child.stop()
  }
}
