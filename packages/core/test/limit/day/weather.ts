/** What the downstream and its clients do at one moment. */
export interface Weather {
  /** Mean milliseconds between two calls. */
  readonly arrivalMs: number
  /** Milliseconds a call takes alone. */
  readonly serviceMs: number
  /** Calls that are served at once without slowing each other down. */
  readonly knee: number
}

const second = 1000
const minute = 60 * second
const hour = 60 * minute

/** A night: a call every four seconds. */
const calm: Weather = { arrivalMs: 4000, serviceMs: 20, knee: 10 }
/** Twice what the downstream can do, which is 500 calls a second. */
const rush: Weather = { arrivalMs: 1, serviceMs: 20, knee: 10 }
/** The downstream has lost most of its strength, and nobody has noticed. */
const slow: Weather = { arrivalMs: 4, serviceMs: 200, knee: 10 }
/** Hardly anything comes back in time. */
const blackout: Weather = { arrivalMs: 10, serviceMs: 30_000, knee: 10 }

/** Every two hours a rush, in turn followed by a slow downstream, a blackout, or nothing. */
export function weatherAt(now: number): Weather {
  const round = Math.floor(now / (2 * hour))
  const inRound = now % (2 * hour)
  if (inRound < 4 * second) return rush
  if (inRound < 8 * second && round % 3 === 0) return slow
  if (inRound < 38 * second && round % 3 === 1) return blackout
  return calm
}

export const dayMs: number = 24 * hour
