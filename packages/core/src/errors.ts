/** Every error a Spillway package answers with: its HTTP status and its message. */
export const errorTable = {
  SPW_ERR_LIMIT_EXCEEDED: { statusCode: 503, message: 'The concurrency limit is reached' },
  SPW_ERR_QUEUE_TIMEOUT: { statusCode: 503, message: 'Waited too long for a permit' },
  SPW_ERR_DEADLINE: { statusCode: 503, message: 'The deadline cannot be met' },
  SPW_ERR_CANCELLED: { statusCode: 499, message: 'The caller gave up' },
  SPW_ERR_CLOSED: { statusCode: 503, message: 'The limiter is closed' },
  SPW_ERR_CIRCUIT_OPEN: { statusCode: 503, message: 'The circuit is open' },
  SPW_ERR_OVERLOADED: { statusCode: 503, message: 'The process is overloaded' },
  SPW_ERR_CALL_TIMEOUT: { statusCode: 504, message: 'The downstream call took too long' },
  SPW_ERR_THROTTLED: { statusCode: 503, message: 'The downstream refuses, so it is not asked' },
  SPW_ERR_OPTION: { statusCode: 500, message: 'An option is invalid' },
} as const

/** The `code` of a {@link SpillwayError}. */
export type ErrorCode = keyof typeof errorTable

/** What a {@link SpillwayError} can carry beside its code. */
export interface SpillwayErrorOptions {
  /** Replaces the table's message. */
  readonly message?: string
  /** Why it was refused, in a word of the limiter's vocabulary. */
  readonly reason?: string
  /** How long the caller should stay away, in milliseconds. */
  readonly retryAfterMs?: number
  readonly cause?: unknown
}

const brand: unique symbol = Symbol.for('spillway.error') as never

/** The one error class of all packages. Fastify reads its `statusCode` and `code`. */
export class SpillwayError extends Error {
  override readonly name = 'SpillwayError'
  readonly code: ErrorCode
  readonly statusCode: number
  readonly reason: string | undefined
  readonly retryAfterMs: number | undefined

  constructor(code: ErrorCode, options: SpillwayErrorOptions = {}) {
    const { statusCode, message } = errorTable[code]
    super(options.message ?? message, 'cause' in options ? { cause: options.cause } : undefined)
    this.code = code
    this.statusCode = statusCode
    this.reason = options.reason
    this.retryAfterMs = options.retryAfterMs
    Object.defineProperty(this, brand, { value: true })
  }
}

/**
 * The `reason` of an error that says: the time is up that a caller has given who may be anybody. It
 * has got its answer, and nothing has been learnt about the service or what is behind it.
 */
export const callerDeadline = 'caller_deadline'

/** Whether `error` came from any copy of any Spillway package; narrow it further with `code`. */
export function isSpillwayError(error: unknown): error is SpillwayError {
  return typeof error === 'object' && error !== null && brand in error
}
