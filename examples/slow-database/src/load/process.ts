import type { RequestKind } from '../plan.ts'
import { mix, requestKinds } from '../plan.ts'
import type { Answer } from './answer.ts'
import { Layers } from './layers.ts'
import { requestOf } from './requests.ts'
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

class Load {
  readonly #start: LoadStart
  readonly #layers = new Layers((rate) => this.#streams(rate))
  #answers: Answer[] = []
  #sent = 0

  constructor(start: LoadStart) {
    this.#start = start
  }

  setRate(rate: number): void {
    this.#layers.setRate(rate)
  }

  takeMessage(): LoadMessage {
    const message: LoadMessage = { type: 'answers', sent: this.#sent, answers: this.#answers }
    this.#answers = []
    this.#sent = 0
    return message
  }

  #streams(rate: number): Stream[] {
    return kindRates(rate).map(([kind, kindRate]) =>
      startStream({
        ...this.#start,
        kind,
        request: requestOf(kind),
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
