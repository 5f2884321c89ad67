import { runModule } from '@spillway/test-support'
import { expect, test } from 'vitest'

test('a load shedder that nobody closes does not keep its process alive', async () => {
  const code = `
    import { createLoadShedder } from '@spillway/core'
    createLoadShedder()
    console.log('made')
  `
  const end = await runModule(code, import.meta.dirname)
  expect(end).toEqual({ code: 0, stdout: 'made\n', stderr: '' })
})

const imports = `
  import { loadShed } from '@spillway/load-shed'
  import Fastify from 'fastify'
  const app = Fastify()
`

test('the process ends when the application has been closed', async () => {
  const code = `
    await app.register(loadShed, { health: true })
    app.get('/', async () => 'answer')
    const base = await app.listen({ port: 0, host: '127.0.0.1' })
    console.log(await (await fetch(base, { headers: { connection: 'close' } })).text())
    await app.close()
  `
  const end = await runModule(imports + code, import.meta.dirname)
  expect(end).toEqual({ code: 0, stdout: 'answer\n', stderr: '' })
})

test('a readiness check that hangs is answered, without any socket', async () => {
  const code = `
    const ready = () => new Promise(() => {})
    await app.register(loadShed, { health: { ready, readyTimeoutMs: 200 } })
    const { statusCode } = await app.inject('/readyz')
    console.log(statusCode)
  `
  const end = await runModule(imports + code, import.meta.dirname)
  expect(end).toEqual({ code: 0, stdout: '503\n', stderr: '' })
})
