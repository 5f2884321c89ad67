import type { Contestant } from '@spillway/example-slow-database/contestant.ts'

/** In the order in which they run; each module exports `createService(work)`. */
export const contestants: readonly Contestant[] = [
  'bare',
  'under-pressure',
  'overload-protection',
  'spillway',
].map((name) => ({ name, module: new URL(`./${name}.ts`, import.meta.url) }))
