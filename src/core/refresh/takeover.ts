/** What it may cost when a person lets this member spend the head once more. Decides nothing: a person does. */

import { allowsTakeover } from "./policy.ts"
import type { ClusterState, MemberId } from "./types.ts"

export type TakeOverPreview =
  /** There is no login that could be kept alive. */
  | { readonly type: "hopeless" }
  /** Nobody else can be spending the token, or a second use does no harm. */
  | { readonly type: "safe" }
  /** The token may have been spent: then the server may end the login for every member. */
  | {
      readonly type: "risky"
      readonly because: "in_doubt" | "open_turn" | "no_quorum"
      /** Who may have spent it; null: any member that cannot be reached. */
      readonly holder: MemberId | null
    }

/** Under `strict` and with a time window a second use can end the login; elsewhere it cannot. */
export function previewTakeOver(
  state: ClusterState,
  self: MemberId,
  quorum: boolean,
): TakeOverPreview {
  const { pair, dead, turn, provider } = state
  if (pair === null || dead !== null) return { type: "hopeless" }
  const policy = provider?.settings.replayPolicy
  if (policy !== undefined && allowsTakeover(policy)) return { type: "safe" }
  if (turn === null) {
    return quorum ? { type: "safe" } : { type: "risky", because: "no_quorum", holder: null }
  }
  if (turn.doubt !== null) return { type: "risky", because: "in_doubt", holder: turn.holder }
  if (turn.holder === self) return { type: "safe" }
  return { type: "risky", because: "open_turn", holder: turn.holder }
}
