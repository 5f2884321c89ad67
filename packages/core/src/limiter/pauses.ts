import type { Pausable } from './admission.ts'

/** Whoever has given the place. */
export interface PlaceOwner {
  now(): number
}

/** What all permits have in common: pauses that nest, and the time that they take. */
export abstract class Pauses<Owner extends PlaceOwner> implements Pausable {
  abstract readonly startedAt: number
  /** Without the pauses; 0 until it is released. */
  durationMs = 0
  /** Undefined once released. */
  protected owner: Owner | undefined
  #depth = 0
  #pausedAt = 0
  #endedMs = 0

  constructor(owner: Owner) {
    this.owner = owner
  }

  get isPaused(): boolean {
    return this.#depth > 0
  }

  get pausedMs(): number {
    const { owner } = this
    return this.#depth === 0 || owner === undefined ? this.#endedMs : this.pausedUntil(owner.now())
  }

  pause(): void {
    const { owner } = this
    if (owner === undefined) return
    this.#depth += 1
    if (this.#depth > 1) return
    this.#pausedAt = owner.now()
    this.giveBack(owner, this.#pausedAt)
  }

  resume(): void {
    const { owner } = this
    if (owner === undefined || this.#depth === 0) return
    this.#depth -= 1
    if (this.#depth > 0) return
    this.#endedMs += owner.now() - this.#pausedAt
    this.takeAgain(owner)
  }

  /** It is released, and the present pause ends with it. @returns whether it had a place */
  protected end(now: number): boolean {
    const hadPlace = !this.isPaused
    this.owner = undefined
    this.#endedMs = this.pausedUntil(now)
    this.#depth = 0
    this.durationMs = now - this.startedAt - this.#endedMs
    return hadPlace
  }

  /** Others may be served in the middle of it, and what they do may resume or release this permit. */
  protected abstract giveBack(owner: Owner, now: number): void

  protected abstract takeAgain(owner: Owner): void

  private pausedUntil(now: number): number {
    return this.#depth === 0 ? this.#endedMs : this.#endedMs + now - this.#pausedAt
  }
}
