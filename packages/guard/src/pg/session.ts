import { setTimeout as sleep } from 'node:timers/promises'
import { cancelTarget, sendCancelRequest } from './cancel-request.ts'
import type { CancelTarget } from './cancel-request.ts'
import { callOf } from '../running-call.ts'
import { canQueryWithin, queryWithin } from './statement-timeout.ts'
import type { PgClient, PgQueryConfig, PgResult } from './types.ts'

/** Numbers of one pool; they only ever grow. */
export interface CancelCounts {
  /** Queries that were running when their signal aborted. */
  aborted: number
  /** Connections closed because a cancel could not be sent or did not help. */
  destroyed: number
}

/** What the sessions of one pool have in common. */
export interface SessionSettings {
  readonly cancelTimeoutMs: number
  readonly statementTimeout: boolean
  readonly counts: CancelCounts
}

/** A cancel that reached the backend before its query did had no effect; it is sent again. */
const firstRepeatMs = 20
const longestRepeatMs = 500
const queryCanceled = '57014'

/**
 * One connection for as long as one call has it. When the signal aborts, the query that runs is
 * cancelled on the server; the connection goes back to the pool only when that query has ended and no
 * cancel is under way that could hit somebody else's.
 */
export class Session {
  readonly #client: PgClient
  readonly #signal: AbortSignal
  readonly #settings: SessionSettings
  #running: Promise<unknown> | undefined
  #cancelling: Promise<void> | undefined
  #kept = true

  constructor(client: PgClient, signal: AbortSignal, settings: SessionSettings) {
    this.#client = client
    this.#signal = signal
    this.#settings = settings
    client.on('error', ignoreError)
    signal.addEventListener('abort', this)
  }

  /**
   * Settles when the query has really ended, or its connection is closed.
   *
   * @throws the signal's reason when that is why the query failed
   */
  query<Row>(config: PgQueryConfig): Promise<PgResult<Row>> {
    return this.#run<Row>(() => this.#send(config))
  }

  /** The same for what begins or ends a transaction, and must stand alone. */
  control(text: string): Promise<PgResult<never>> {
    return this.#run<never>(() => this.#client.query({ text }))
  }

  async #run<Row>(send: () => Promise<unknown>): Promise<PgResult<Row>> {
    await this.#idle()
    this.#signal.throwIfAborted()
    const running = send()
    this.#running = running
    try {
      return (await running) as PgResult<Row>
    } catch (error) {
      throw this.#explain(error)
    } finally {
      this.#running = undefined
      await this.#cancelling
    }
  }

  #send(config: PgQueryConfig): Promise<unknown> {
    const call = this.#settings.statementTimeout ? callOf(this.#signal) : undefined
    return call === undefined || !canQueryWithin(this.#client)
      ? this.#client.query(config)
      : queryWithin(this.#client, config, call.deadlineMs)
  }

  /** Ends a transaction even though the signal has aborted; a failure closes the connection. */
  async rollback(): Promise<void> {
    await this.#idle()
    if (!this.#kept) return
    let done = false
    const rollback = this.#client.query({ text: 'ROLLBACK' }).then(() => {
      done = true
    })
    await settledWithin(rollback, this.#settings.cancelTimeoutMs)
    if (!done) this.#destroy()
  }

  /** Gives the connection back. */
  async close(): Promise<void> {
    await this.#idle()
    this.#signal.removeEventListener('abort', this)
    if (this.#kept) this.#release(false)
  }

  /** The signal aborted. */
  handleEvent(): void {
    if (this.#running === undefined) return
    this.#settings.counts.aborted += 1
    this.#cancelling = this.#cancel()
  }

  /** One query at a time; a caller that did not await its last one still gets a quiet connection. */
  async #idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running.then(ignoreError, ignoreError)
    await this.#cancelling
  }

  async #cancel(): Promise<void> {
    const target = cancelTarget(this.#client)
    try {
      if (target !== undefined) await this.#repeatCancel(target)
    } catch {
      // The server is out of reach; what is left is to close our side.
    }
    if (this.#running !== undefined && this.#kept) this.#destroy()
  }

  async #repeatCancel(target: CancelTarget): Promise<void> {
    const giveUpAt = performance.now() + this.#settings.cancelTimeoutMs
    let pauseMs = firstRepeatMs
    while (this.#running !== undefined) {
      const leftMs = giveUpAt - performance.now()
      if (leftMs <= 0) return
      await sendCancelRequest(target, leftMs)
      await settledWithin(this.#running, Math.min(pauseMs, leftMs))
      pauseMs = Math.min(2 * pauseMs, longestRepeatMs)
    }
  }

  #explain(error: unknown): unknown {
    const fromServer = isServerError(error)
    // Anything else (a broken socket, a client-side timeout) leaves a connection in an unknown state.
    if (!fromServer && this.#kept) this.#destroy()
    if (!this.#signal.aborted) return error
    return !fromServer || error.code === queryCanceled ? this.#signal.reason : error
  }

  #destroy(): void {
    this.#settings.counts.destroyed += 1
    this.#release(true)
  }

  #release(destroy: boolean): void {
    this.#kept = false
    this.#client.release(destroy)
    // A closed connection may still report how it ended.
    if (!destroy) this.#client.removeListener('error', ignoreError)
  }
}

/** A broken connection also rejects its query; without a listener it would end the process. */
function ignoreError(): void {}

function isServerError(error: unknown): error is { readonly code: string } {
  return error instanceof Error && 'severity' in error && 'code' in error
}

async function settledWithin(running: Promise<unknown>, ms: number): Promise<void> {
  const timer = new AbortController()
  const settled = running.then(ignoreError, ignoreError)
  const pause = sleep(ms, undefined, { signal: timer.signal }).catch(ignoreError)
  await Promise.race([settled, pause])
  timer.abort()
}
