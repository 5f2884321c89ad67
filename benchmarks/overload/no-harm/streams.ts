import type { StreamSpec } from '../load/stream-spec.ts'

/** What honest clients ask for. */
export const kinds = ['ping', 'product', 'item', 'report', 'order'] as const

export type Kind = (typeof kinds)[number]

type Request = Omit<StreamSpec<Kind>, 'kind' | 'url' | 'offsetMs'>

const requests: Readonly<Record<Kind, Request>> = {
  ping: { method: 'GET', path: '/ping' },
  product: { method: 'GET', path: '/products/{item}' },
  item: { method: 'GET', path: '/items/{item}' },
  report: { method: 'GET', path: '/report' },
  order: { method: 'POST', path: '/orders', body: '{"itemId":{item},"quantity":1}' },
}

/** Shorter than what lies between two moments of a stream. */
const spaceMs = 3

export function streamsOf(url: string): StreamSpec<Kind>[] {
  return kinds.map((kind, index) => ({
    ...requests[kind],
    kind,
    url,
    offsetMs: index * spaceMs,
  }))
}
