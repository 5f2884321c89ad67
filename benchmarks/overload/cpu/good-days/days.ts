/** A request of a day: when it is sent, and what its handler takes, in milliseconds. */
export interface Arrival {
  readonly at: number
  readonly workMs: number
}

/** Clients that ask again as soon as they are answered. */
export interface ClientPool {
  readonly clients: number
  readonly workMs: number
}

/** A day on which nothing is short: what is asked can be answered in time. */
export interface GoodDay {
  readonly name: string
  readonly durationMs: number
  /** Open before the day begins. */
  readonly connections: number
  readonly arrivals: readonly Arrival[]
  readonly pool?: ClientPool
}

/** What a request costs the process beside its handler: reading, routing, writing. */
const overheadMs = 0.25

const usualConnections = 50

const steadyLoads = [0.2, 0.5, 0.8, 0.95]
const burstSizes = [100, 300, 1000]
const poolSizes = [50, 200, 500]

/** All of them; `scale` shortens them. */
export function goodDays(scale: number): readonly GoodDay[] {
  const seconds = Math.max(2, Math.round(8 * scale))
  const day = (
    name: string,
    arrivals: readonly Arrival[],
    pool?: ClientPool,
    burst = usualConnections,
  ): GoodDay => ({
    name,
    durationMs: seconds * 1000,
    connections: pool?.clients ?? burst,
    arrivals: arrivals.toSorted((a, b) => a.at - b.at),
    ...(pool === undefined ? {} : { pool }),
  })
  const steady = (load: number, workMs: number): readonly Arrival[] => {
    const perSecond = (load * 1000) / (workMs + overheadMs)
    return spread(Math.floor(perSecond * seconds), 0, seconds * 1000, workMs)
  }
  const everySecond = (make: (from: number) => readonly Arrival[]): readonly Arrival[] =>
    Array.from({ length: seconds }, (_, second) => make(second * 1000)).flat()
  return [
    ...steadyLoads.map((load) => day(`steady, ${load} of the processor`, steady(load, 1))),
    ...burstSizes.map((size) =>
      day(
        `${size} at once, every second`,
        everySecond((from) => spread(size, from + 100, 0, 0.3)),
        undefined,
        size,
      ),
    ),
    ...poolSizes.map((clients) =>
      day(`${clients} clients in a loop`, [], { clients, workMs: 0.3 }),
    ),
    day('unlike: 1 in 20 takes 20 ms', unlike(steady(0.3, 0.5))),
    day('a block of 300 ms every second', [
      ...steady(0.3, 0.5),
      ...everySecond((from) => [{ at: from + 500, workMs: 300 }]),
    ]),
    day(
      'a block, and clients in a loop',
      everySecond((from) => [{ at: from + 500, workMs: 300 }]),
      {
        clients: 100,
        workMs: 0.3,
      },
    ),
  ]
}

function spread(count: number, from: number, ms: number, workMs: number): readonly Arrival[] {
  return Array.from({ length: count }, (_, index) => ({ at: from + (index * ms) / count, workMs }))
}

/** Twice what the quick ones take in all goes into the slow ones. */
function unlike(arrivals: readonly Arrival[]): readonly Arrival[] {
  return arrivals.map((one, index) => (index % 20 === 7 ? { ...one, workMs: 20 } : one))
}
