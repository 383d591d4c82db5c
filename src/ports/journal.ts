/**
 * The courier's journal: one row per attempt, in a store of its own so that no fence of a new host can refuse it.
 * Judged only by whoever holds the courier's lock.
 */

import type { AttemptKey, AttemptRecord, Lineage, TokenKey } from "../core/refresh/types.ts"

/** Synchronous and durable when it returns. @throws QuorateError kind `store` on any I/O error. */
export interface Journal {
  read(key: AttemptKey): AttemptRecord
  /**
   * Notes that a turn for this token is about to be asked for under this name. Spent by the next `claim` or `void` for the token, so that a
   * turn that is found without note and row was asked for by a later state of this disk than the one at hand.
   */
  intend(parent: Lineage, proposal: string): void
  /** The note of `intend` stands. */
  intends(parent: Lineage, proposal: string): boolean
  /** In how many attempts this token may have been sent: those that are claimed, answered or settled. */
  sends(token: TokenKey): number
  /** The highest attempt of the turn that has a row; 0: none. */
  latest(turn: Omit<AttemptKey, "attempt">): number
  /** Inserts `sending` unless the attempt, or a later one of the same turn, has a row. False: not claimed, send nothing. */
  claim(key: AttemptKey): boolean
  /** `sending` becomes `answered` with the sealed exchange. */
  answer(key: AttemptKey, sealed: Uint8Array): void
  /** Fences the attempt off: inserts `void` if there is no row. False: a row exists, read it. */
  void(key: AttemptKey): boolean
  /** Every attempt whose exchange is kept, oldest first: pairs that the log may not have yet. */
  answered(): readonly { readonly key: AttemptKey; readonly sealed: Uint8Array }[]
  /** The pair is in the log: the sealed exchange goes, the row stays as a tombstone. */
  settle(key: AttemptKey): void
  close(): void
}
