import { SpillwayError } from '@spillway/core'
import { componentsOf } from '@spillway/plugin-kit'
import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import { describe, expect, onTestFinished, test } from 'vitest'
import circuitBreaker from '../src/index.ts'
import { down } from './world.ts'

async function makeApp(options = {}): Promise<FastifyInstance> {
  const app = Fastify()
  onTestFinished(async () => {
    await app.close()
  })
  await app.register(circuitBreaker, options)
  return app
}

const double = async (input: number): Promise<number> => input * 2
const ask = (): Promise<never> => Promise.reject(down())

describe('define', () => {
  test('puts a breaker around an action', async () => {
    const { breakers } = await makeApp()
    const doubled = breakers.define('double', double)
    await expect(doubled.fire(4)).resolves.toBe(8)
    expect(doubled).toMatchObject({ name: 'double', state: 'closed' })
    expect(breakers.get('double')).toBe(doubled)
    expect(breakers.get('other')).toBeUndefined()
    expect([...breakers.values()]).toEqual([doubled])
    expect(breakers.stats()).toMatchObject([{ name: 'double', successes: 1, fallbacks: 0 }])
  })

  test('the action gets a signal of its own that follows the caller', async () => {
    const { breakers } = await makeApp()
    const signals: AbortSignal[] = []
    const hang = breakers.define('hang', (_input: void, { signal }) => {
      signals.push(signal)
      return new Promise<void>(() => {})
    })
    const caller = new AbortController()
    const answer = hang.fire(undefined, { signal: caller.signal })
    caller.abort()
    await expect(answer).rejects.toMatchObject({ code: 'SPW_ERR_CANCELLED' })
    expect(signals[0]!.aborted).toBe(true)
    expect(signals[0]).not.toBe(caller.signal)
  })

  test('refuses a name twice, too many names, a name that is none, an action that is none', async () => {
    const { breakers } = await makeApp({ maxBreakers: 2 })
    breakers.define('a', double)
    expect(() => breakers.define('a', double)).toThrow(
      'Expected `name` to be the name of a breaker that is not defined yet, got "a" (string)',
    )
    expect(() => breakers.define('', double)).toThrow('Expected `name` to be a non-empty string')
    expect(() => breakers.define('b', 7 as never)).toThrow('Expected `action` to be a function')
    expect(() => breakers.define('b', double, { timeoutMs: -1 })).toThrow('`timeoutMs`')
    breakers.define('b', double)
    expect(() => breakers.define('c', double)).toThrow('one of at most 2 breakers (maxBreakers)')
  })

  test.each([5, null, [], 'fast', { name: 'b' }, { timeout: 5 }])(
    'refuses the options %j, and takes no name',
    async (options) => {
      const { breakers } = await makeApp()
      expect(() => breakers.define('a', double, options as never)).toThrow(/`options[.`]/)
      expect(breakers.define('a', double).name).toBe('a')
    },
  )

  test('is told of by name to whoever collects numbers', async () => {
    const app = await makeApp()
    app.breakers.define('double', double)
    const [component] = [...componentsOf(app)]
    expect(component).toMatchObject({ kind: 'breakers' })
    expect(component!.stats()).toMatchObject([{ name: 'double', state: 'closed' }])
  })

  test('by hand and by listener', async () => {
    const { breakers } = await makeApp()
    const doubled = breakers.define('double', double)
    const heard: string[] = []
    doubled.onStateChange(({ to }) => heard.push(to))
    doubled.open()
    await expect(doubled.fire(1)).rejects.toMatchObject({ code: 'SPW_ERR_CIRCUIT_OPEN' })
    doubled.close()
    await expect(doubled.fire(1)).resolves.toBe(2)
    expect(heard).toEqual(['open', 'closed'])
  })

  test('after the application has closed there is nothing to define or to fire', async () => {
    const app = await makeApp()
    const doubled = app.breakers.define('double', double)
    await app.close()
    await expect(doubled.fire(1)).rejects.toMatchObject({ code: 'SPW_ERR_CLOSED' })
    expect(() => app.breakers.define('late', double)).toThrow('The breakers are closed')
    expect([...componentsOf(app)]).toEqual([])
  })
})

describe('fallback', () => {
  test('answers for a failure, a timeout and an open circuit, with input and error', async () => {
    const { breakers } = await makeApp()
    const heard: unknown[] = []
    const prices = breakers
      .define('prices', (how: string) => (how === 'slow' ? new Promise(() => {}) : ask()), {
        timeoutMs: 5,
      })
      .fallback((input, error) => {
        heard.push((error as SpillwayError).code)
        return `old ${input}`
      })
    await expect(prices.fire('down')).resolves.toBe('old down')
    await expect(prices.fire('slow')).resolves.toBe('old slow')
    prices.open()
    await expect(prices.fire('any')).resolves.toBe('old any')
    expect(heard).toEqual(['ECONNREFUSED', 'SPW_ERR_CALL_TIMEOUT', 'SPW_ERR_CIRCUIT_OPEN'])
    expect(prices.stats()).toMatchObject({ fallbacks: 3, failures: 2, refused: 1 })
  })

  test('does not hide an answer, a mistake, or the end of the application', async () => {
    const { breakers } = await makeApp()
    const errors = [
      Object.assign(new Error('not found'), { statusCode: 404 }),
      new TypeError('a mistake'),
      new DOMException('a caller that left', 'AbortError'),
      new SpillwayError('SPW_ERR_OPTION', { message: 'an option' }),
    ]
    const picky = breakers
      .define('picky', (place: number) => Promise.reject(errors[place]!))
      .fallback(() => 'old')
    for (const [place, error] of errors.entries()) {
      await expect(picky.fire(place)).rejects.toBe(error)
    }
    picky.shutdown()
    await expect(picky.fire(0)).rejects.toMatchObject({ code: 'SPW_ERR_CLOSED' })
    expect(picky.stats().fallbacks).toBe(0)
  })

  test('answers for an error that nobody knows, which counts against nobody', async () => {
    const { breakers } = await makeApp()
    const odd = breakers
      .define('odd', () => Promise.reject(new Error('no price today')))
      .fallback(() => 'old')
    await expect(odd.fire(undefined)).resolves.toBe('old')
    expect(odd.stats()).toMatchObject({ fallbacks: 1, failures: 0, successes: 1 })
  })

  test('does not answer a caller that has left', async () => {
    const { breakers } = await makeApp()
    const never = breakers.define('never', double).fallback(() => 0)
    await expect(never.fire(1, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'SPW_ERR_CANCELLED',
    })
  })

  test('answers for a refusal further in, and for what isFailure calls one', async () => {
    const { breakers } = await makeApp()
    const errors = [new SpillwayError('SPW_ERR_LIMIT_EXCEEDED'), new TypeError('theirs')]
    const inner = breakers
      .define('inner', (place: number) => Promise.reject(errors[place]!), {
        isFailure: (error) => (error instanceof TypeError ? true : undefined),
      })
      .fallback(() => 'old')
    await expect(inner.fire(0)).resolves.toBe('old')
    await expect(inner.fire(1)).resolves.toBe('old')
    expect(inner.stats()).toMatchObject({ ignored: 1, failures: 1 })
  })

  test('may fail itself, and that is the answer', async () => {
    const { breakers } = await makeApp()
    const sync = breakers.define('sync', ask).fallback(() => {
      throw new Error('no old one')
    })
    const async = breakers.define('async', ask).fallback(() => Promise.reject(new Error('nor I')))
    await expect(sync.fire(undefined)).rejects.toThrow('no old one')
    await expect(async.fire(undefined)).rejects.toThrow('nor I')
  })

  test('is one function, given once', async () => {
    const { breakers } = await makeApp()
    const doubled = breakers.define('double', double)
    expect(() => doubled.fallback('old' as never)).toThrow('Expected `fallback` to be a function')
    expect(doubled.fallback(() => 0)).toBe(doubled)
    expect(() => doubled.fallback(() => 1)).toThrow('The breaker `double` has a fallback already')
  })
})

test.each([{ maxBreakers: 0 }, { maxbreakers: 3 }])('refuses the options %j', async (options) => {
  const app = Fastify()
  await expect(app.register(circuitBreaker, options as never)).rejects.toMatchObject({
    code: 'SPW_ERR_OPTION',
  })
})
