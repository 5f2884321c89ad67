import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ClientCounts } from './clients.ts'
import type { CountingClock } from './counting-clock.ts'
import type { Order } from './outside.ts'
import type { Sample } from './sample.ts'
import { takeSample } from './sample.ts'
import type { Service } from './service.ts'
import type { Observation } from './verdict.ts'
import { warmUpMs } from './verdict.ts'

export const overloadRatio = 2
const sampleEveryMs = 10_000
/** How long calls whose callers have left may run on, and sockets linger, after the last answer. */
const quietMs = 8000

export interface Soaked extends Observation {
  readonly clients: ClientCounts
}

/** The load is on until the warm-up is over, pauses, and is on again for the rest of the time. */
export async function observe(
  durationMs: number,
  service: Service,
  clock: CountingClock,
  outside: ChildProcess,
  signal: AbortSignal,
  show: (sample: Sample) => void,
): Promise<Soaked> {
  const startedAt = performance.now()
  const look = (): Sample => {
    const sample = takeSample(service, clock, performance.now() - startedAt)
    show(sample)
    return sample
  }
  const loaded: Sample[] = []
  const load = async (forMs: number): Promise<ClientCounts> => {
    send(outside, { kind: 'send', port: service.port, overloadRatio })
    for (let left = forMs; left > 0; left -= sampleEveryMs) {
      await sleep(Math.min(left, sampleEveryMs), undefined, { signal })
      loaded.push(look())
    }
    send(outside, { kind: 'stop' })
    const [{ counts }] = (await once(outside, 'message', { signal })) as [{ counts: ClientCounts }]
    await sleep(quietMs, undefined, { signal })
    return counts
  }
  const base = look()
  await load(warmUpMs(durationMs))
  const start = look()
  const clients = await load(durationMs - warmUpMs(durationMs))
  return { base, start, end: look(), loaded, clients }
}

function send(outside: ChildProcess, order: Order): void {
  outside.send(order)
}
