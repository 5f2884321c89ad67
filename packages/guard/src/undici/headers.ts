import type { Dispatcher } from 'undici'

/** Request header of every attempt but the first: its number, from 2. */
export const attemptHeader = 'x-spillway-attempt'

type Headers = Dispatcher.DispatchOptions['headers']
type HeaderPairs = Iterable<[string, string | string[] | undefined]>

/**
 * The headers as they are now, for all attempts: the caller may change its object meanwhile, and an
 * iterator can be read once.
 */
export function copyHeaders(headers: Headers): NonNullable<Headers> | null {
  if (headers === undefined || headers === null) return null
  if (Array.isArray(headers)) return [...headers]
  if (Symbol.iterator in headers) return new Set(headers as HeaderPairs)
  return { ...headers }
}

/** The headers and one more, in whichever of undici's three forms they are. */
export function withHeader(headers: Headers, name: string, value: string): NonNullable<Headers> {
  if (headers === undefined || headers === null) return { [name]: value }
  if (Array.isArray(headers)) return [...headers, name, value]
  if (Symbol.iterator in headers) return new Set([...(headers as HeaderPairs), [name, value]])
  return { ...headers, [name]: value }
}

/** Whether a header is there, in whichever form. */
export function hasHeader(headers: Headers, name: string): boolean {
  return headerNames(headers).some((one) => one.toLowerCase() === name)
}

function headerNames(headers: Headers): string[] {
  if (headers === undefined || headers === null) return []
  if (Array.isArray(headers)) return headers.filter((_, index) => index % 2 === 0).map(String)
  if (Symbol.iterator in headers) return [...(headers as HeaderPairs)].map(([name]) => name)
  return Object.keys(headers)
}
