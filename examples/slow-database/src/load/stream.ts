import autocannon from 'autocannon'
import { sharedNow } from '../clock.ts'
import type { Answer } from './answer.ts'
import { outcomeOf } from './answer.ts'

/** Requests of one kind at a constant rate, whatever becomes of them. */
export interface StreamOptions<Kind extends string> {
  readonly kind: Kind
  readonly request: autocannon.Request
  /** Requests a second, a whole number. */
  readonly rate: number
  readonly url: string
  readonly deadlineMs: number
  readonly onAnswer: (answer: Answer<Kind>) => void
  /** A request that was sent. */
  readonly onSent: () => void
}

export interface Stream {
  stop(): void
}

/** The part of autocannon's client that is used here; its types leave the events out. */
interface Client {
  on(event: 'request' | 'timeout', listener: () => void): void
  on(event: 'headers', listener: (headers: { readonly statusCode: number }) => void): void
  on(event: 'body', listener: (body: Buffer) => void): void
  on(
    event: 'response',
    listener: (statusCode: number, bytes: number, latencyMs: number) => void,
  ): void
  destroy(): void
}

/** How many parts of a second have an autocannon of their own. */
const mostBatches = 50
/** Longer than any story, short enough for a timer. */
const durationS = 86_400

/**
 * An autocannon connection sends its share of the rate once a second, and all connections of one
 * autocannon in the same moment: `overallRate: 600` is a burst of 600 each second, not 600 a second.
 * So the second is cut into equal parts, each with an autocannon that starts a little later than the
 * one before. Each connection sends one request a second; with a deadline of a second it is free
 * again, answered or not, when its next request is due, so arrivals never wait for answers.
 */
export function startStream<Kind extends string>(options: StreamOptions<Kind>): Stream {
  const clients = new Set<Client>()
  const batches = batchSizes(options.rate)
  const timers = batches.map((size, index) =>
    setTimeout(startBatch, (index * 1000) / batches.length, options, size, clients),
  )
  return {
    stop: () => {
      for (const timer of timers) clearTimeout(timer)
      for (const client of clients) client.destroy()
    },
  }
}

/** As many parts as possible, sizes as equal as possible. */
export function batchSizes(rate: number): number[] {
  const count = Math.min(rate, mostBatches)
  return Array.from(
    { length: count },
    (_, index) => Math.floor(((index + 1) * rate) / count) - Math.floor((index * rate) / count),
  )
}

/**
 * autocannon's own histograms, which nobody reads here, are three WebAssembly memories each: with
 * them a hundred autocannons start in a second of CPU time and 250 MB. It takes others in their
 * place, if they say that they are not its own.
 */
const noHistogram = {
  __custom: true,
  recordValue: () => {},
  recordValueWithExpectedInterval: () => {},
  reset: () => {},
  destroy: () => {},
}
const noStatistics = {
  histograms: { latencies: noHistogram, requests: noHistogram, throughput: noHistogram },
  skipAggregateResult: true,
}

function startBatch<Kind extends string>(
  options: StreamOptions<Kind>,
  size: number,
  clients: Set<Client>,
): void {
  void autocannon({
    ...noStatistics,
    url: options.url,
    connections: size,
    overallRate: size,
    timeout: options.deadlineMs / 1000,
    duration: durationS,
    requests: [options.request],
    setupClient: (client) => {
      clients.add(client as unknown as Client)
      watch(client as unknown as Client, options)
    },
  })
}

function watch<Kind extends string>(client: Client, options: StreamOptions<Kind>): void {
  const { kind, deadlineMs } = options
  let sentAt: number | undefined
  let statusCode = 0
  let body = ''
  const settle = (outcome: Answer['outcome'], latencyMs: number): void => {
    if (sentAt !== undefined) options.onAnswer({ kind, outcome, sentAt, latencyMs })
    sentAt = undefined
  }
  // A connection that times out (or breaks) sends its next request before it says so; and an idle
  // one times out, too. What settles a request is its own age.
  const giveUp = (): void => {
    const ageMs = sentAt === undefined ? 0 : sharedNow() - sentAt
    if (ageMs > almostRatio * deadlineMs) settle('timed_out', deadlineMs)
  }
  client.on('request', () => {
    giveUp()
    settle('failed', deadlineMs)
    sentAt = sharedNow()
    body = ''
    options.onSent()
  })
  client.on('timeout', giveUp)
  client.on('headers', (headers) => {
    statusCode = headers.statusCode
  })
  client.on('body', (chunk) => {
    if (statusCode >= 400) body += chunk.toString()
  })
  client.on('response', (status, _bytes, latencyMs) => {
    settle(outcomeOf(status, latencyMs, deadlineMs, body), latencyMs)
  })
}

/** Timers may come a little early. */
const almostRatio = 0.98
