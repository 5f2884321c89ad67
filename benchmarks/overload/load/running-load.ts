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
export class RunningLoad<Kind extends string> {
  readonly streams: readonly StreamSpec<Kind>[]
  readonly answers: StreamAnswer<Kind>[] = []
  /** Resolves when it is ready to load. */
  readonly ready: Promise<void>
  readonly #child: Child<LoadMessage<Kind>, LoadCommand>

  constructor(start: LoadStart<Kind>) {
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
  setRates(rateOf: (stream: StreamSpec<Kind>) => number): void {
    this.#child.send({ rates: this.streams.map(rateOf) })
  }

  async stop(): Promise<void> {
    await this.#child.stop()
  }
}
