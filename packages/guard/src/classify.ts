import type { Evidence, Outcome } from '@spillway/core'
import { evidenceOf, invalidOption } from '@spillway/core'
import type { Classify } from './options.ts'

export { poolExhausted } from '@spillway/core'

/** Whatever has answered has a latency to learn from, also when it answered that it is broken. */
const outcomes: Readonly<Record<Evidence, Outcome>> = {
  answered: 'success',
  congested: 'dropped',
  overloaded: 'dropped',
  timed_out: 'dropped',
  failed: 'success',
  unreachable: 'ignored',
  not_asked: 'ignored',
}

/** What the user's `classify` says, in the words that limit and breaker are told in. */
const meanings: Readonly<Record<Outcome, Evidence>> = {
  success: 'answered',
  dropped: 'overloaded',
  ignored: 'not_asked',
}

/** What evidence is to the limit. */
export function loadOutcome(evidence: Evidence): Outcome {
  return outcomes[evidence]
}

/** What a rejected call tells the limit, when `classify` says nothing. */
export function classifyError(error: unknown): Outcome {
  return outcomes[evidenceOf(error)]
}

/** What an error says, `classify` first. @throws SPW_ERR_OPTION when `classify` talks nonsense */
export function evidenceBy(classify: Classify, error: unknown): Evidence {
  const said = classify(error)
  if (said === undefined) return evidenceOf(error)
  if (Object.hasOwn(meanings, said)) return meanings[said]
  const expected = `one of ${Object.keys(meanings).join(', ')} or undefined`
  throw invalidOption('classify()', expected, said)
}
