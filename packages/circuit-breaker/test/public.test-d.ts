import Fastify from 'fastify'
import { expectTypeOf, test } from 'vitest'
import type {
  Breaker,
  BreakerPass,
  BreakerRefusal,
  BreakerState,
  CallOptions,
  CircuitOptions,
  DefinedBreaker,
  NamedBreaker,
} from '../src/index.ts'
import defaultExport, { circuitBreaker, createBreaker } from '../src/index.ts'

interface Price {
  readonly cents: number
}
declare const asked: {
  readonly signal: AbortSignal | undefined
  readonly deadlineMs: number | undefined
}
const app = Fastify()

test('a defined breaker is typed from its action', async () => {
  expectTypeOf(defaultExport).toEqualTypeOf(circuitBreaker)
  await app.register(circuitBreaker, { maxBreakers: 3 })
  const price = app.breakers.define('price', async (id: string, { signal }): Promise<Price> => {
    expectTypeOf(signal).toEqualTypeOf<AbortSignal>()
    return { cents: id.length }
  })
  expectTypeOf(price).toEqualTypeOf<DefinedBreaker<string, Price>>()
  expectTypeOf(price.fire('a', asked)).toEqualTypeOf<Promise<Price>>()
  // @ts-expect-error -- the input is a string
  void price.fire(1)
  // @ts-expect-error -- and there must be one
  void price.fire()
  // @ts-expect-error -- not an option of a call
  void price.fire('a', { timeoutMs: 1 })
})

test('a fallback adds what it gives', () => {
  const price = app.breakers.define('price', async (id: string): Promise<Price> => ({
    cents: id.length,
  }))
  const orNothing = price.fallback((id, error) => {
    expectTypeOf(id).toEqualTypeOf<string>()
    expectTypeOf(error).toEqualTypeOf<unknown>()
    return undefined
  })
  expectTypeOf(orNothing).toEqualTypeOf<DefinedBreaker<string, Price | undefined>>()
  const sameKind = price.fallback(async (): Promise<Price> => ({ cents: 0 }))
  expectTypeOf(sameKind.fire('a')).toEqualTypeOf<Promise<Price>>()
})

test('an action without input is fired without one', () => {
  const ping = app.breakers.define('ping', async () => 1)
  expectTypeOf(ping.fallback(() => 0).stats().fallbacks).toEqualTypeOf<number>()
  const pong = app.breakers.define('pong', async (_input: void, { signal }) => signal.aborted)
  expectTypeOf(pong.fire()).toEqualTypeOf<Promise<boolean>>()
})

test('the set', () => {
  expectTypeOf(app.breakers.get('price')).toEqualTypeOf<NamedBreaker | undefined>()
  expectTypeOf(app.breakers.values()).toEqualTypeOf<IterableIterator<NamedBreaker>>()
})

test('without Fastify', () => {
  const breaker = createBreaker({ name: 'db', slowCallMs: undefined })
  expectTypeOf(breaker).toEqualTypeOf<Breaker>()
  expectTypeOf(breaker.state).toEqualTypeOf<BreakerState>()
  expectTypeOf(breaker.admit()).toEqualTypeOf<BreakerPass | BreakerRefusal>()
  expectTypeOf(breaker.run(async () => 1, asked)).toEqualTypeOf<Promise<number>>()
  type Undefinable = { readonly [key in keyof CallOptions]?: CallOptions[key] | undefined }
  expectTypeOf<Undefinable>().toExtend<CallOptions>()
  // @ts-expect-error -- a name is required
  createBreaker({})
  // @ts-expect-error -- the name is the first argument of define
  expectTypeOf<CircuitOptions>({ name: 'db' })
  // @ts-expect-error -- no outcome
  expectTypeOf<BreakerPass>().toHaveProperty('end').toBeCallableWith('dropped')
})
