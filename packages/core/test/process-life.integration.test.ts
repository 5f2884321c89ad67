import { runModule } from '@spillway/test-support'
import { expect, test } from 'vitest'

const awaited: Record<string, { code: string; says: string }> = {
  'the wait before a retry': {
    code: `
      const retry = createRetry({ idempotent: true, baseDelayMs: 200, random: () => 0.9 })
      for (let index = 0; index < 20; index += 1) await retry.run(async () => index)
      console.log(await retry.run(async ({ attempt }) => {
        if (attempt === 1) throw new Error('once')
        return 'attempt ' + attempt
      }))`,
    says: 'attempt 2\n',
  },
  'the deadline of work that hangs until its signal aborts': {
    code: `
      const hangs = ({ signal }) => new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason))
      })
      const error = await createRetry().run(hangs, { deadlineMs: 200 }).catch((reason) => reason)
      console.log(error.name)`,
    says: 'TimeoutError\n',
  },
  'the wait for a permit': {
    code: `
      const limiter = createLimiter({ name: 'db', limit: fixedLimit(1) })
      limiter.tryAcquire()
      console.log(await limiter.acquire({ maxWaitMs: 200 }).catch(({ code }) => code))`,
    says: 'SPW_ERR_QUEUE_TIMEOUT\n',
  },
  'a call that waits for a permit, and one behind it that may wait longer': {
    code: `
      const limiter = createLimiter({ name: 'db', limit: fixedLimit(1) })
      limiter.tryAcquire()
      const waits = [200, 400].map((maxWaitMs) => limiter.run(async () => 0, { maxWaitMs }))
      const ends = await Promise.allSettled(waits)
      console.log(...ends.map(({ reason }) => reason.code))`,
    says: 'SPW_ERR_QUEUE_TIMEOUT SPW_ERR_QUEUE_TIMEOUT\n',
  },
}

test.each(Object.entries(awaited))('%s keeps the process alive', async (_, { code, says }) => {
  const imports = `import { createLimiter, createRetry, fixedLimit } from '@spillway/core'\n`
  expect(await runModule(imports + code, import.meta.dirname)).toEqual({
    code: 0,
    stdout: says,
    stderr: '',
  })
})

test('nothing that is idle keeps the process alive', async () => {
  const code = `
    import * as core from '@spillway/core'
    const limiter = core.createLimiter({ name: 'db', limit: core.fixedLimit(1) })
    await limiter.run(async () => 'done', { maxWaitMs: 600_000 })
    const permit = limiter.tryAcquire()
    const waiting = limiter.acquire({ maxWaitMs: 600_000 })
    permit.release('success')
    ;(await waiting).release('success')
    const controller = new AbortController()
    limiter.tryAcquire()
    const left = limiter.acquire({ maxWaitMs: 600_000, signal: controller.signal })
    controller.abort()
    await left.catch(() => undefined)
    const retry = core.createRetry({ throttle: core.createAdaptiveThrottle(), idempotent: true })
    await retry.run(async ({ signal }) => signal.aborted, { deadlineMs: 600_000 })
    core.createLoadShedder()
    console.log('idle')
  `
  const end = await runModule(code, import.meta.dirname)
  expect(end).toEqual({ code: 0, stdout: 'idle\n', stderr: '' })
})
