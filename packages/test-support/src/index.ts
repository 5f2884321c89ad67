export { HangUpClient } from './hang-up-client.ts'
export type { RawRequest, RawResponse } from './hang-up-client.ts'
export { ManualClock } from './manual-clock.ts'
