import type { FastifyUnderPressureOptions } from '@fastify/under-pressure'

/** Its README's options, tighter; the interval mode that 9.2 added, which reacts. */
export const underPressureOptions: FastifyUnderPressureOptions = {
  maxEventLoopDelay: 250,
  maxHeapUsedBytes: 300_000_000,
  maxRssBytes: 600_000_000,
  maxEventLoopUtilization: 0.95,
  sampleInterval: 250,
  retryAfter: 1,
  eventLoopUtilizationMode: 'interval',
}
