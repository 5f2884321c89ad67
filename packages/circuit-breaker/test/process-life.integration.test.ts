import { runModule } from '@spillway/test-support'
import { expect, test } from 'vitest'

const imports = `
  import { circuitBreaker, createBreaker } from '@spillway/circuit-breaker'
  import Fastify from 'fastify'
`

test('a call that hangs keeps the process alive until its time-out', async () => {
  const code = `
    const breaker = createBreaker({ name: 'api', timeoutMs: 200 })
    console.log(await breaker.run(() => new Promise(() => {})).catch(({ code }) => code))
  `
  const end = await runModule(imports + code, import.meta.dirname)
  expect(end).toEqual({ code: 0, stdout: 'SPW_ERR_CALL_TIMEOUT\n', stderr: '' })
})

test('neither a closed nor an open circuit keeps the process alive', async () => {
  const code = `
    const closed = createBreaker({ name: 'closed', timeoutMs: 600_000 })
    await closed.run(async () => 'done')
    const open = createBreaker({ name: 'open' })
    open.open()
    console.log(await open.run(async () => 'done').catch(({ code }) => code))
  `
  const end = await runModule(imports + code, import.meta.dirname)
  expect(end).toEqual({ code: 0, stdout: 'SPW_ERR_CIRCUIT_OPEN\n', stderr: '' })
})

test('the process ends when the application has been closed', async () => {
  const code = `
    const app = Fastify()
    await app.register(circuitBreaker)
    const api = app.breakers.define('api', async (id) => id, { timeoutMs: 600_000 })
    app.get('/', () => api.fire('answer'))
    const base = await app.listen({ port: 0, host: '127.0.0.1' })
    console.log(await (await fetch(base, { headers: { connection: 'close' } })).text())
    await app.close()
  `
  const end = await runModule(imports + code, import.meta.dirname)
  expect(end).toEqual({ code: 0, stdout: 'answer\n', stderr: '' })
})
