import { SpillwayError, systemClock } from '@spillway/core'
import { poolExhausted } from '../classify.ts'
import type { Expiring } from '../expiries.ts'
import { Expiries } from '../expiries.ts'
import type { ConnectionSettings } from './lent-connection.ts'
import { LentConnection } from './lent-connection.ts'
import type { PgClient, PgPool } from './types.ts'

/**
 * Waits for connections of a pool with a way out. pg's pool cannot forget a request for a
 * connection, so requests and callers are kept apart: a request whose caller has left serves the
 * next caller, and if there is none the connection goes straight back. So no connection leaks, and
 * never more requests stand at the pool than callers have waited at the same time. A request that
 * fails fails the caller that it was made for and no other.
 */
export class ConnectionQueue {
  readonly #pool: PgPool
  readonly #maxWaitMs: number
  readonly #settings: ConnectionSettings
  readonly #expiries = new Expiries(systemClock)
  /** In the order in which they came. */
  readonly #waiting = new Set<ConnectionWaiter>()
  #requests = 0

  constructor(pool: PgPool, maxWaitMs: number, settings: ConnectionSettings) {
    this.#pool = pool
    this.#maxWaitMs = maxWaitMs
    this.#settings = settings
  }

  get waiting(): number {
    return this.#waiting.size
  }

  /** @throws the signal's reason, or SPW_ERR_QUEUE_TIMEOUT with reason `pool_exhausted` */
  take(signal: AbortSignal): Promise<LentConnection> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted()
      const now = systemClock.now()
      const leave = (waiter: ConnectionWaiter): void => this.#leave(waiter)
      const waiter = new ConnectionWaiter(signal, now + this.#maxWaitMs, leave, resolve, reject)
      this.#waiting.add(waiter)
      this.#expiries.add(waiter, now)
      signal.addEventListener('abort', waiter)
      if (this.#waiting.size > this.#requests) this.#requestFor(waiter)
    })
  }

  giveBack(connection: LentConnection): void {
    try {
      connection.giveBack()
    } catch {
      // The pool wanted to open another one in its place and could not. It has lost a request by that,
      // and serves none until it is asked again; nobody knows whose.
      this.#requests = 0
      for (const waiter of this.#waiting) this.#requestFor(waiter)
    }
  }

  /** After a request that brought nobody a connection; the latest caller may have none of its own. */
  #requestEnough(): void {
    if (this.#waiting.size > this.#requests) this.#requestFor([...this.#waiting].at(-1)!)
  }

  #requestFor(owner: ConnectionWaiter): void {
    this.#requests += 1
    let isAnswered = false
    const answer = (error: unknown, client: PgClient | undefined): void => {
      if (isAnswered) return
      isAnswered = true
      this.#requests = Math.max(0, this.#requests - 1)
      if (client === undefined) this.#failed(owner, error)
      else this.#lend(client)
    }
    try {
      this.#pool.connect(answer)
    } catch (error) {
      answer(error, undefined)
    }
  }

  #lend(client: PgClient): void {
    const connection = new LentConnection(client, this.#settings)
    const waiter = connection.fate.kind === 'keep' ? this.#next() : undefined
    if (waiter !== undefined) {
      waiter.resolve(connection)
      return
    }
    // Nobody waits any more, or somebody beside us has left it in a transaction. Not at once, for the
    // pool serves the next request meanwhile: thousands of them would be thousands of nested calls.
    queueMicrotask(() => {
      this.giveBack(connection)
      this.#requestEnough()
    })
  }

  #failed(owner: ConnectionWaiter, error: unknown): void {
    if (this.#waiting.has(owner)) {
      this.#leave(owner)
      owner.reject(error)
    }
    this.#requestEnough()
  }

  #next(): ConnectionWaiter | undefined {
    const [waiter] = this.#waiting
    if (waiter !== undefined) this.#leave(waiter)
    return waiter
  }

  #leave(waiter: ConnectionWaiter): void {
    this.#waiting.delete(waiter)
    this.#expiries.remove(waiter)
    waiter.signal.removeEventListener('abort', waiter)
  }
}

class ConnectionWaiter implements Expiring {
  readonly signal: AbortSignal
  readonly expiresAt: number
  place = -1
  readonly resolve: (connection: LentConnection) => void
  readonly reject: (error: unknown) => void
  readonly #leave: (waiter: ConnectionWaiter) => void

  constructor(
    signal: AbortSignal,
    expiresAt: number,
    leave: (waiter: ConnectionWaiter) => void,
    resolve: (connection: LentConnection) => void,
    reject: (error: unknown) => void,
  ) {
    this.signal = signal
    this.expiresAt = expiresAt
    this.#leave = leave
    this.resolve = resolve
    this.reject = reject
  }

  expire(): void {
    this.#leave(this)
    const message = 'Waited too long for a connection of the pool'
    this.reject(new SpillwayError('SPW_ERR_QUEUE_TIMEOUT', { message, reason: poolExhausted }))
  }

  handleEvent(): void {
    this.#leave(this)
    this.reject(this.signal.reason)
  }
}
