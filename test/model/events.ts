/** What a simulated run did, in words that the model has steps for. Decides shapes only. */

import type { AttemptKey, LogEntry, Verdict } from "../../src/core/refresh/types.ts"

/** What became durable of an attempt. `unheard`: its answer did, and its courier did not live to tell; `unrecorded`: it did not. */
export type Row = "claimed" | "voided" | "answered" | "unheard" | "unrecorded"

/** How a POST ended for the courier that carried it. */
export type TripEnd = "unsent" | "replied" | "silent"

/**
 * What the server did. `issued`: a new refresh token, whether or not its reply says so; `again`: an older one once more;
 * `later`: it did not look at the token.
 */
export type Reply =
  | { readonly type: "issued"; readonly token: string; readonly clean: boolean }
  | { readonly type: "again" | "later" }
  /** `revoked`: the whole family, by whomever. */
  | { readonly type: "refused"; readonly revoked: boolean }

export type TraceEvent =
  /** A run of this member began, with what its snapshot holds. */
  | { readonly type: "started"; readonly member: number; readonly snapshotIndex: number }
  | { readonly type: "crashed"; readonly member: number }
  /** Its snapshot was written or installed. */
  | { readonly type: "snapshot"; readonly member: number; readonly index: number }
  | {
      readonly type: "proposed"
      readonly member: number
      readonly id: string
      readonly entry: LogEntry
    }
  | {
      readonly type: "applied"
      readonly member: number
      readonly index: number
      readonly id: string
      readonly entry: LogEntry
      readonly verdict: Verdict
    }
  /** The courier has its go. */
  | {
      readonly type: "go"
      readonly member: number
      readonly key: AttemptKey
      readonly token: string
    }
  | {
      readonly type: "row"
      readonly member: number
      readonly key: AttemptKey
      readonly row: Row
    }
  /** The server judged the request. `heard`: its courier still waits for the reply. */
  | {
      readonly type: "arrived"
      readonly member: number
      readonly token: string
      readonly heard: boolean
      readonly reply: Reply
    }
  | { readonly type: "ended"; readonly member: number; readonly end: TripEnd }
  /** What a request that left long ago can do is over. */
  | { readonly type: "gone"; readonly token: string }
  /** The newest row was never synced, and went with its machine: an answer, or a claim that nothing was sent under. */
  | { readonly type: "forgotten"; readonly member: number; readonly row: "answered" | "claimed" }
  /** A refresh token exists. */
  | { readonly type: "minted"; readonly token: string }
