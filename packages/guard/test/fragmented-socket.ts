import { Socket } from 'node:net'

/** Length of ReadyForQuery, which comes last. */
const tailLength = 6

/**
 * A socket whose every chunk comes in two pieces, the second one a turn of the event loop later: as a
 * network may do it, an answer and its ReadyForQuery arrive apart.
 */
export class FragmentedSocket extends Socket {
  readonly #held: (Buffer | null)[] = []

  override push(chunk: Buffer | null): boolean {
    const cut = Math.max((chunk?.length ?? 0) - tailLength, 0)
    if (chunk !== null && cut > 0) {
      this.#later(chunk.subarray(0, cut))
      this.#later(chunk.subarray(cut))
    } else {
      this.#later(chunk)
    }
    return true
  }

  #later(piece: Buffer | null): void {
    this.#held.push(piece)
    if (this.#held.length === 1) setImmediate(() => this.#next())
  }

  #next(): void {
    const piece = this.#held.shift()
    if (piece !== undefined && !this.destroyed) super.push(piece)
    if (this.#held.length > 0) setImmediate(() => this.#next())
  }
}
