import { runModule } from '@spillway/test-support'
import { expect, test } from 'vitest'

const imports = `
  import { concurrencyLimit } from '@spillway/concurrency-limit'
  import { fixedLimit } from '@spillway/core'
  import Fastify from 'fastify'
  const app = Fastify()
`

test('the process ends when the application has been closed, also after refusals', async () => {
  const code = `
    await app.register(concurrencyLimit, {
      limit: fixedLimit(1), queue: { maxSize: 0 }, defaultDeadlineMs: 600_000,
    })
    app.get('/', async ({ cancelSignal }) => cancelSignal.aborted)
    const base = await app.listen({ port: 0, host: '127.0.0.1' })
    const ask = async () => {
      const response = await fetch(base, { headers: { connection: 'close' } })
      await response.text()
      return response.status
    }
    const statuses = await Promise.all(Array.from({ length: 20 }, ask))
    console.log(statuses.includes(200))
    await app.close()
  `
  const end = await runModule(imports + code, import.meta.dirname)
  expect(end).toEqual({ code: 0, stdout: 'true\n', stderr: '' })
})

test('a request that waits at the door is answered, without any socket', async () => {
  const code = `
    await app.register(concurrencyLimit, { limit: fixedLimit(1), queue: { maxWaitMs: 200 } })
    app.get('/', async () => 'never reached')
    await app.ready()
    app.limiters.default.tryAcquire()
    const { statusCode } = await app.inject('/')
    console.log(statusCode)
  `
  const end = await runModule(imports + code, import.meta.dirname)
  expect(end).toEqual({ code: 0, stdout: '503\n', stderr: '' })
})
