// What admission costs when nothing waits: ours beside the peers' nearest operation, interleaved in
// one process. `npm run bench:micro`; add `--json` for the raw samples.
import { adaptiveLimit, createLimiter, createRetry, fixedLimit } from '@spillway/core'
import { bulkhead, handleAll, retry as cockatielRetry } from 'cockatiel'
import { bench, do_not_optimize, run, summary } from 'mitata'
import CircuitBreaker from 'opossum'
import pLimit from 'p-limit'

const fixed = createLimiter({ name: 'fixed', limit: fixedLimit(100) })
const adaptive = createLimiter({ name: 'adaptive', limit: adaptiveLimit() })
const full = createLimiter({ name: 'full', limit: fixedLimit(1) })
full.tryAcquire()
const options = { priority: 'critical', workload: '/orders/:id', deadlineMs: 1000 } as const

const work = async (): Promise<number> => 1
const cockatiel = bulkhead(100, 0)
const limited = pLimit(100)
const retry = createRetry({ idempotent: true })
const cockatielRetries = cockatielRetry(handleAll, { maxAttempts: 2 })
const breaker = new CircuitBreaker(work, { capacity: 100, timeout: false })

summary(() => {
  bench('spillway tryAcquire + release, fixed', () => {
    fixed.tryAcquire()?.release()
  })
  bench('spillway tryAcquire + release, adaptive', () => {
    adaptive.tryAcquire()?.release()
  })
  bench('spillway tryAcquire + release, adaptive, all options', () => {
    adaptive.tryAcquire(options)?.release()
  })
  bench('spillway refusal', () => {
    do_not_optimize(full.tryAcquire(options))
  })
})

summary(() => {
  bench('bare async call', async () => {
    await work()
  })
  bench('spillway run, adaptive', async () => {
    await adaptive.run(work)
  })
  bench('cockatiel bulkhead', async () => {
    await cockatiel.execute(work)
  })
  bench('p-limit', async () => {
    await limited(work)
  })
  bench('opossum', async () => {
    await breaker.fire()
  })
})

summary(() => {
  bench('bare async call, again', async () => {
    await work()
  })
  bench('spillway retry, success at once', async () => {
    await retry.run(work)
  })
  bench('cockatiel retry, success at once', async () => {
    await cockatielRetries.execute(work)
  })
})

await run(process.argv.includes('--json') ? { format: 'json' } : {})
