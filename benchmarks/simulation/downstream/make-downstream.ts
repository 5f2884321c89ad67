import type { EventQueue } from '../event-queue.ts'
import type { DownstreamSpec } from '../world-spec.ts'
import { defaultTimeoutMs } from '../world-spec.ts'
import type { AnswerSink, Downstream } from './downstream.ts'
import { Pool } from './pool.ts'
import { processorSharing, scalabilityLaw, Sharing } from './sharing.ts'

export function makeDownstream(
  spec: DownstreamSpec,
  queue: EventQueue,
  sink: AnswerSink,
): Downstream {
  const timeoutMs = spec.timeoutMs ?? defaultTimeoutMs
  switch (spec.kind) {
    case 'pool':
      return new Pool(queue, sink, timeoutMs, spec.connections, spec.maxWaiting ?? Infinity)
    case 'sharing':
      return new Sharing(queue, sink, timeoutMs, processorSharing, spec.cores)
    case 'usl':
      return new Sharing(queue, sink, timeoutMs, scalabilityLaw(spec.sigma, spec.kappa), 1)
  }
}
