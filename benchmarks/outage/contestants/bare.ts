import type { Contestant } from './contestant.ts'
import { queryOf } from './contestant.ts'

export const bare: Contestant = {
  name: 'bare',
  makeClient: (pool, patienceMs) => ({ ask: queryOf(pool, patienceMs), close: () => undefined }),
}
