import type { Score } from './score.ts'

const longestCutOffMs = 1000
const longestFoundMs = 1000

/** Five times what the load keeps busy: 200 a second for 20 ms each. */
const mostAtOnce = 20

/** Whether an outage was short for the callers and gentle to the database that came back. */
export function meetsBars({ cutOffMs, foundMs, herd }: Score): boolean {
  return cutOffMs <= longestCutOffMs && foundMs <= longestFoundMs && herd <= mostAtOnce
}
