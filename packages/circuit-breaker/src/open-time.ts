/** What the length of an open time is decided on. */
export interface OpenTime {
  /** Upper bound of the first one. */
  readonly openMs: number
  /** Upper bound of all. */
  readonly maxOpenMs: number
  /** How often the circuit has opened since it was last closed, before this time. */
  readonly attempt: number
}

/**
 * How long the circuit stays open: `c / 2 + random * c / 2` with `c = min(maxOpenMs, openMs * 2^attempt)`.
 * Exponential backoff with equal jitter (M. Brooker, "Exponential Backoff And Jitter", AWS
 * Architecture Blog, 2015): full jitter may be next to nothing, and a circuit that opens must be open
 * for a while.
 *
 * @param random uniform in [0, 1)
 */
export function openTimeMs({ openMs, maxOpenMs, attempt }: OpenTime, random: number): number {
  const ceiling = Math.min(maxOpenMs, openMs * 2 ** attempt)
  return ceiling / 2 + (random * ceiling) / 2
}
