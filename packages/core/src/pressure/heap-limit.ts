const megabyte = 1024 * 1024
/** `--max-old-space-size=512`, in megabytes; V8 takes underscores as well. */
const sizeFlag = /^--max[-_]old[-_]space[-_]size=(\d+)$/

/**
 * At which size of the heap the process dies. What V8 calls its limit has room for the young generation
 * added, 50 to 200 MB by Node's version: of a heap that was given 64 MB, it says 112 to 256. So where the
 * size was given, that is the limit; else V8's figure, of which the young generation is a small part.
 *
 * @param flags as Node was started with: `process.execArgv`
 * @param nodeOptions the environment's `NODE_OPTIONS`, over which the flags go
 */
export function heapLimitBytes(
  v8LimitBytes: number,
  flags: readonly string[],
  nodeOptions: string,
): number {
  const given = [...nodeOptions.split(/\s+/), ...flags]
    .map((flag) => Number(sizeFlag.exec(flag)?.[1] ?? 0))
    .findLast((size) => size > 0)
  return given === undefined ? v8LimitBytes : Math.min(v8LimitBytes, given * megabyte)
}
