/** What is looked at of `fetch`'s second argument; the rest is handed on. */
export interface FetchInit {
  readonly signal?: AbortSignal | null
  readonly headers?: unknown
}

/** The signal that `fetch` would heed: that of `init`, where it says one, else the `Request`'s own. */
export function ownSignal(input: unknown, init: FetchInit | undefined): AbortSignal | undefined {
  const signal = init?.signal === undefined ? memberOf(input, 'signal') : init.signal
  return (signal as AbortSignal | null | undefined) ?? undefined
}

/** All that the caller said, with the signal of the guarded call, and headers that the caller's win over. */
export function callInit(
  input: unknown,
  init: FetchInit | undefined,
  signal: AbortSignal,
  headers: Record<string, string>,
): Record<string, unknown> {
  const own = init?.headers === undefined ? memberOf(input, 'headers') : init.headers
  const members = membersOf(init)
  const kept = Object.keys(members).length === 0 ? referrerOf(input) : {}
  return { ...kept, ...members, headers: withHeaders(own, headers), signal }
}

/** A `Request` forgets its referrer when there is an `init`, and the caller gave none. */
function referrerOf(input: unknown): Record<string, unknown> {
  const referrer = memberOf(input, 'referrer')
  return referrer === undefined
    ? {}
    : { referrer, referrerPolicy: memberOf(input, 'referrerPolicy') }
}

/** Inherited ones, too: `fetch(url, request)` is allowed, and a `Request` has nothing of its own. */
function membersOf(init: FetchInit | undefined): Record<string, unknown> {
  const members: Record<string, unknown> = {}
  for (const name in init) members[name] = (init as Record<string, unknown>)[name]
  return members
}

/** Pairs: every `fetch` takes them, also one whose `Headers` is another class. */
function withHeaders(own: unknown, more: Record<string, string>): unknown {
  if (own === undefined) return Object.entries(more)
  // No headers at all: `fetch` says so in its own words.
  if (typeof own !== 'object' || own === null) return own
  const pairs = Symbol.iterator in own ? [...(own as Iterable<unknown>)] : Object.entries(own)
  const names = new Set(pairs.map((pair) => String((pair as [unknown])[0]).toLowerCase()))
  return [...pairs, ...Object.entries(more).filter(([name]) => !names.has(name))]
}

function memberOf(input: unknown, name: string): unknown {
  return typeof input === 'object' && input !== null
    ? (input as Record<string, unknown>)[name]
    : undefined
}
