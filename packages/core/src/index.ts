// The limiter: who may start now
export { createLimiter } from './limiter/create-limiter.ts'
export type {
  Limiter,
  LimiterOptions,
  LimiterStats,
  QueueOptions,
  RefusalCounts,
} from './limiter/limiter.ts'
export type {
  AcquireOptions,
  Admission,
  Pausable,
  Permit,
  Refusal,
  RefusalReason,
  Waiter,
  Waiting,
} from './limiter/admission.ts'
export { checkAcquireOptions, refusalError, refusalReasons } from './limiter/admission.ts'
export { hasDeadline } from './limiter/wait-budget.ts'
export { DurationMean } from './limiter/duration-mean.ts'
export { Durations } from './limiter/durations.ts'

// The limit: how many
export type { Limit, LimitContext, LimitFactory, Outcome, Sample } from './limit/limit.ts'
export { makeLimit } from './limit/make-limit.ts'
export { adaptiveLimit } from './limit/adaptive.ts'
export type { AdaptiveLimitOptions } from './limit/adaptive.ts'
export { aimdLimit } from './limit/aimd.ts'
export { fixedLimit } from './limit/fixed.ts'
export { gradientLimit } from './limit/gradient.ts'
export { vegasLimit } from './limit/vegas.ts'
export { windowedLimit } from './limit/windowed.ts'

// Retries: again, but never many
export { createRetry } from './retry/retry.ts'
export type { Attempt, Retry, RetryCallOptions } from './retry/retry.ts'
export type { RetryOptions } from './retry/options.ts'
export { createRetryBudget } from './retry/budget.ts'
export type { RetryBudget, RetryBudgetOptions, RetryBudgetStats } from './retry/budget.ts'
export { createAdaptiveThrottle, tellThrottle } from './retry/throttle.ts'
export type {
  AdaptiveThrottle,
  AdaptiveThrottleOptions,
  AdaptiveThrottleStats,
} from './retry/throttle.ts'
export { delayBeforeRetry, parseBackoff } from './retry/backoff.ts'
export type { Backoff } from './retry/backoff.ts'
export { decideRetry } from './retry/decision.ts'
export type { FailedAttempt, GiveUpReason, RetryDecision } from './retry/decision.ts'
export { parseRetryAfter } from './retry/retry-after.ts'
export { isLocalRefusal, wasNeverSent } from './retry/safety.ts'

// Evidence: what an error says about the downstream
export type { Evidence } from './evidence/evidence.ts'
export { evidenceOf, poolExhausted, signOf } from './evidence/evidence.ts'
export { evidenceOfStatus } from './evidence/signs.ts'
export { leftAtCallerDeadline, leftAtDeadline } from './evidence/caller-left.ts'

// Pressure: how hard-pressed the process itself is
export { createLoadShedder } from './pressure/create-load-shedder.ts'
export type {
  LoadShedder,
  LoadShedderOptions,
  LoadShedderStats,
  ShedRefusal,
  RunQueueStats,
  SignalStats,
} from './pressure/load-shedder.ts'
export type {
  Interval,
  Signal,
  SignalContext,
  SignalFunction,
  SignalReader,
  Thresholds,
} from './pressure/signal.ts'
export type { Runnable } from './pressure/runnable.ts'
export { eventLoopDelay } from './pressure/event-loop-delay.ts'
export type { EventLoopDelayOptions } from './pressure/event-loop-delay.ts'
export { eventLoopUtilization } from './pressure/event-loop-utilization.ts'
export type { EventLoopUtilizationOptions } from './pressure/event-loop-utilization.ts'
export { heapUsed } from './pressure/heap-used.ts'
export type { HeapUsedOptions } from './pressure/heap-used.ts'
export { memoryUsed } from './pressure/memory-used.ts'
export type { MemoryUsedOptions } from './pressure/memory-used.ts'
export { cpuUsed } from './pressure/cpu-used.ts'
export type { CpuUsedOptions } from './pressure/cpu-used.ts'
export type { ProcessFacts } from './pressure/process-facts.ts'

// Shared words
export type { Priority, PriorityRank } from './priority.ts'
export type { Mode } from './mode.ts'
export { modeOption, modes } from './mode.ts'
export { checkPriority, isPriority, priorities, rankOf } from './priority.ts'
export {
  deadlineHeader,
  formatDeadlineHeader,
  parseDeadlineHeader,
  parsePriorityHeader,
  priorityHeader,
  retryHeader,
} from './headers.ts'
export type { Clock, TimerHandle } from './clock.ts'
export { longestTimerMs, setAwaitedTimer, systemClock } from './clock.ts'
export type { ErrorCode, SpillwayErrorOptions } from './errors.ts'
export { channels } from './channels.ts'
export type { LimitChanged, LimiterRefused, LoadShed } from './channels.ts'
export { callerDeadline, errorTable, isSpillwayError, SpillwayError } from './errors.ts'

// For packages that take options of their own
export { checkTimedCall, knownCallOptions } from './check-call.ts'
export {
  booleanOption,
  clockOption,
  functionOption,
  integerBetween,
  invalidOption,
  knownKeys,
  milliseconds,
  nonEmptyString,
  numberBetween,
  oneOf,
  parsedAt,
  positiveInteger,
  ratio,
} from './options.ts'
