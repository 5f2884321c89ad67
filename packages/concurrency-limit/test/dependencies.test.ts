import type { Refusal } from '@spillway/core'
import Fastify from 'fastify'
import { describe, expect, test } from 'vitest'
import { concurrencyLimit } from '../src/index.ts'
import { limitedApp } from './serve.ts'

const refusal: Refusal = {
  kind: 'refusal',
  reason: 'estimated_wait',
  code: 'SPW_ERR_LIMIT_EXCEEDED',
  retryAfterMs: 4200,
}

/** What the door knows of `app.guards`: nothing but its shape. */
class Guards {
  readonly #guards = new Map<
    string,
    { name: string; wouldRefuse(question: unknown): Refusal | undefined }
  >()
  refusing = new Set<string>()
  asked: unknown[] = []

  define(name: string): this {
    const wouldRefuse = (question: unknown): Refusal | undefined => {
      this.asked.push(question)
      return this.refusing.has(name) ? refusal : undefined
    }
    this.#guards.set(name, { name, wouldRefuse })
    return this
  }

  get(name: string) {
    return this.#guards.get(name)
  }

  values() {
    return this.#guards.values()
  }
}

const dependsOn = ['orders-db']

describe('a route that depends on a guard', () => {
  test('is refused while that guard refuses; other routes are not', async () => {
    const partition = () => 'tenant a'
    const app = await limitedApp({ defaultDeadlineMs: 1000, partition })
    const guards = new Guards().define('orders-db')
    app.decorate('guards', guards as never)
    app.get(
      '/orders',
      { config: { concurrencyLimit: { dependsOn, priority: 'high' } } },
      async () => 'ok',
    )
    app.get('/', async () => 'ok')
    expect((await app.inject('/orders')).statusCode).toBe(200)
    expect(guards.asked).toEqual([
      {
        priority: 'high',
        deadlineMs: expect.closeTo(1000, -2),
        partition: 'tenant a',
        workload: 'GET /orders',
      },
    ])
    guards.refusing.add('orders-db')
    const refused = await app.inject('/orders')
    expect(refused.json()).toMatchObject({ statusCode: 503, code: 'SPW_ERR_LIMIT_EXCEEDED' })
    expect(Number(refused.headers['retry-after'])).toBeGreaterThanOrEqual(5)
    expect((await app.inject('/')).statusCode).toBe(200)
    expect(app.limiters.stats()[0]).toMatchObject({
      refusedByGuard: 1,
      admitted: { high: 1, default: 1 },
    })
    guards.refusing.clear()
    expect((await app.inject('/orders')).statusCode).toBe(200)
  })

  test('fails at the start when nobody has defined the guard', async () => {
    const app = await limitedApp()
    app.decorate('guards', new Guards().define('users-db').define('mail') as never)
    app.get('/orders', { config: { concurrencyLimit: { dependsOn } } }, async () => 'ok')
    await expect(app.ready()).rejects.toThrow(
      "GET /orders: `concurrencyLimit.dependsOn` names the guard 'orders-db', but defined are 'users-db', 'mail'",
    )
  })

  test('fails at the start when there are no guards at all', async () => {
    const app = await limitedApp()
    app.get('/orders', { config: { concurrencyLimit: { dependsOn } } }, async () => 'ok')
    await expect(app.ready()).rejects.toThrow("'orders-db', but none is defined")
  })

  test('finds the guards of its own scope', async () => {
    const app = Fastify()
    await app.register(concurrencyLimit)
    await app.register(async (scope) => {
      scope.decorate('guards', new Guards().define('orders-db') as never)
      scope.get('/orders', { config: { concurrencyLimit: { dependsOn } } }, async () => 'ok')
    })
    expect((await app.inject('/orders')).statusCode).toBe(200)
    await app.close()
  })
})
