import { fixedLimit } from '@spillway/core'
import { describe, expect, test } from 'vitest'
import { Excess, RouteUse } from '../src/excess.ts'
import { Gate, limitedApp, until } from './serve.ts'

const limit = 10

/** A route whose requests take so long, asked so often for ten seconds. */
function useOf(heldMs: number, perSecond: number): RouteUse {
  const use = new RouteUse()
  use.end(heldMs)
  for (let now = 0; now < 10_000; now += 1000 / perSecond) use.ask(now)
  return use
}

describe('a route takes nothing from anybody', () => {
  test.each([
    { heldMs: 0, perSecond: 1000, isNegligible: true },
    { heldMs: 3, perSecond: 50, isNegligible: true },
    { heldMs: 200, perSecond: 0.5, isNegligible: true },
    { heldMs: 20, perSecond: 50, isNegligible: false },
    { heldMs: 200, perSecond: 5, isNegligible: false },
  ])('when it is $heldMs ms, $perSecond times a second: $isNegligible', (route) => {
    const use = useOf(route.heldMs, route.perSecond)
    expect(use.isNegligible(limit, 10_000)).toBe(route.isNegligible)
  })

  test('and one request finds out, while nothing is known of it', () => {
    const use = new RouteUse()
    use.ask(0)
    expect(use.isNegligible(limit, 0)).toBe(true)
    use.begin()
    use.ask(0)
    expect(use.isNegligible(limit, 0)).toBe(false)
    use.end(0)
    expect(use.isNegligible(limit, 0)).toBe(true)
  })

  test('not any more when its requests become slow, and again when they are rare', () => {
    const use = useOf(1, 50)
    expect(use.isNegligible(limit, 10_000)).toBe(true)
    for (let call = 0; call < 8; call += 1) use.end(500)
    for (let now = 10_000; now < 11_000; now += 20) use.ask(now)
    expect(use.isNegligible(limit, 11_000)).toBe(false)
    expect(use.isNegligible(limit, 60_000)).toBe(true)
  })
})

describe('what runs beyond the limit is bounded', () => {
  test('in number, while it runs', () => {
    const excess = new Excess()
    let running = 0
    for (; excess.hasRoom(limit, 0); running += 1) excess.begin()
    expect(running).toBe(3)
    excess.end(0, 0)
    expect(excess.hasRoom(limit, 0)).toBe(true)
  })

  test('in the time that it takes of the permits, all together', () => {
    const excess = new Excess()
    let now = 0
    let used = 0
    for (; now < 20_000; now += 10) {
      if (!excess.hasRoom(limit, now)) continue
      excess.begin()
      excess.end(20, now)
      used += 20
    }
    expect(used / now).toBeLessThan(0.06 * limit)
    expect(used / now).toBeGreaterThan(0.04 * limit)
  })
})

test('a limit of one’s own is kept to, whatever a route takes', async () => {
  const app = await limitedApp({
    queue: { maxSize: 0 },
    limiters: { own: { limit: fixedLimit(1), queue: { maxSize: 0 } } },
  })
  const config = { concurrencyLimit: { limiter: 'own' } }
  const gate = new Gate()
  app.get('/ping', { config }, async () => 'pong')
  app.get('/hold', { config }, async () => gate.pass())
  expect((await app.inject('/ping')).statusCode).toBe(200)
  const held = app.inject('/hold')
  await until('the only permit is taken', () => gate.entered === 1)
  expect((await app.inject('/ping')).statusCode).toBe(503)
  gate.open()
  await held
})

test('a route that nobody has asked for before is tried by one request at a time', async () => {
  const app = await limitedApp({ queue: { maxSize: 0 } })
  const [first, second] = [new Gate(), new Gate()]
  app.get('/ping', async () => 'pong')
  app.get('/hold', async () => first.pass())
  app.get('/slow', async () => second.pass())
  const held = Array.from({ length: 10 }, () => app.inject('/hold'))
  await until('all permits are taken', () => first.entered === app.limiters.default.limit)
  for (let times = 0; times < 20; times += 1) {
    expect((await app.inject('/ping')).statusCode).toBe(200)
  }
  held.push(app.inject('/slow'))
  await until('one has been let in', () => second.entered === 1)
  expect((await app.inject('/slow')).statusCode).toBe(503)
  expect((await app.inject('/hold')).statusCode).toBe(503)
  first.open()
  second.open()
  await Promise.all(held)
  await until('nobody is in flight', () => app.limiters.default.inFlight === 0)
})

test('without one, a route that takes nothing is let in; a request with a body, too', async () => {
  const app = await limitedApp({ queue: { maxSize: 0 } })
  const gate = new Gate()
  app.route({ method: ['GET', 'POST'], url: '/ping', handler: async () => 'pong' })
  app.get('/hold', async () => gate.pass())
  await app.inject('/ping')
  const held = Array.from({ length: 10 }, () => app.inject('/hold'))
  await until('all permits are taken', () => gate.entered === app.limiters.default.limit)
  const post = { method: 'POST', url: '/ping', payload: { a: 1 } } as const
  const answers = [await app.inject('/ping'), await app.inject(post), await app.inject('/hold')]
  expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200, 503])
  gate.open()
  await Promise.all(held)
  await until('nobody is in flight', () => app.limiters.default.inFlight === 0)
})
