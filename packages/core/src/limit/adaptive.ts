import { fixedLimit } from './fixed.ts'
import type { LimitFactory } from './limit.ts'

export function adaptiveLimit(): LimitFactory {
  return fixedLimit(20)
}
