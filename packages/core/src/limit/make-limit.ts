import { isSpillwayError, SpillwayError } from '../errors.ts'
import { invalidOption } from '../options.ts'
import type { Limit, LimitContext, LimitFactory } from './limit.ts'

const expected = 'what makes a limit, such as adaptiveLimit() or fixedLimit(10)'

/** @throws SPW_ERR_OPTION when no limit comes of it: `limit: adaptiveLimit`, without its brackets */
export function makeLimit(factory: LimitFactory, context: LimitContext): Limit {
  if (typeof factory !== 'function') throw invalidOption('limit', expected, factory)
  const limit = made(factory, context)
  if (isLimit(limit)) return limit
  throw invalidOption('limit', `${expected}; it made none`, factory)
}

function made(factory: LimitFactory, context: LimitContext): Limit {
  try {
    return factory(context)
  } catch (cause) {
    if (!isSpillwayError(cause)) throw cause
    const { message } = invalidOption('limit', expected, factory)
    throw new SpillwayError(cause.code, { message: `${message} (${cause.message})`, cause })
  }
}

function isLimit(value: Partial<Limit> | null | undefined): value is Limit {
  return typeof value?.at === 'function' && typeof value.onSample === 'function'
}
