import type { Child } from './children.ts'
import { startChild } from './children.ts'
import type { ShopConnection } from './database/database.ts'
import { computedCapacity } from './database/database.ts'
import type { Answer } from './load/answer.ts'
import type { LoadCommand, LoadMessage } from './load/process.ts'
import type { Plan } from './plan.ts'
import type { ShopFacts, ShopMessage, ShopReport } from './shop/process.ts'

/** A service that takes part. */
export interface Contestant {
  readonly name: string
  /** A module that exports `createShop(pool, facts)`. */
  readonly module: URL
}

/** A contestant's service and the load on it, each in a process of its own, and what they said. */
export class RunningContestant {
  readonly name: string
  readonly answers: Answer[] = []
  readonly reports: ShopReport[] = []
  readonly connection: ShopConnection
  sent = 0
  readonly #shop: Child<ShopMessage, never>
  #load: Child<LoadMessage, LoadCommand> | undefined

  constructor(contestant: Contestant, connection: ShopConnection, plan: Plan) {
    this.connection = connection
    this.name = contestant.name
    this.#shop = startChild(contestant.name, new URL('./shop/process.ts', import.meta.url), {
      module: contestant.module.href,
      connection,
      poolSize: plan.poolSize,
      facts: factsOf(plan),
    })
  }

  /** Resolves when requests may come. */
  async ready(plan: Plan): Promise<void> {
    const url = await Promise.race([this.#listening(), this.#shop.failed])
    this.#load = startChild<LoadMessage, LoadCommand>(
      `the load on ${this.name}`,
      new URL('./load/process.ts', import.meta.url),
      { url, deadlineMs: plan.deadlineMs },
    )
    this.#load.onMessage(({ sent, answers }) => {
      this.sent += sent
      this.answers.push(...answers)
    })
    const loaded = new Promise<void>((resolve) => {
      this.#load!.onMessage(() => {
        resolve()
      })
    })
    await Promise.race([loaded, this.#load.failed])
  }

  /** Rejects when one of the two processes ends by itself. */
  get failed(): Promise<never> {
    return Promise.race([
      this.#shop.failed,
      ...(this.#load === undefined ? [] : [this.#load.failed]),
    ])
  }

  setRate(rate: number): void {
    this.#load?.send({ rate })
  }

  async stop(): Promise<void> {
    await Promise.all([this.#load?.stop(), this.#shop.stop()])
  }

  async #listening(): Promise<string> {
    return new Promise((resolve) => {
      this.#shop.onMessage((message) => {
        if (message.type === 'listening') resolve(message.url)
        else this.reports.push(message.report)
      })
    })
  }
}

/** Of the first phase, in which all is well. */
function factsOf({ phases, deadlineMs }: Plan): ShopFacts {
  const { storage } = phases[0]!
  return { slots: storage.slots, capacityPerSecond: computedCapacity(storage), deadlineMs }
}
