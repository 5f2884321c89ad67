import type { AcquireOptions, Permit, Priority } from '@spillway/core'
import type { FastifyRequest } from 'fastify'
import Fastify from 'fastify'
import { expectTypeOf, test } from 'vitest'
import type { GuardedFetch } from '../src/fetch/index.ts'
import type {
  CallOptions,
  DownstreamOptions,
  Guard,
  GuardOptions,
  RunningCall,
} from '../src/index.ts'
import { callHeaders, createGuard, guard } from '../src/index.ts'
import { abortablePool } from '../src/pg/index.ts'
import type { AbortablePoolOptions, PgPool } from '../src/pg/index.ts'

/** What a request knows of itself, which may be nothing. */
declare const asked: {
  readonly priority: Priority | undefined
  readonly deadline: { readonly remainingMs: number } | undefined
  readonly signal: AbortSignal | undefined
  readonly tenant: string | undefined
}

test('a call may pass on what is not there: undefined is the same as not said', async () => {
  const db = createGuard({ name: 'db' })
  const options = {
    priority: asked.priority,
    deadlineMs: asked.deadline?.remainingMs,
    signal: asked.signal,
    partition: asked.tenant,
    workload: asked.tenant,
  }
  expectTypeOf(db.run(async () => 1, options)).toEqualTypeOf<Promise<number>>()
  db.wouldRefuse(options)
  expectTypeOf<GuardedFetch<typeof fetch>>().toBeCallableWith(
    'http://db',
    {},
    {
      priority: asked.priority,
      deadlineMs: asked.deadline?.remainingMs,
    },
  )
})

test('what a request says is what a guard asks for, and so is the call that work gets', () => {
  expectTypeOf<FastifyRequest['callOptions']>().toExtend<CallOptions>()
  expectTypeOf<RunningCall>().toExtend<CallOptions>()
  expectTypeOf<GuardedFetch<typeof fetch>>().toBeCallableWith(
    'http://db',
    {},
    {} as FastifyRequest['callOptions'],
  )
  const db = createGuard({ name: 'db' })
  expectTypeOf(db.run((_, call) => db.run(async () => callHeaders(call), call))).toEqualTypeOf<
    Promise<Record<string, string>>
  >()
})

test('every option of a call takes undefined, and is one of the limiter but for the permit', () => {
  expectTypeOf<Omit<CallOptions, 'permit'>>().toEqualTypeOf<
    Omit<AcquireOptions, 'maxWaitMs' | 'mayExceed'>
  >()
  expectTypeOf<Permit | undefined>().toExtend<CallOptions['permit']>()
  type Undefinable = { readonly [key in keyof CallOptions]?: CallOptions[key] | undefined }
  expectTypeOf<Undefinable>().toExtend<CallOptions>()
})

test('options of a guard and a pool that stand for one of a call take undefined, too', () => {
  expectTypeOf<{ deadlineMs: number | undefined }>().toExtend<DownstreamOptions>()
  expectTypeOf<{ name: string; deadlineMs: number | undefined }>().toExtend<GuardOptions>()
  expectTypeOf<{ maxWaitMs: number | undefined }>().toExtend<AbortablePoolOptions>()
})

test('wrong options do not compile', () => {
  const db: Guard = createGuard({ name: 'db' })
  // @ts-expect-error -- not a priority
  void db.run(async () => 1, { priority: 'urgent' })
  // @ts-expect-error -- the wait is bounded by the deadline and the queue
  void db.run(async () => 1, { maxWaitMs: 1 })
  // @ts-expect-error -- a name is required
  createGuard({})
})

test('the plugin, its decorator and the pool', async () => {
  const app = Fastify()
  await app.register(guard, { maxGuards: 3, defaultDeadlineMs: 800, callerHeaders: 'ignore' })
  // @ts-expect-error -- not one of the words
  void app.register(guard, { callerHeaders: true })
  expectTypeOf(app.guards.get('db')).toEqualTypeOf<Guard | undefined>()
  const pool = abortablePool({} as PgPool)
  const rows = pool.query<{ id: number }>(AbortSignal.abort(), 'select 1 as id')
  expectTypeOf((await rows).rows).items.toEqualTypeOf<{ id: number }>()
})
