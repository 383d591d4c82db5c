/** Carries one refresh POST, keeps its record, and judges the records of earlier ones. */

import type { Exchange, PreparedRequest } from "../core/oauth/types.ts"
import type { AttemptKey, AttemptRecord, Lineage, TokenKey } from "../core/refresh/types.ts"

export type CarryResult =
  /** The exchange is kept in the journal and given here. */
  | { readonly type: "answered"; readonly exchange: Exchange }
  /** No byte left, and none will in this attempt. */
  | { readonly type: "unsent"; readonly cause: string }
  /** Claimed, and the answer could not be had or kept. */
  | { readonly type: "in-doubt"; readonly cause: string }

export type Judgement =
  /** A courier holds the lock: the answer may still come. */
  | { readonly type: "busy" }
  /** The record as it stands under the lock; `none` was turned into a durable `void` before it is reported. */
  | { readonly type: "judged"; readonly record: AttemptRecord }

export interface Courier {
  /** What carries: a process of its own, which survives this one, or this one itself. */
  readonly carrier: "process" | "inline"
  /** A refresh is foreseeable. Sends nothing and connects to nobody. */
  standBy(): void
  /** Connects to where the next request will go, and sends nothing. Dropped after a few seconds unused. */
  dial(url: string): void
  /** Carries the request once. Resolves always; outlives its caller's interest. */
  carry(key: AttemptKey, request: PreparedRequest): Promise<CarryResult>
  /** Notes, durably, that a turn for this token is about to be asked for. @throws QuorateError kind `store`. */
  intend(parent: Lineage, proposal: string): void
  /**
   * Takes the lock, reads, fences an attempt without a row, and lets go. A first attempt that this disk never intended was
   * made by a later state of it: it is claimed, so that nobody sends it, and told as `sending`.
   *
   * @param proposal what opened the turn.
   */
  judge(key: AttemptKey, proposal: string): Judgement
  /** In how many attempts this token may have been sent; null: a courier holds the lock. */
  sends(token: TokenKey): number | null
  /** The highest attempt of the turn that has a record; 0: none. */
  latest(turn: Omit<AttemptKey, "attempt">): number
  /** Exchanges that are kept and that the log may not have yet, oldest first. */
  kept(): readonly { readonly key: AttemptKey; readonly exchange: Exchange }[]
  /** The pair is in the log. */
  settle(key: AttemptKey): void
  close(): void
}
