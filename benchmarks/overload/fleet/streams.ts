import { mix } from '@spillway/example-slow-database/plan.ts'
import type { StreamSpec } from '../load/stream-spec.ts'

/** The shop's kinds but for its reports, of which there would be a fraction of one a second. */
export type FleetKind = 'order' | 'browse'

/** Browsing clients of a process send so many a second while all is well; spaces the processes out. */
const browsesPerSecond = 20

/** Both kinds to each process; no two processes are asked in the same moments. */
export function fleetStreams(urls: readonly string[]): StreamSpec<FleetKind>[] {
  const stepMs = 1000 / browsesPerSecond / urls.length
  return urls.flatMap((url, index): StreamSpec<FleetKind>[] => [
    {
      kind: 'order',
      url,
      method: 'POST',
      path: '/orders',
      body: '{"itemId":{item},"quantity":1}',
      offsetMs: (index + 0.5) * stepMs,
    },
    { kind: 'browse', url, method: 'GET', path: '/items/{item}', offsetMs: index * stepMs },
  ])
}

/** Whole requests a second of one kind, of those that a process gets. */
export function streamRate(kind: FleetKind, processRate: number): number {
  const orders = Math.round(processRate * mix.order)
  return kind === 'order' ? orders : Math.round(processRate) - orders
}
