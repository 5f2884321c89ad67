import { SpillwayError, systemClock } from '@spillway/core'
import { poolExhausted } from '../classify.ts'
import type { Expiring } from '../expiries.ts'
import { Expiries } from '../expiries.ts'
import type { ConnectionSettings } from './lent-connection.ts'
import { LentConnection } from './lent-connection.ts'
import type { PgClient, PgPool } from './types.ts'

/**
 * Waits for connections of a pool with a way out. pg's pool cannot forget a request for a
 * connection, so a request whose caller has left serves a caller who comes later, and if there is
 * none the connection goes straight back. So no connection leaks, and the requests at the pool do not
 * grow with the callers that come and go.
 *
 * Only a request that stands in the pool's queue is good for somebody else: it is served by the next
 * connection that comes free. One for which the pool is opening a connection may hang with it, as long
 * as the network likes. Whatever becomes of a request is the trouble of the caller that it was made
 * for, and of no other.
 */
export class ConnectionQueue {
  readonly #pool: PgPool
  readonly #maxWaitMs: number
  readonly #settings: ConnectionSettings
  readonly #expiries = new Expiries(systemClock)
  /** In the order in which they came. */
  readonly #waiting = new Set<ConnectionWaiter>()
  /** Requests that the pool has not answered. */
  #requests = 0
  /** Those of them whose caller waits. */
  #owned = 0

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
      if (this.#needsRequest) this.#requestFor(waiter)
    })
  }

  giveBack(connection: LentConnection): void {
    try {
      connection.giveBack()
    } catch {
      // The pool wanted to open another one in its place and could not. It has lost a request by that,
      // and serves none until it is asked again; nobody knows whose.
      this.#requests = 0
      for (const waiter of this.#waiting) this.#disown(waiter)
      for (const waiter of this.#waiting) this.#requestFor(waiter)
    }
  }

  /** Whether more callers have no request of their own than others' requests can serve. */
  get #needsRequest(): boolean {
    const queued = Math.max(0, this.#pool.waitingCount - this.#owned)
    const spare = Math.min(this.#requests - this.#owned, queued)
    return this.#waiting.size - this.#owned > spare
  }

  /** After the answer to a request, which may have been what a caller without one relied on. */
  #requestEnough(): void {
    for (const waiter of this.#waiting) {
      if (!this.#needsRequest) return
      if (!waiter.hasRequest) this.#requestFor(waiter)
    }
  }

  #requestFor(owner: ConnectionWaiter): void {
    this.#requests += 1
    this.#owned += 1
    owner.hasRequest = true
    let isAnswered = false
    const answer = (error: unknown, client: PgClient | undefined): void => {
      if (isAnswered) return
      isAnswered = true
      this.#requests = Math.max(0, this.#requests - 1)
      this.#disown(owner)
      if (client === undefined) this.#failed(owner, error)
      else this.#lend(client, owner)
      this.#requestEnough()
    }
    try {
      this.#pool.connect(answer)
    } catch (error) {
      answer(error, undefined)
    }
  }

  /** It goes to the caller that it was asked for, else to the one that has waited for longest. */
  #lend(client: PgClient, owner: ConnectionWaiter): void {
    const connection = new LentConnection(client, this.#settings)
    const [oldest] = this.#waiting
    const waiter = this.#waiting.has(owner) ? owner : oldest
    if (waiter !== undefined && connection.fate.kind === 'keep') {
      this.#leave(waiter)
      waiter.resolve(connection)
      return
    }
    // Nobody waits any more, or somebody beside us has left it in a transaction. Not at once, for the
    // pool serves the next request meanwhile: thousands of them would be thousands of nested calls.
    queueMicrotask(() => this.giveBack(connection))
  }

  #failed(owner: ConnectionWaiter, error: unknown): void {
    if (!this.#waiting.has(owner)) return
    this.#leave(owner)
    owner.reject(error)
  }

  #leave(waiter: ConnectionWaiter): void {
    this.#waiting.delete(waiter)
    this.#disown(waiter)
    this.#expiries.remove(waiter)
    waiter.signal.removeEventListener('abort', waiter)
  }

  /** Its request is another's now, or answered. */
  #disown(waiter: ConnectionWaiter): void {
    if (!waiter.hasRequest) return
    waiter.hasRequest = false
    this.#owned -= 1
  }
}

class ConnectionWaiter implements Expiring {
  readonly signal: AbortSignal
  readonly expiresAt: number
  place = -1
  /** Whether a request at the pool was made for it that has not been answered. */
  hasRequest = false
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
