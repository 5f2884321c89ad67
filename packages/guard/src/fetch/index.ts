import { evidenceOfStatus, functionOption, knownKeys } from '@spillway/core'
import { callHeaders } from '../call-headers.ts'
import type { CallOptions } from '../call-options.ts'
import type { Guard } from '../guard.ts'
import type { RunningCall } from '../running-call.ts'
import { callOf } from '../running-call.ts'
import { trackResponse } from './tracked-response.ts'

/** Anything shaped like the global `fetch`, for example undici's. */
export type FetchFunction = (...args: never[]) => Promise<unknown>

/** Options of {@link guardedFetch}. */
export interface GuardedFetchOptions<F extends FetchFunction> {
  /** @default globalThis.fetch */
  readonly fetch?: F
}

/** `fetch` with a third argument; `init.signal`, when there is one, is used instead of `options.signal`. */
export type GuardedFetch<F extends FetchFunction> = (
  input: Parameters<F>[0],
  init?: Parameters<F>[1],
  options?: CallOptions,
) => ReturnType<F>

/**
 * A `fetch` behind a guard, for callers that want the response itself. Its permit is held until the
 * body has been read to its end or cancelled: until then the downstream works for us. The guard's
 * timeout and the deadline go on while the body is read, and abort it. So a body that nobody reads
 * costs a permit until the timeout; cancel what you do not need: `response.body?.cancel()`.
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
  knownKeys('options', options, ['fetch'])
  const fetch = functionOption('fetch', (options.fetch ?? globalThis.fetch) as unknown as Fetch)
  const guarded = (input: unknown, init?: FetchInit, call?: CallOptions): Promise<Response> =>
    runFetch(guard, fetch, input, init, call)
  return guarded as unknown as GuardedFetch<F>
}

type FetchInit = {
  readonly signal?: AbortSignal | null
  readonly headers?: HeadersInit
} & Record<string, unknown>
type HeadersInit = ConstructorParameters<typeof Headers>[0]
type Fetch = (input: unknown, init: FetchInit) => Promise<Response>

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
  call: CallOptions | undefined,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const work = async (signal: AbortSignal): Promise<void> => {
      // A guard that merely observes leaves the request as it was.
      const running = callOf(signal)
      const headed = running === undefined ? init : withCallHeaders(input, init, running)
      const { response, ended } = trackResponse(await fetch(input, { ...headed, signal }))
      resolve(response)
      await ended
      if (evidenceOfStatus(response.status) !== 'answered')
        throw new TroubledAnswer(response.status)
    }
    guard.run(work, withSignal(call, init?.signal)).catch(reject)
  })
}

function withSignal(call: CallOptions = {}, signal: AbortSignal | null | undefined): CallOptions {
  return signal === undefined || signal === null ? call : { ...call, signal }
}

/** Pairs: every `fetch` takes them, also one whose `Headers` is another class. */
function withCallHeaders(
  input: unknown,
  init: FetchInit | undefined,
  call: RunningCall,
): FetchInit {
  const headers = new Headers(init?.headers ?? headersOf(input))
  for (const [name, value] of Object.entries(callHeaders(call))) {
    if (!headers.has(name)) headers.set(name, value)
  }
  return { ...init, headers: [...headers] }
}

/** Headers in `init` take the place of those of a `Request`, so they must be carried over. */
function headersOf(input: unknown): HeadersInit {
  return typeof input === 'object' && input !== null && 'headers' in input
    ? (input.headers as HeadersInit)
    : undefined
}
