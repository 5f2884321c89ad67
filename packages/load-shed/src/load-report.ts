import type { LoadShedder } from '@spillway/core'
import type { FastifyInstance } from 'fastify'

/** The header of ORCA, the Open Request Cost Aggregation that Envoy and gRPC balance by. */
export const loadReportHeader = 'endpoint-load-metrics'

/**
 * The load as `xds.data.orca.v3.OrcaLoadReport` in its JSON form. `application_utilization` is what
 * balancers weigh by where it is there; the pressure of the run queue and of each signal is a named metric.
 */
export function loadReport(shedder: LoadShedder): string {
  const { pressure, runQueue, signals } = shedder.stats()
  const named = Object.entries({ runQueue, ...signals }).map(([name, one]) => [
    name,
    rounded(one.pressure),
  ])
  return `JSON ${JSON.stringify({
    application_utilization: rounded(pressure),
    named_metrics: Object.fromEntries(named) as Record<string, number>,
  })}`
}

/** As long as between two readings, unless somebody asked for other intervals. */
const keptMs = 100

/** Made anew after each reading at the most: it is the same for all answers in between. */
export function addLoadReport(
  fastify: FastifyInstance,
  shedder: LoadShedder,
  now: () => number,
): void {
  let report = ''
  let madeAt = -Infinity
  fastify.addHook('onSend', (_request, reply, _payload, done) => {
    if (now() - madeAt >= keptMs) {
      report = loadReport(shedder)
      madeAt = now()
    }
    reply.header(loadReportHeader, report)
    done()
  })
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000
}
