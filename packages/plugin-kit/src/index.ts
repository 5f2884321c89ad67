// Requests: deadline, priority, cancelSignal, callOptions
export { decorateRequests } from './decorate-requests.ts'
export type { CallerTrust, RequestOptions, RequestTerms } from './request-policy.ts'
export { priorityFor } from './caller.ts'
export { callDeadlines, runsUnder } from './call-options.ts'
export type { RequestCallOptions } from './call-options.ts'
export type { Deadline, RemainingTime } from './deadline.ts'
export { remainingMs, remainingTime } from './deadline.ts'

// Responses: when they begin, when they are over, and how to refuse
export { isSentInFull, isSettled, onResponseSettled } from './response-settled.ts'
export type { SettledListener } from './response-settled.ts'
export { onResponseStarted, onSocketTaken } from './response-started.ts'
export type { StartedListener } from './response-started.ts'
export { createRejection, retryAfterSeconds } from './rejection.ts'
export type { Rejection, RejectionOptions } from './rejection.ts'
export { addRetryAfter } from './retry-after.ts'

// Routes: their part of the configuration
export { configOf, routeFacts, routeSettings, workloadName } from './route-settings.ts'
export type { RouteConfigParser, RouteFacts } from './route-settings.ts'

// Applications: what is alive in them
export { addComponent, componentsOf } from './components.ts'
export type { Component } from './components.ts'
export { NamedSet } from './named-set.ts'
export type { NamedSetOptions } from './named-set.ts'
