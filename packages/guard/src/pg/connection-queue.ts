import { SpillwayError, systemClock } from '@spillway/core'
import { poolExhausted } from '../classify.ts'
import type { Expiring } from '../expiries.ts'
import { Expiries } from '../expiries.ts'
import type { PgClient, PgPool } from './types.ts'

/**
 * Waits for connections of a pool with a way out. pg's pool cannot forget a request for a
 * connection, so requests and callers are kept apart: a request whose caller has left serves the
 * next caller, and if there is none the connection goes straight back. So no connection leaks, and
 * never more requests stand at the pool than callers have waited at the same time.
 */
export class ConnectionQueue {
  readonly #pool: PgPool
  readonly #maxWaitMs: number
  readonly #expiries = new Expiries(systemClock)
  /** In the order in which they came. */
  readonly #waiting = new Set<ConnectionWaiter>()
  #requests = 0

  constructor(pool: PgPool, maxWaitMs: number) {
    this.#pool = pool
    this.#maxWaitMs = maxWaitMs
  }

  get waiting(): number {
    return this.#waiting.size
  }

  /** @throws the signal's reason, or SPW_ERR_QUEUE_TIMEOUT with reason `pool_exhausted` */
  take(signal: AbortSignal): Promise<PgClient> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted()
      const now = systemClock.now()
      const leave = (waiter: ConnectionWaiter): void => this.#leave(waiter)
      const waiter = new ConnectionWaiter(signal, now + this.#maxWaitMs, leave, resolve, reject)
      this.#waiting.add(waiter)
      this.#expiries.add(waiter, now)
      signal.addEventListener('abort', waiter)
      if (this.#waiting.size > this.#requests) this.#request()
    })
  }

  #request(): void {
    this.#requests += 1
    this.#pool.connect().then(
      (client) => {
        this.#requests -= 1
        const waiter = this.#next()
        if (waiter === undefined) client.release()
        else waiter.resolve(client)
      },
      (error: unknown) => {
        this.#requests -= 1
        this.#next()?.reject(error)
      },
    )
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
  readonly resolve: (client: PgClient) => void
  readonly reject: (error: unknown) => void
  readonly #leave: (waiter: ConnectionWaiter) => void

  constructor(
    signal: AbortSignal,
    expiresAt: number,
    leave: (waiter: ConnectionWaiter) => void,
    resolve: (client: PgClient) => void,
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
