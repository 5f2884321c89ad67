import { DurationMean } from '@spillway/core'

/** About as far back goes the memory of what was used: long enough for a route that is asked once a second. */
const memoryMs = 2000
/** Part of the limit below which a route takes nothing from anybody. */
const negligibleRatio = 0.02
/** Part of the limit that all such routes may take together. */
const togetherRatio = 0.05
/** And as many of their requests at once, or one that got stuck would let others follow it. */
const atOnceRatio = 0.125

/** Permits in use: time with a permit by time, the past weighted less and less. */
class Use {
  #permits = 0
  #countedAt = 0

  at(now: number): number {
    return this.#permits * Math.exp((this.#countedAt - now) / memoryMs)
  }

  add(heldMs: number, now: number): void {
    this.#permits = this.at(now) + heldMs / memoryMs
    this.#countedAt = now
  }
}

/** What the requests of one route take, and would take. */
export class RouteUse {
  readonly #asked = new Use()
  #usual: DurationMean | undefined
  #running = 0

  /** A request has begun. */
  begin(): void {
    this.#running += 1
  }

  /** A request has come while nothing was free. */
  ask(now: number): void {
    this.#asked.add(this.#usual?.cautious ?? 0, now)
  }

  /** It has ended. */
  end(heldMs: number): void {
    this.#running -= 1
    this.#usual ??= new DurationMean()
    this.#usual.add(heldMs)
  }

  /** Nothing is known of a route before a request of it has ended: one is let in to find out. */
  isNegligible(limit: number, now: number): boolean {
    if (this.#usual === undefined) return this.#running === 0
    return this.#asked.at(now) < negligibleRatio * limit
  }
}

/**
 * What runs at a door beyond its limit. A route that takes next to nothing takes it from nobody: it
 * must not wait behind important requests for something slow that it does not need.
 */
export class Excess {
  readonly #use = new Use()
  #running = 0

  hasRoom(limit: number, now: number): boolean {
    return this.#running < 1 + atOnceRatio * limit && this.#use.at(now) < togetherRatio * limit
  }

  begin(): void {
    this.#running += 1
  }

  end(heldMs: number, now: number): void {
    this.#running -= 1
    this.#use.add(heldMs, now)
  }
}
