/** As much of an error as is ever looked at. */
export interface ErrorLike {
  readonly name?: unknown
  readonly message?: unknown
  readonly code?: unknown
  readonly syscall?: unknown
  readonly severity?: unknown
  readonly cause?: unknown
  readonly errors?: unknown
}

/** Deeper than any client library wraps; bounds a chain of causes that runs in a circle. */
const maxDepth = 5

/** More addresses than a host has that one connects to. */
const maxErrors = 10

/**
 * What the outermost error says that says anything. `fetch` hides the reason in `cause`, Node in an
 * `AggregateError` when a name has several addresses; of those each must say something.
 */
export function signInCauses<Sign>(
  error: unknown,
  read: (link: ErrorLike) => Sign | undefined,
  depth: number = maxDepth,
): Sign | undefined {
  if (!isErrorLike(error) || depth === 0) return undefined
  return (
    read(error) ??
    signOfAll(error.errors, read, depth - 1) ??
    signInCauses(error.cause, read, depth - 1)
  )
}

function signOfAll<Sign>(
  errors: unknown,
  read: (link: ErrorLike) => Sign | undefined,
  depth: number,
): Sign | undefined {
  if (!Array.isArray(errors)) return undefined
  const signs = errors.slice(0, maxErrors).map((one) => signInCauses(one, read, depth))
  return signs.includes(undefined) ? undefined : signs[0]
}

function isErrorLike(value: unknown): value is ErrorLike {
  return typeof value === 'object' && value !== null
}
