import { deadlineHeader, priorityHeader } from '@spillway/core'
import { decorateRequests } from '@spillway/plugin-kit'
import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import { describe, expect, onTestFinished, test } from 'vitest'
import circuitBreaker from '../src/index.ts'

async function makeApp(): Promise<FastifyInstance> {
  const app = Fastify()
  onTestFinished(async () => {
    await app.close()
  })
  await app.register(circuitBreaker)
  return app
}

describe('a request of an application that has no other plugin', () => {
  test('has what its types say', async () => {
    const app = await makeApp()
    app.get('/', async ({ callOptions, cancelSignal, deadline, priority }) => {
      expect(callOptions.signal).toBe(cancelSignal)
      expect(cancelSignal).toBeInstanceOf(AbortSignal)
      return { callOptions, deadline: deadline ?? 'none', priority }
    })
    const answer = await app.inject('/')
    expect(answer.json()).toMatchObject({
      callOptions: { priority: 'default', workload: 'GET /' },
      deadline: 'none',
      priority: 'default',
    })
  })

  test('tells a breaker in one word how long its caller waits', async () => {
    const app = await makeApp()
    const hanging = app.breakers.define('hangs', () => new Promise<never>(() => undefined))
    app.get('/', ({ callOptions }) => hanging.fire(undefined, callOptions))
    const headers = { [deadlineHeader]: '20' }
    expect((await app.inject({ url: '/', headers })).json()).toMatchObject({
      code: 'SPW_ERR_CALL_TIMEOUT',
    })
  })
})

test('a breaker counts as at work for the deadlines of callers only if there is one', async () => {
  const app = await makeApp()
  // A plugin that merely observes.
  decorateRequests(app, {}, undefined, { isInForce: () => false })
  app.get('/', async ({ callOptions, priority }) => ({ ...callOptions, priority }))
  const headers = { [deadlineHeader]: '1000', [priorityHeader]: 'low' }
  const ask = async (): Promise<unknown> => (await app.inject({ url: '/', headers })).json()
  expect(await ask()).not.toHaveProperty('callerDeadlineMs')
  app.breakers.define('orders', async () => 'ordered')
  expect(await ask()).toMatchObject({ callerDeadlineMs: expect.any(Number), priority: 'low' })
})
