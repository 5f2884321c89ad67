import { breaksConnection } from './broken-statement.ts'
import { sendCancelRequest } from './cancel-request.ts'
import type { Fate, LentState, LossReason, TransactionState } from './lent-state.ts'
import { fateOf } from './lent-state.ts'
import type { ClientInternals, MakeStream } from './pg-internals.ts'
import { internalsOf } from './pg-internals.ts'
import type { PgClient, PgQueryConfig, TransactionStatus } from './types.ts'

/** Numbers of one pool; they only ever grow. */
export interface ConnectionCounts {
  /** Statements that were running when their signal aborted. */
  aborted: number
  /** Connections that were closed instead of going back to the pool. */
  destroyed: number
}

/** What the connections of one pool have in common. */
export interface ConnectionSettings {
  readonly cancelTimeoutMs: number
  /** pg's option `stream`. */
  readonly makeStream: MakeStream | undefined
  readonly counts: ConnectionCounts
}

/** A cancel that reached the backend before its query did had no effect; it is sent again. */
const firstRepeatMs = 20
const longestRepeatMs = 500

/**
 * A connection of the pool for as long as one call has it. It runs one statement at a time, cancels
 * it on the server, and knows what may become of it afterwards.
 */
export class LentConnection {
  readonly client: PgClient
  readonly #internals: ClientInternals
  readonly #settings: ConnectionSettings
  #state: LentState = { kind: 'ready' }
  #cancelling: Promise<void> | undefined
  /** Rejects the statement that runs: one on a closed connection need not settle by itself. */
  #fail: ((error: Error) => void) | undefined
  #mayHoldLock = false
  /** Ends a wait for the server. */
  #wake: (() => void) | undefined

  constructor(client: PgClient, settings: ConnectionSettings) {
    this.client = client
    this.#internals = internalsOf(client)
    this.#settings = settings
    // From the first moment on: a connection that breaks with nobody listening ends the process.
    client.on('error', this.#onError)
  }

  /** As the last statement left it. */
  get transaction(): TransactionState {
    return transactionOf(this.client.getTransactionStatus())
  }

  /** Whether it is broken and has been in the pool before, where it may have broken unnoticed. */
  get isStale(): boolean {
    if (this.#state.kind !== 'lost' || this.#state.reason !== 'connection_lost') return false
    const { _poolUseCount: returns = 0 } = this.#internals
    return returns > 0
  }

  /** What would become of it now. */
  get fate(): Fate {
    return fateOf(this.#state, this.transaction)
  }

  /**
   * Runs one statement. Settles when the server is ready for the next one, or the connection is lost.
   *
   * @throws whatever `send` and pg throw; why the connection was lost, if it was
   */
  async run(
    config: PgQueryConfig,
    send: () => Promise<unknown>,
    cancellable = true,
  ): Promise<unknown> {
    // Somebody else's first statements may still run on it, such as those of pg's `connect` event.
    if (!this.#isServerReady()) await this.#serverReadyWithin(longestTimerMs)
    if (this.#state.kind !== 'ready') throw this.#lossError()
    this.#mayHoldLock ||= takesSessionLock(config)
    const statement = new Promise<unknown>((resolve, reject) => {
      this.#fail = reject
      const answer = send()
      this.#state = { kind: 'running', cancellable }
      answer.then(resolve, reject)
    })
    await statement.then(
      () => this.#end(),
      (error: unknown) => {
        // Whether it has been sent at all.
        if (this.#state.kind !== 'ready' && breaksConnection(config, error)) {
          const message = 'The connection is closed because a statement on it has failed'
          this.#lose('statement_broken', new Error(message, { cause: error }))
        }
        return this.#end()
      },
    )
    return statement.catch((error: unknown) => {
      throw this.#explain(error)
    })
  }

  /** Runs what ends a transaction, whether its signal has aborted or not. */
  async rollback(): Promise<void> {
    const timer = setTimeout(() => {
      this.#lose('rollback_unfinished', new Error('The ROLLBACK took too long'))
    }, this.#settings.cancelTimeoutMs)
    try {
      const config = { text: 'ROLLBACK' }
      await this.run(config, () => this.client.query(config), false)
    } finally {
      clearTimeout(timer)
    }
  }

  /**
   * Its call has failed. A lock of the session that it has taken would stay with whoever comes next, and
   * an aborted call cannot give it back: its later statements are refused.
   */
  fail(): void {
    if (this.#mayHoldLock) this.#lose('lock_held', new Error('The call has failed'))
  }

  /** Cancels the statement that runs. */
  abort(): void {
    if (this.#state.kind === 'ready') this.#wake?.()
    if (this.#state.kind !== 'running' || !this.#state.cancellable) return
    this.#settings.counts.aborted += 1
    this.#cancel()
  }

  /** Gives it to the pool, which keeps or closes it. Does nothing the second time. */
  giveBack(): void {
    if (this.#state.kind === 'returned') return
    const { fate } = this
    this.#state = { kind: 'returned' }
    if (fate.kind === 'destroy') {
      this.#destroy(fate.reason)
      return
    }
    this.client.removeListener('error', this.#onError)
    this.client.release()
  }

  #destroy(reason: string): void {
    this.#settings.counts.destroyed += 1
    try {
      this.client.release(new Error(`Not fit to be used again: ${reason}`))
    } finally {
      // pg says goodbye and waits for the server, and so may hear of an error until then.
      this.#internals.connection.stream.destroy()
    }
  }

  /** The statement has settled; the server may not be ready yet. */
  async #end(): Promise<void> {
    if (this.#state.kind === 'running') {
      if (!this.#isServerReady()) await this.#serverReadyWithin(firstRepeatMs)
      // It settled for another reason than its end, such as a timeout of pg's.
      if (!this.#isServerReady()) this.#cancel()
    }
    await this.#cancelling
    if (this.#state.kind === 'running') this.#state = { kind: 'ready' }
  }

  #cancel(): void {
    if (this.#state.kind !== 'running') return
    this.#state = { kind: 'cancelling' }
    this.#cancelling = this.#cancelUntilReady().then(
      () => {
        if (this.#state.kind === 'cancelling') this.#state = { kind: 'ready' }
      },
      (cause: unknown) => {
        this.#lose('cancel_unfinished', new Error('The statement was not cancelled', { cause }))
      },
    )
  }

  async #cancelUntilReady(): Promise<void> {
    const giveUpAt = performance.now() + this.#settings.cancelTimeoutMs
    let pauseMs = firstRepeatMs
    do {
      const leftMs = giveUpAt - performance.now()
      if (leftMs <= 0) throw new Error('The server did not end the statement in time')
      await sendCancelRequest(this.#internals, this.#settings.makeStream, leftMs)
      await this.#serverReadyWithin(Math.min(pauseMs, leftMs))
      pauseMs = Math.min(2 * pauseMs, longestRepeatMs)
    } while (this.#state.kind === 'cancelling' && !this.#isServerReady())
  }

  #isServerReady(): boolean {
    return this.#internals.readyForQuery === true
  }

  /** Or until the connection is lost. */
  #serverReadyWithin(ms: number): Promise<void> {
    if (this.#isServerReady() || this.#state.kind === 'lost') return Promise.resolve()
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer)
        this.client.removeListener('drain', wake)
        if (this.#wake === wake) this.#wake = undefined
        resolve()
      }
      const timer = setTimeout(wake, ms)
      this.client.on('drain', wake)
      this.#wake = wake
    })
  }

  readonly #onError = (error: Error): void => {
    this.#lose('connection_lost', withCode(error, connectionFailure))
  }

  #lose(reason: LossReason, error: Error): void {
    if (this.#state.kind === 'lost' || this.#state.kind === 'returned') return
    this.#state = { kind: 'lost', reason, error }
    this.#fail?.(error)
    this.#wake?.()
  }

  #lossError(): Error {
    return this.#state.kind === 'lost'
      ? this.#state.error
      : new Error('The connection is not ready for a statement')
  }

  /** What pg says of a statement on a lost connection often has no code; why it was lost has. */
  #explain(error: unknown): unknown {
    if (this.#state.kind !== 'lost' || !(error instanceof Error)) return error
    return withCode(error, (this.#state.error as { readonly code?: unknown }).code)
  }
}

/** Whether it takes an advisory lock that lasts until it is given back, or the connection is closed. */
function takesSessionLock({ text }: PgQueryConfig): boolean {
  return /\bpg_(?:try_)?advisory_lock/i.test(text)
}

/** Longest delay that a timer takes. */
const longestTimerMs = 2_147_483_647

/** Null before the first statement. */
function transactionOf(status: TransactionStatus): TransactionState {
  if (status === 'T') return 'open'
  return status === 'E' ? 'failed' : 'none'
}

const connectionFailure = '08006'

/** For an error that has none of the server's or the socket's. */
function withCode(error: Error, code: unknown): Error {
  return 'code' in error || code === undefined ? error : Object.assign(error, { code })
}
