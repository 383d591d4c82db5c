/** What the agent is told and what it asks for. Decides shapes only; `agent.ts` holds the decisions. */

import type { CauseCode } from "../oauth/types.ts"
import type { Settlement } from "../raft/types.ts"
import type { AloneEnd, Fallback } from "./alone.ts"
import type { LastResort } from "./doubt.ts"
import type {
  ClusterState,
  Epoch,
  Generation,
  Lineage,
  LogEntry,
  MemberId,
  Pair,
  PeerMessage,
  ReportEntry,
  ResultEntry,
  Turn,
  TurnNumber,
  Verdict,
  VouchEntry,
} from "./types.ts"

export type AgentInput =
  /** An entry was folded. `ours`: this very run proposed it. */
  | {
      readonly type: "applied"
      readonly state: ClusterState
      readonly entry: LogEntry
      readonly verdict: Verdict
      readonly ours: boolean
    }
  /** The state came from a snapshot. */
  | { readonly type: "restored"; readonly state: ClusterState }
  | { readonly type: "leader"; readonly leader: MemberId | null }
  | { readonly type: "message"; readonly from: MemberId; readonly message: PeerMessage }
  /** A caller needs a pair newer than this one. `force`: a person insists, also against `misconfigured`. */
  | {
      readonly type: "demand"
      readonly epoch: Epoch
      readonly generation: Generation
      readonly force: boolean
    }
  /** A caller used the token: the account is worth keeping fresh. */
  | { readonly type: "used" }
  /** The courier's record of our turn says that it still works. */
  | { readonly type: "busy"; readonly turn: TurnNumber }
  /** The carried or judged attempt of our turn, as the entry to propose. */
  | {
      readonly type: "outcome"
      readonly turn: TurnNumber
      readonly entry: ResultEntry | ReportEntry
    }
  /** A send under our turn did not leave: its first, or another of a turn in doubt. */
  | { readonly type: "unsent"; readonly turn: Turn; readonly cause: CauseCode }
  /** An attempt without the log ended. `end` null: with the pair of `result`. */
  | {
      readonly type: "alone"
      readonly lineage: Lineage
      readonly end: AloneEnd | null
      readonly result: ResultEntry | null
    }
  /** The journal says that the server refused this token. */
  | { readonly type: "refused"; readonly lineage: Lineage; readonly cause: CauseCode }
  /** A person accepts what spending here once may cost. */
  | { readonly type: "consent" }
  /** The machine slept: what was heard before may be old. */
  | { readonly type: "resumed" }
  /** Pairs found in the journal that the log may not have. */
  | { readonly type: "kept"; readonly results: readonly ResultEntry[] }
  /** An entry of the current term was applied: this run knows what its cluster knew when it joined. */
  | { readonly type: "caught-up" }
  | { readonly type: "settled"; readonly key: string; readonly result: Settlement }
  | { readonly type: "wake" }

export type AgentEffect =
  /** `key` names the intention: the driver answers with `settled` under it. */
  | { readonly type: "propose"; readonly key: string; readonly entry: LogEntry }
  | { readonly type: "send"; readonly to: MemberId; readonly message: PeerMessage }
  /** Spend the head's refresh token under this turn, which is ours, committed and applied. */
  | { readonly type: "carry"; readonly turn: Turn; readonly consent: boolean }
  /** Look at the record of this turn, which an earlier run of this profile may have used. */
  | { readonly type: "judge"; readonly turn: Turn; readonly cause: CauseCode | null }
  /** Spend this pair's refresh token without a turn. */
  | { readonly type: "spend-alone"; readonly pair: Pair; readonly consent: boolean }
  /** See whether we may vouch for the refused head, and propose it. */
  | { readonly type: "vouch"; readonly key: string; readonly entry: VouchEntry }
  /** Make the next numbered keys and propose them. */
  | { readonly type: "make-keys" }

export interface AgentOptions {
  readonly self: MemberId
  readonly lastResort: LastResort
  readonly fallback: Fallback
}
