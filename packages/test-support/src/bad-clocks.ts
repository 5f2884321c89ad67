import { systemClock } from '@spillway/core'
import type { Clock } from '@spillway/core'

const methods = ['now', 'wallNow', 'setTimer', 'clearTimer'] as const

/** What is no clock, though it may look like one. */
export const badClocks: readonly { readonly what: string; readonly clock: Clock }[] = [
  ['a number', 5],
  ['null', null],
  ['an empty object', {}],
  ['Date', Date],
  ['performance', performance],
  ...methods.map((method) => [`one without ${method}`, { ...systemClock, [method]: undefined }]),
].map(([what, clock]) => ({ what: what as string, clock: clock as Clock }))
