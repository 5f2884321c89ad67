import type { Contestant } from '@spillway/example-slow-database/contestant.ts'

/** The ceiling; everybody's ratio to it is part of the result. */
export const oracleName = 'oracle'

/** In the order in which they run; each set up as its own README says and tuned kindly. */
export const contestants: readonly Contestant[] = [
  fromExample('bare'),
  fromHere('under-pressure'),
  fromHere('rate-limit'),
  fromHere('fastify-circuit-breaker'),
  fromHere('opossum'),
  fromHere('p-limit'),
  fromHere('cockatiel'),
  fromHere(oracleName),
  fromExample('spillway'),
]

function fromHere(name: string): Contestant {
  return { name, module: new URL(`./${name}.ts`, import.meta.url) }
}

function fromExample(name: string): Contestant {
  const module = import.meta.resolve(`@spillway/example-slow-database/shop/${name}.ts`)
  return { name, module: new URL(module) }
}
