import type { Contestant } from '@spillway/example-slow-database/contestant.ts'

export const bareName = 'bare'

/** Ours, in the ways in which it can be wired; each has to keep every bar. */
export const ours: readonly string[] = ['spillway', 'spillway-door', 'spillway-guard']

/** In the order in which they run; each module exports `protect`. */
export const contestants: readonly Contestant[] = [
  fromHere(bareName),
  ...['under-pressure', 'rate-limit', 'opossum', 'p-limit', 'cockatiel'].map(fromOverload),
  ...ours.map(fromHere),
]

function fromHere(name: string): Contestant {
  return { name, module: new URL(`./${name}.ts`, import.meta.url) }
}

function fromOverload(name: string): Contestant {
  return { name, module: new URL(`../../contestants/${name}.ts`, import.meta.url) }
}
