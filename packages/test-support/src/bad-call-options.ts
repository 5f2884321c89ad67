/** Options of a call that no type checker would let pass, and what they are to be told. */
export interface BadOptions {
  readonly what: string
  /** What was handed in. */
  readonly options: unknown
  readonly message: string
}

const noSignals: readonly (readonly [string, unknown, string])[] = [
  ['an empty object', {}, 'an object'],
  ['null', null, 'null'],
  ['text', 'abort', '"abort" (string)'],
  ['a controller in place of its signal', new AbortController(), 'an object'],
  ['an event target', new EventTarget(), 'an object'],
  ['what nobody can stop listening to', { aborted: false, addEventListener() {} }, 'an object'],
]

const noTimes: readonly (readonly [string, unknown, string])[] = [
  ['text', '50', '"50" (string)'],
  ['null', null, 'null'],
  ['a date', new Date(0), 'an object'],
  ['a bigint', 50n, '50 (bigint)'],
  ['a truth', true, 'true (boolean)'],
]

const noObjects: readonly (readonly [string, unknown, string])[] = [
  ['null', null, 'null'],
  ['a number', 500, '500 (number)'],
  ['text', 'high', '"high" (string)'],
  ['a function', () => undefined, 'a function'],
]

function badOptions(name: string, expected: string, values: typeof noTimes): BadOptions[] {
  return values.map(([what, value, got]) => ({
    what: `${name}: ${what}`,
    options: { [name]: value },
    message: `Expected \`${name}\` to be ${expected}, got ${got}`,
  }))
}

/** What is wrong with a call wherever it is made. */
export const badCallOptions: readonly BadOptions[] = [
  ...badOptions('deadlineMs', 'a number of milliseconds', noTimes),
  ...badOptions('callerDeadlineMs', 'a number of milliseconds', noTimes),
  ...badOptions('signal', 'an AbortSignal', noSignals),
  ...noObjects.map(([what, options, got]) => ({
    what: `options: ${what}`,
    options,
    message: `Expected \`options\` to be an object, got ${got}`,
  })),
]

/** What is wrong with a call of a limiter besides. */
export const badAcquireOptions: readonly BadOptions[] = [
  ...badCallOptions,
  ...badOptions('partition', 'a string', [
    ['a number', 42, '42 (number)'],
    ['several', ['a', 'b'], 'an array'],
  ]),
  ...badOptions('workload', 'a string', [['an object', {}, 'an object']]),
  {
    what: 'priority: an unknown one',
    options: { priority: 'urgent' },
    message:
      "Expected `priority` to be one of 'critical', 'high', 'default', 'low', got \"urgent\"",
  },
]

/** As a request of Fastify is: an object of a class, with a priority and a signal. */
class RequestLike {
  readonly raw = {}
  readonly priority = 'high'
  readonly signal = new AbortController().signal

  get headers(): object {
    return this.raw
  }
}

const requestAsOptions: BadOptions = {
  what: 'a request in place of its callOptions',
  options: new RequestLike(),
  message:
    'Expected `options` to be options of a call, such as `request.callOptions`, got an object',
}

const unknownKeys: readonly BadOptions[] = [
  { deadline: 50 },
  { timeoutMs: 50 },
  { abortSignal: new AbortController().signal },
  { deadlineMs: 50, Priority: 'high' },
].map((options) => {
  const key = Object.keys(options).at(-1)!
  return {
    what: `an unknown option: ${key}`,
    options,
    message: `Unknown option \`options.${key}\`, expected one of priority, deadlineMs, `,
  }
})

/** What nobody knows: a deadline that nobody would keep. */
export const unknownCallOptions: readonly BadOptions[] = [
  ...unknownKeys,
  requestAsOptions,
  { what: 'a list', options: [], message: 'Expected `options` to be an object, got an array' },
]

/** All that one of ours knows, in one: it is handed from one to the next. */
export const allCallOptions: object = {
  priority: 'high',
  deadlineMs: 1000,
  callerDeadlineMs: 900,
  maxWaitMs: 100,
  partition: 'a tenant',
  workload: 'GET /orders',
  signal: new AbortController().signal,
  permit: { pause: () => undefined, resume: () => undefined },
  mayExceed: () => false,
  idempotent: true,
}
