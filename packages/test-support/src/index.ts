export type { BadOptions } from './bad-call-options.ts'
export {
  allCallOptions,
  badAcquireOptions,
  badCallOptions,
  unknownCallOptions,
} from './bad-call-options.ts'
export { badClocks } from './bad-clocks.ts'
export { HangUpClient } from './hang-up-client.ts'
export type { RawRequest, RawResponse } from './hang-up-client.ts'
export { ManualClock } from './manual-clock.ts'
export { MovableLimit } from './movable-limit.ts'
export { runModule } from './run-module.ts'
export type { ModuleEnd } from './run-module.ts'
