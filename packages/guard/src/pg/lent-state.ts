/** `failed`: a statement in it has failed, and it takes nothing but its end. */
export type TransactionState = 'none' | 'open' | 'failed'

/** Why a connection cannot be used any more. */
export type LossReason =
  /** It broke, or the server closed it. */
  | 'connection_lost'
  /** A cancel request did not end in time, or did not help: it may still hit a later query. */
  | 'cancel_unfinished'
  | 'rollback_unfinished'
  /** What failed on it would make later statements fail as well. */
  | 'statement_broken'
  /** Its call has failed, and may have taken a lock that outlives transactions. */
  | 'lock_held'

/**
 * - `ready`: it has nothing of ours to do
 * - `running`: a statement of ours runs; an abort cancels it if it is `cancellable`
 * - `cancelling`: a cancel request is under way, whether its statement runs still or has ended
 * - `lost`: it cannot be used any more
 * - `returned`: it is another's
 */
export type LentState =
  | { readonly kind: 'ready' }
  | { readonly kind: 'running'; readonly cancellable: boolean }
  | { readonly kind: 'cancelling' }
  | { readonly kind: 'lost'; readonly reason: LossReason; readonly error: Error }
  | { readonly kind: 'returned' }

/** What becomes of a connection that is given back. */
export type Fate =
  | { readonly kind: 'keep' }
  | { readonly kind: 'destroy'; readonly reason: LossReason | 'in_transaction' | 'busy' }

/**
 * A connection goes back to the pool only if it is alive, has nothing to do, is in no transaction and
 * no cancel is under way. (Nothing that we set outlives a transaction.)
 */
export function fateOf(state: LentState, transaction: TransactionState): Fate {
  if (state.kind === 'lost') return { kind: 'destroy', reason: state.reason }
  if (state.kind !== 'ready') return { kind: 'destroy', reason: 'busy' }
  return transaction === 'none' ? { kind: 'keep' } : { kind: 'destroy', reason: 'in_transaction' }
}
