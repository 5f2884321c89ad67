import type { RequestListener } from 'node:http'

/** What it costs to say no, in answers: reading a request and refusing it is not free. */
const refusalCost = 0.2

/** Work that may be left over for a burst, in seconds. */
const burstSeconds = 0.1

/** The service at the end of the chain: so much work a second, and 503 to whoever is too many. */
export class Stock {
  /** Attempts that arrived. */
  attempts = 0
  #capacityPerSecond = 0
  #credit = 0
  #lastMs = performance.now()

  setCapacity(perSecond: number): void {
    this.#refill()
    this.#capacityPerSecond = perSecond
    this.#credit = Math.min(this.#credit, perSecond * burstSeconds)
  }

  readonly listener: RequestListener = (_request, response) => {
    this.attempts += 1
    response.writeHead(this.#canAnswer() ? 200 : 503).end()
  }

  #canAnswer(): boolean {
    this.#refill()
    const isPossible = this.#credit >= 1
    // Refusing takes from what could be answered, down to nothing at all.
    this.#credit = Math.max(0, this.#credit - (isPossible ? 1 : refusalCost))
    return isPossible
  }

  #refill(): void {
    const now = performance.now()
    const earned = ((now - this.#lastMs) / 1000) * this.#capacityPerSecond
    this.#credit = Math.min(this.#credit + earned, this.#capacityPerSecond * burstSeconds)
    this.#lastMs = now
  }
}
