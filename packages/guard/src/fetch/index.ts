import {
  knownCallOptions,
  checkTimedCall,
  evidenceOfStatus,
  functionOption,
  invalidOption,
  knownKeys,
} from '@spillway/core'
import { callDeadlines } from '@spillway/plugin-kit'
import { callHeaders } from '../call-headers.ts'
import type { CallOptions } from '../call-options.ts'
import type { Guard } from '../guard.ts'
import { callOf } from '../running-call.ts'
import { bodyEnd } from './body-end.ts'
import type { FetchInit } from './call-init.ts'
import { callInit, ownSignal } from './call-init.ts'
import { WaitingCaller } from './waiting-caller.ts'

/** Anything shaped like the global `fetch`, for example undici's. */
export type FetchFunction = (...args: never[]) => Promise<unknown>

/** Options of {@link guardedFetch}. */
export interface GuardedFetchOptions<F extends FetchFunction> {
  /** @default globalThis.fetch */
  readonly fetch?: F
}

/** `fetch` with a third argument. */
export type GuardedFetch<F extends FetchFunction> = (
  input: Parameters<F>[0],
  init?: Parameters<F>[1],
  options?: CallOptions,
) => ReturnType<F>

/**
 * A `fetch` behind a guard, for callers that want the response itself. It takes all that `fetch` takes
 * and hands out `fetch`'s own response. The signals of `init`, of a `Request` and of `options` all end
 * the call.
 *
 * Its permit is held until the body has been read to its end or cancelled, in whatever way: until then
 * the downstream works for us. With nothing to read it comes back at once. The guard's timeout and the
 * deadline go on while the body is read, and abort it. So a body that nobody reads costs a permit until
 * the response is garbage-collected, at most until the timeout; cancel what you do not need:
 * `response.body?.cancel()`.
 *
 * The request says how many milliseconds are left when it is sent, and its priority unless that is
 * `default`, in the headers `x-envoy-expected-rq-timeout-ms` and `x-request-priority`; headers of
 * these names in `init` or in a `Request` win.
 *
 * An answer of 408, 429, 503 or 504 is handed out like any other and counts as `dropped`; any other
 * of 500 and more counts for the breaker as a failure.
 *
 * When the body is read in the same place anyway, plain `guard.run` does:
 * `guard.run(async (signal) => (await fetch(url, { signal })).json())`.
 *
 * @throws what {@link Guard.run} throws, and what `fetch` throws
 */
export function guardedFetch<F extends FetchFunction = typeof globalThis.fetch>(
  guard: Guard,
  options: GuardedFetchOptions<F> = {},
): GuardedFetch<F> {
  if (typeof (guard as Partial<Guard> | null | undefined)?.run !== 'function') {
    throw invalidOption('guard', 'a guard', guard)
  }
  knownKeys('options', options, ['fetch'])
  const fetch = functionOption('fetch', (options.fetch ?? globalThis.fetch) as unknown as Fetch)
  const guarded = (input: unknown, init?: FetchInit, call?: CallOptions): Promise<Response> =>
    runFetch(guard, fetch, input, init, call)
  return guarded as unknown as GuardedFetch<F>
}

type Fetch = (input: unknown, init: Record<string, unknown>) => Promise<Response>

/** The answer of a downstream in trouble: an error for limit and breaker, none for the caller. */
class TroubledAnswer extends Error {
  readonly statusCode: number

  constructor(statusCode: number) {
    super(`The downstream answered ${statusCode}`)
    this.statusCode = statusCode
  }
}

/** The caller is answered when the headers are there; the work goes on until the body has ended. */
function runFetch(
  guard: Guard,
  fetch: Fetch,
  input: unknown,
  init: FetchInit | undefined,
  options: CallOptions | undefined,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const caller = new WaitingCaller(resolve, reject)
    // Not an async function: while it waits for the body its frame would hold the response.
    const work = (signal: AbortSignal): Promise<void> => {
      // A guard that merely observes leaves the request as it was.
      const running = callOf(signal)
      const headers = running === undefined ? {} : callHeaders(running)
      return fetch(input, callInit(input, init, signal, headers)).then((response) =>
        handOut(response, caller),
      )
    }
    const asked = withSignal(options, ownSignal(input, init))
    guard.run(work, asked).catch((error: unknown) => caller.fail(error))
  })
}

/** Ends with the body. The response itself must not be held until then. */
function handOut(response: Response, caller: WaitingCaller): Promise<void> {
  const { status } = response
  const ended = bodyEnd(response)
  caller.answer(response)
  return evidenceOfStatus(status) === 'answered' ? ended : troubleAfter(ended, status)
}

async function troubleAfter(ended: Promise<void>, status: number): Promise<never> {
  await ended
  throw new TroubledAnswer(status)
}

function withSignal(options: CallOptions = {}, own: AbortSignal | undefined): CallOptions {
  if (own === undefined) return options
  if (!(own instanceof AbortSignal)) throw invalidOption('init.signal', 'an AbortSignal', own)
  // Each by its name: a running call has nothing of its own that could be spread.
  const { priority, partition, workload, permit, signal } = knownCallOptions(options)
  // While the signal is still the one beside which they were said.
  const { deadlineMs, callerDeadlineMs } = callDeadlines(options)
  const all: Every<CallOptions> = {
    priority,
    deadlineMs,
    callerDeadlineMs,
    partition,
    workload,
    permit,
    signal: own,
  }
  if (signal === undefined) return all
  checkTimedCall({ signal })
  return { ...all, signal: AbortSignal.any([own, signal]) }
}

/** None left out. */
type Every<T> = { readonly [K in keyof T]-?: T[K] }
