// What a breaker costs a call that succeeds, one that fails, and one that is refused: ours beside the
// peers', interleaved in one process. `npm run bench:micro:breaker`; add `--json` for the raw samples.
import { createBreaker } from '@spillway/circuit-breaker'
import {
  circuitBreaker,
  ConsecutiveBreaker,
  ExponentialBackoff,
  handleAll,
  SamplingBreaker,
} from 'cockatiel'
import { bench, do_not_optimize, run, summary } from 'mitata'
import CircuitBreaker from 'opossum'

const work = async (): Promise<number> => 1
const fail = (): Promise<never> => Promise.reject(down)
const down = Object.assign(new Error('down'), { code: 'ECONNREFUSED' })
const ignore = (): void => {}

/** Never opens, whatever fails: what is measured is the counting. */
const never = 1
const ours = createBreaker({ name: 'ours', failureRatio: never })
const opened = createBreaker({ name: 'opened' })
opened.open()

const opossum = new CircuitBreaker(work)
const opossumBare = new CircuitBreaker(work, {
  timeout: false,
  rollingPercentilesEnabled: false,
  enableSnapshots: false,
})
const opossumFailing = new CircuitBreaker(fail, {
  rollingPercentilesEnabled: false,
  errorThresholdPercentage: 100,
})
const opossumOpened = new CircuitBreaker(work, { resetTimeout: 2_147_483_647 })
opossumOpened.open()

const cockatiel = circuitBreaker(handleAll, {
  halfOpenAfter: new ExponentialBackoff(),
  breaker: new SamplingBreaker({ threshold: 0.5, duration: 1000 }),
})
const cockatielFailing = circuitBreaker(handleAll, {
  halfOpenAfter: new ExponentialBackoff(),
  breaker: new ConsecutiveBreaker(Infinity),
})
const cockatielOpened = circuitBreaker(handleAll, {
  halfOpenAfter: 2_147_483_647,
  breaker: new SamplingBreaker({ threshold: 0.5, duration: 1000 }),
})
cockatielOpened.isolate()

summary(() => {
  bench('bare async call', async () => {
    await work()
  })
  bench('spillway admit + end around the call', async () => {
    const admission = ours.admit()
    await work()
    if (admission.kind === 'pass') admission.end('success')
  })
  bench('spillway run, with its timeout and signal', async () => {
    await ours.run(work)
  })
  bench('opossum', async () => {
    await opossum.fire()
  })
  bench('opossum without timeout, percentiles, snapshots', async () => {
    await opossumBare.fire()
  })
  bench('cockatiel, which has no timeout of its own', async () => {
    await cockatiel.execute(work)
  })
})

summary(() => {
  bench('spillway run, failing', async () => {
    await ours.run(fail).catch(ignore)
  })
  bench('opossum, failing, without percentiles', async () => {
    await opossumFailing.fire().catch(ignore)
  })
  bench('cockatiel, failing', async () => {
    await cockatielFailing.execute(fail).catch(ignore)
  })
})

summary(() => {
  bench('spillway admit, open', () => {
    do_not_optimize(opened.admit())
  })
  bench('spillway run, open', async () => {
    await opened.run(work).catch(ignore)
  })
  bench('opossum, open', async () => {
    await opossumOpened.fire().catch(ignore)
  })
  bench('cockatiel, isolated', async () => {
    await cockatielOpened.execute(work).catch(ignore)
  })
})

await run(process.argv.includes('--json') ? { format: 'json' } : {})
