import type autocannon from 'autocannon'
import type { RequestKind } from '../plan.ts'

/** The shop's items. */
export const itemCount = 20_000
const categoryCount = 50

/** What a client of the shop asks for. */
export function requestOf(kind: RequestKind): autocannon.Request {
  switch (kind) {
    case 'order':
      return {
        method: 'POST',
        path: '/orders',
        headers: { 'content-type': 'application/json' },
        setupRequest: (request) => ({
          ...request,
          body: JSON.stringify({ itemId: oneOf(itemCount), quantity: 1 }),
        }),
      }
    case 'browse':
      return { method: 'GET', setupRequest: (request) => ({ ...request, path: browsePath() }) }
    case 'report':
      return { method: 'GET', path: '/report' }
    default:
      return kind satisfies never
  }
}

function browsePath(): string {
  return Math.random() < 0.5
    ? `/items?category=${oneOf(categoryCount) - 1}`
    : `/items/${oneOf(itemCount)}`
}

/** A whole number from 1. */
export function oneOf(count: number): number {
  return 1 + Math.floor(Math.random() * count)
}
