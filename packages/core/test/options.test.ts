import {
  booleanOption,
  createAdaptiveThrottle,
  createLimiter,
  createLoadShedder,
  createRetry,
  createRetryBudget,
  systemClock,
  vegasLimit,
  adaptiveLimit,
  fixedLimit,
  functionOption,
  integerBetween,
  invalidOption,
  isSpillwayError,
  knownKeys,
  milliseconds,
  nonEmptyString,
  numberBetween,
  oneOf,
  parsedAt,
  positiveInteger,
  ratio,
} from '@spillway/core'
import type { Clock } from '@spillway/core'
import { badClocks } from '@spillway/test-support'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

function messageOf(check: () => unknown): string {
  try {
    check()
  } catch (error) {
    if (isSpillwayError(error) && error.code === 'SPW_ERR_OPTION') return error.message
    throw error
  }
  return 'accepted'
}

describe('a wrong option', () => {
  test.each([
    [() => numberBetween('x', 11, 1, 10), 'a number from 1 to 10, got 11 (number)'],
    [() => numberBetween('x', '5', 1, 10), 'a number from 1 to 10, got "5" (string)'],
    [() => numberBetween('x', NaN, 1, Infinity), 'a number of at least 1, got NaN (number)'],
    [() => integerBetween('x', 1.5, 1, 10), 'an integer from 1 to 10, got 1.5 (number)'],
    [() => integerBetween('x', -1, 0, Infinity), 'an integer of at least 0, got -1 (number)'],
    [() => positiveInteger('x', 0), 'a positive integer, got 0 (number)'],
    [() => positiveInteger('x', 2 ** 53), 'a positive integer, got 9007199254740992 (number)'],
    [() => positiveInteger('x', 5n), 'a positive integer, got 5 (bigint)'],
    [() => milliseconds('x', -1), 'a number of milliseconds of at least 0, got -1 (number)'],
    [() => milliseconds('x', 2 ** 31), 'of at most 2147483647, got 2147483648 (number)'],
    [() => milliseconds('x', Infinity), 'of at most 2147483647, got Infinity (number)'],
    [() => milliseconds('x', NaN), 'of at least 0, got NaN (number)'],
    [() => milliseconds('x', '9999999999'), 'of at least 0, got "9999999999" (string)'],
    [() => booleanOption('x', 1), 'true or false, got 1 (number)'],
    [() => booleanOption('x', null), 'true or false, got null'],
    [() => milliseconds('x', 0, 1), 'a number of milliseconds of at least 1, got 0 (number)'],
    [() => ratio('x', 1.01), 'a ratio from 0 to 1, got 1.01 (number)'],
    [() => ratio('x', true), 'a ratio from 0 to 1, got true (boolean)'],
    [() => oneOf('x', 'c', ['a', 'b']), "one of 'a', 'b', got \"c\" (string)"],
    [() => oneOf('x', undefined, ['a', 'b']), "one of 'a', 'b', got undefined"],
    [() => nonEmptyString('x', ''), 'a non-empty string, got "" (string)'],
    [() => nonEmptyString('x', null), 'a non-empty string, got null'],
    [() => nonEmptyString('x', []), 'a non-empty string, got an array'],
    [() => nonEmptyString('x', () => 1), 'a non-empty string, got a function'],
    [() => functionOption('x', {} as never), 'a function, got an object'],
    [() => knownKeys('x', null as never, []), 'an object, got null'],
    [() => knownKeys('x', [] as never, []), 'an object, got an array'],
    [() => knownKeys('x', 'name' as never, []), 'an object, got "name" (string)'],
  ])('%# is answered with its name, what was expected and what it is', (check, message) => {
    expect(messageOf(check)).toMatch(/^Expected `x` to be /)
    expect(messageOf(check)).toContain(message)
  })

  test('that is mistyped is answered with those there are', () => {
    const options: { size?: number; mode?: string } = { maxSise: 1 } as never
    expect(messageOf(() => knownKeys('queue', options, ['size', 'mode']))).toBe(
      'Unknown option `queue.maxSise`, expected one of size, mode',
    )
  })

  test('cannot make the message long', () => {
    const long = 'x'.repeat(10_000)
    expect(invalidOption('x', 'short', long).message.length).toBeLessThan(150)
    expect(messageOf(() => knownKeys('x', { [long]: 1 }, [])).length).toBeLessThan(150)
  })

  test('is a bug of the program, not an answer to a client', () => {
    expect(invalidOption('x', 'right', 1)).toMatchObject({
      code: 'SPW_ERR_OPTION',
      statusCode: 500,
    })
  })
})

test('an error of ours says where it was, any other stays what it is', () => {
  const right = parsedAt('here', () => 1)
  expect(right).toBe(1)
  expect(messageOf(() => parsedAt('here', () => oneOf('x', 'c', ['a'])))).toBe(
    'here: Expected `x` to be one of \'a\', got "c" (string)',
  )
  const foreign = new Error('foreign')
  expect(() =>
    parsedAt('here', () => {
      throw foreign
    }),
  ).toThrow(foreign)
})

test('a right option is given back as it is', () => {
  const callback = (): number => 1
  const object = { a: 1 }
  expect([
    numberBetween('x', 1, 1, 10),
    integerBetween('x', 10, 1, 10),
    positiveInteger('x', 1),
    milliseconds('x', 0),
    milliseconds('x', 2 ** 31 - 1),
    ratio('x', 0),
    ratio('x', 1),
    oneOf('x', 'b', ['a', 'b']),
    nonEmptyString('x', 'y'),
  ]).toEqual([1, 10, 1, 0, 2 ** 31 - 1, 0, 1, 'b', 'y'])
  expect(functionOption('x', callback)).toBe(callback)
  expect(knownKeys('x', object, ['a'])).toBe(object)
})

test('a checker answers whatever it is given with its value or with SPW_ERR_OPTION', () => {
  fc.assert(
    fc.property(fc.anything(), (value) => {
      const checks: readonly (() => unknown)[] = [
        () => numberBetween('x', value, 0, 5),
        () => positiveInteger('x', value),
        () => milliseconds('x', value),
        () => ratio('x', value),
        () => oneOf('x', value, ['a']),
        () => nonEmptyString('x', value),
      ]
      for (const check of checks) {
        if (messageOf(check) === 'accepted') expect(check()).toBe(value)
      }
    }),
  )
})

describe('the options of a limiter', () => {
  test.each([
    [{}, 'Expected `name` to be a non-empty string, got undefined'],
    [{ name: '' }, 'Expected `name` to be a non-empty string, got "" (string)'],
    [
      { name: 'db', limit: 10 },
      'Expected `limit` to be what makes a limit, such as adaptiveLimit()',
    ],
    [{ name: 'db', quue: {} }, 'Unknown option `options.quue`, expected one of name, limit, queue'],
    [{ name: 'db', queue: 5 }, 'Expected `queue` to be an object, got 5 (number)'],
    [{ name: 'db', queue: { size: 5 } }, 'Unknown option `queue.size`, expected one of maxSize'],
    [
      { name: 'db', queue: { maxSize: -1 } },
      'Expected `queue.maxSize` to be an integer of at least 0, got -1 (number)',
    ],
    [
      { name: 'db', queue: { maxWaitMs: '5' } },
      'Expected `queue.maxWaitMs` to be a number of milliseconds of at least 0, got "5" (string)',
    ],
    [undefined, 'Expected `options` to be an object, got undefined'],
  ])('%# are refused with a sentence', (options, message) => {
    expect(messageOf(() => createLimiter(options as never))).toContain(message)
  })

  test('are not written to and may be shared', () => {
    const queue = Object.freeze({ maxSize: 1, maxWaitMs: 10 })
    const options = Object.freeze({ name: 'db', limit: fixedLimit(1), queue })
    const [one, other] = [createLimiter(options), createLimiter(options)]
    expect(one.tryAcquire()).toBeDefined()
    expect(other.tryAcquire()).toBeDefined()
  })

  test('need be no more than a name', () => {
    const limiter = createLimiter({ name: 'db' })
    expect(limiter.stats()).toMatchObject({ name: 'db', algorithm: 'adaptive', limit: 10 })
  })
})

describe.each([
  ['a limiter', (clock: Clock) => createLimiter({ name: 'db', clock })],
  ['a retry', (clock: Clock) => createRetry({ clock })],
  ['a retry budget', (clock: Clock) => createRetryBudget({ clock })],
  ['a throttle', (clock: Clock) => createAdaptiveThrottle({ clock })],
  ['a load shedder', (clock: Clock) => createLoadShedder({ clock })],
] as const)('the clock of %s', (_, make) => {
  test.each(badClocks)('is none: $what', ({ clock }) => {
    expect(messageOf(() => make(clock))).toMatch(/^Expected `clock` to be /)
  })
})

describe('the limit of a limiter', () => {
  const expected =
    'Expected `limit` to be what makes a limit, such as adaptiveLimit() or fixedLimit(10)'

  test.each([
    ['a number', 10, ', got 10 (number)'],
    ['a name', 'adaptive', ', got "adaptive" (string)'],
    ['a limit that is made already', fixedLimit(1)({ clock: systemClock }), ', got an object'],
    ['adaptiveLimit without its brackets', adaptiveLimit, ', got a function (Unknown option'],
    ['fixedLimit without its number', fixedLimit, ', got a function (Expected'],
    ['vegasLimit without its brackets', vegasLimit, ', got a function (Unknown option'],
    ['a function of a number', () => 10, '; it made none, got a function'],
    ['a function of nothing', () => undefined, '; it made none, got a function'],
    ['a function of a factory', () => fixedLimit(1), '; it made none, got a function'],
  ])('is none: %s', (_, limit, rest) => {
    const message = messageOf(() => createLimiter({ name: 'db', limit: limit as never }))
    expect(message).toContain(expected + rest)
  })

  test('may fail by an error of its own', () => {
    const limit = (): never => {
      throw new RangeError('no licence')
    }
    expect(() => createLimiter({ name: 'db', limit })).toThrow(RangeError)
  })
})
