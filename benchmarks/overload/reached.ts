/** Below, the machine was too busy to carry the load, and a run says nothing. */
const leastReached = 0.95

/** A warning when requests got lost before the service saw them; empty when they did not. */
export function lostLoad(arrivedPerSecond: number, sentPerSecond: number): string {
  const ratio = sentPerSecond === 0 ? 1 : arrivedPerSecond / sentPerSecond
  if (ratio >= leastReached) return ''
  return ` (only ${Math.round(100 * ratio)} % of the load reached the service: the machine is too busy)`
}
