import type { RequestKind } from '../plan.ts'
import { mix, requestKinds } from '../plan.ts'
import type { Answer } from './answer.ts'
import type { Stream } from './stream.ts'
import { startStream } from './stream.ts'

/** What a load generator's process is started with, as JSON in its first argument. */
export interface LoadStart {
  readonly url: string
  readonly deadlineMs: number
}

/** Requests a second from now on, all kinds together. */
export interface LoadCommand {
  readonly rate: number
}

/** What has been seen since the last message. */
export interface LoadMessage {
  readonly type: 'answers'
  readonly sent: number
  readonly answers: readonly Answer[]
}

const reportEveryMs = 100

/** Load that was added and can be taken away again; the rate is the sum of all. */
interface Layer {
  readonly rate: number
  readonly streams: readonly Stream[]
}

class Load {
  readonly #start: LoadStart
  readonly #layers: Layer[] = []
  #answers: Answer[] = []
  #sent = 0

  constructor(start: LoadStart) {
    this.#start = start
  }

  /** What runs goes on as it is; more is added beside it, and taken away again. */
  setRate(rate: number): void {
    while (this.#rate() > rate) this.#removeLayer()
    const missing = rate - this.#rate()
    if (missing > 0) this.#layers.push({ rate: missing, streams: this.#streams(missing) })
  }

  takeMessage(): LoadMessage {
    const message: LoadMessage = { type: 'answers', sent: this.#sent, answers: this.#answers }
    this.#answers = []
    this.#sent = 0
    return message
  }

  #rate(): number {
    return this.#layers.reduce((sum, { rate }) => sum + rate, 0)
  }

  #removeLayer(): void {
    for (const stream of this.#layers.pop()?.streams ?? []) stream.stop()
  }

  #streams(rate: number): Stream[] {
    return kindRates(rate).map(([kind, kindRate]) =>
      startStream({
        ...this.#start,
        kind,
        rate: kindRate,
        onAnswer: (answer) => {
          this.#answers.push(answer)
        },
        onSent: () => {
          this.#sent += 1
        },
      }),
    )
  }
}

function kindRates(rate: number): [RequestKind, number][] {
  const rates = requestKinds.map((kind): [RequestKind, number] => [
    kind,
    Math.round(rate * mix[kind]),
  ])
  return rates.filter(([, kindRate]) => kindRate > 0)
}

function main(start: LoadStart): void {
  // Whoever started us ends us by closing the channel; Ctrl-C reaches the whole process group.
  process.on('SIGINT', () => {})
  process.on('disconnect', () => {
    process.exit()
  })
  const load = new Load(start)
  process.on('message', (command: LoadCommand) => {
    load.setRate(command.rate)
  })
  setInterval(() => {
    if (process.connected) process.send?.(load.takeMessage())
  }, reportEveryMs)
}

main(JSON.parse(process.argv[2]!) as LoadStart)
