import type { Admission, LimiterOptions, Permit, Priority } from '@spillway/core'
import { fixedLimit } from '@spillway/core'
import { expectTypeOf, test } from 'vitest'

test('options are read-only, and only the name is required', () => {
  expectTypeOf<{ name: string }>().toExtend<LimiterOptions>()
  expectTypeOf<LimiterOptions>().toEqualTypeOf<Readonly<LimiterOptions>>()
  expectTypeOf<object>().not.toExtend<LimiterOptions>()
})

test('an admission tells what it is by its kind', () => {
  expectTypeOf<Admission['kind']>().toEqualTypeOf<'permit' | 'refusal' | 'waiting'>()
  expectTypeOf<Extract<Admission, { kind: 'permit' }>>().toEqualTypeOf<Permit>()
})

test('wrong priorities and limits do not compile', () => {
  expectTypeOf<'urgent'>().not.toExtend<Priority>()
  // @ts-expect-error -- a limit is a number
  fixedLimit('10')
})
