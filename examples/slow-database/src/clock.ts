/**
 * Milliseconds on the machine's monotonic clock, which all processes share. `performance.now()` counts
 * from each process's own start, and the wall clock may be set while the story is played.
 */
export function sharedNow(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
