import { bare } from './bare.ts'
import { cockatiel } from './cockatiel.ts'
import type { Contestant } from './contestant.ts'
import { opossum } from './opossum.ts'
import { spillway } from './spillway.ts'

/** In the order in which they run. */
export const contestants: readonly Contestant[] = [bare, opossum, cockatiel, spillway]
