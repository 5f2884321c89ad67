import { runModule } from '@spillway/test-support'
import { expect, test } from 'vitest'

const awaited: Record<string, { code: string; says: string }> = {
  'the time-out of a call that hangs': {
    code: `
      const guard = createGuard({ name: 'db', timeoutMs: 200 })
      await guard.run(async () => 'leaves its timer behind')
      console.log(await guard.run(() => new Promise(() => {})).catch(({ code }) => code))`,
    says: 'SPW_ERR_CALL_TIMEOUT\n',
  },
  'the deadline of a call that hangs': {
    code: `
      const guard = createGuard({ name: 'db' })
      const hung = guard.run(() => new Promise(() => {}), { deadlineMs: 200 })
      console.log(await hung.catch(({ reason }) => reason))`,
    says: 'deadline\n',
  },
  'the wait for a permit': {
    code: `
      const guard = createGuard({ name: 'db', limit: fixedLimit(1), queue: { maxWaitMs: 200 } })
      guard.limiter.tryAcquire()
      console.log(await guard.run(async () => 'ran', { deadlineMs: 500 }).catch(({ code }) => code))`,
    says: 'SPW_ERR_QUEUE_TIMEOUT\n',
  },
  'the wait of the undici interceptor': {
    code: `
      import { retryBudget } from '@spillway/guard/undici'
      import { once } from 'node:events'
      import { createServer } from 'node:net'
      import { Agent, request } from 'undici'
      const server = createServer().listen(0, '127.0.0.1')
      await once(server, 'listening')
      const { port } = server.address()
      server.close()
      await once(server, 'close')
      const options = { retryRatio: 1, baseDelayMs: 300, random: () => 0.9 }
      const dispatcher = new Agent().compose(retryBudget(options))
      const refused = request('http://127.0.0.1:' + port, { dispatcher })
      console.log(await refused.catch(({ code }) => code))`,
    says: 'ECONNREFUSED\n',
  },
}

const imports = `
  import { createGuard, guard as plugin } from '@spillway/guard'
  import { fixedLimit } from '@spillway/core'
`

test.each(Object.entries(awaited))('%s keeps the process alive', async (_, { code, says }) => {
  expect(await runModule(imports + code, import.meta.dirname)).toEqual({
    code: 0,
    stdout: says,
    stderr: '',
  })
})

test('neither an idle guard nor a call whose caller has left keeps the process alive', async () => {
  const code = `
    const db = createGuard({ name: 'db', timeoutMs: 600_000 })
    await db.run(async () => 'done', { deadlineMs: 500_000 })
    const controller = new AbortController()
    const left = db.run(() => new Promise(() => {}), { signal: controller.signal })
    controller.abort()
    console.log(await left.catch(({ code }) => code))
  `
  const end = await runModule(imports + code, import.meta.dirname)
  expect(end).toEqual({ code: 0, stdout: 'SPW_ERR_CANCELLED\n', stderr: '' })
})

test('the process ends when the application has been closed', async () => {
  const code = `
    import Fastify from 'fastify'
    const app = Fastify()
    await app.register(plugin, { defaultDeadlineMs: 600_000 })
    const db = app.guards.define('db', { timeoutMs: 600_000 })
    app.get('/', (request) => db.run(async () => request.cancelSignal.aborted, request.callOptions))
    const base = await app.listen({ port: 0, host: '127.0.0.1' })
    const response = await fetch(base, { headers: { connection: 'close' } })
    console.log(await response.text())
    await app.close()
  `
  const end = await runModule(imports + code, import.meta.dirname)
  expect(end).toEqual({ code: 0, stdout: 'false\n', stderr: '' })
})

test('a request that waits for its deadline alone is answered, without any socket', async () => {
  const code = `
    import Fastify from 'fastify'
    const app = Fastify()
    await app.register(plugin, { defaultDeadlineMs: 200 })
    app.get('/', ({ cancelSignal }) => new Promise((resolve) => {
      cancelSignal.addEventListener('abort', () => resolve(cancelSignal.reason.code))
    }))
    const { body } = await app.inject('/')
    console.log(body)
  `
  const end = await runModule(imports + code, import.meta.dirname)
  expect(end).toEqual({ code: 0, stdout: 'SPW_ERR_DEADLINE\n', stderr: '' })
})
