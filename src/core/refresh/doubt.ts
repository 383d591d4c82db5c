/**
 * What may be done about a turn that its holder may have used: when the holder sends once more, and when another member
 * takes over. One row for each replay policy of the authorization server (README, "Replay policies").
 */

import type { ReplayPolicy } from "../oauth/types.ts"
import { allowsTakeover } from "./policy.ts"
import { expiresAtMs } from "./status.ts"
import type { ClusterState, Doubt, MemberId, Pair, Turn } from "./types.ts"

/** Whether the holder of a strict turn in doubt gambles before the login would be lost anyway, or leaves it to a person. */
export type LastResort = "resend" | "ask"

/** What a courier sent has this long to arrive after its end, where nobody can wait for longer or no harm comes of it. */
const SETTLE_MS = 10_000
/** The longest life of a request: a courier waits 120 s for its answer, and clocks and servers take their time. */
export const REQUEST_LIFE_MS = 150_000
/** A request leaves no later than this after its courier began; where the machine slept meanwhile it never leaves. */
const LEAVING_MS = 15_000
/**
 * A window of `grace` from this on lets a first request die out and leaves time to send again. Within a shorter one the holder
 * bets that its first request was lost: what a proxy delivers later still is a replay, whether or not it was sent again.
 */
const LONG_WINDOW_MS = LEAVING_MS + REQUEST_LIFE_MS + SETTLE_MS
/** A grace window is used up to this long before its end. */
const WINDOW_MARGIN_MS = 2_000
/** The last resort leaves the access token this long, so that its answer comes before anybody is interrupted. */
const LAST_RESORT_MARGIN_MS = 60_000
/** Where an open turn may be replaced, a holder that says nothing has this long. */
const PATIENCE_MS = 15_000

/**
 * A span of the server's time, epoch ms, which every member follows by its machine's uptime: it counts sleep, as the life of
 * a request does, and no wall clock that is set forward ends a wait early (coordination/server-clock.ts). `untilMs` is exclusive.
 */
export interface Span {
  readonly fromMs: number
  readonly untilMs: number
}

/**
 * When the holder itself may send the token of its doubtful turn a second time; null: never. A third time is never.
 *
 * Under `strict` this is the last resort: if the first request was lost the login is saved; if its answer was lost, so was
 * the pair, and the family that a replay revokes had no living pair to lose.
 */
export function resendSpan(
  policy: ReplayPolicy,
  turn: Turn,
  head: Pair,
  lastResort: LastResort,
): Span | null {
  const { doubt } = turn
  if (doubt === null || doubt.sends > 1) return null
  switch (policy.type) {
    case "strict": {
      if (lastResort === "ask") return null
      const late = expiresAtMs(head) - LAST_RESORT_MARGIN_MS
      return { fromMs: Math.max(doubt.sinceMs + REQUEST_LIFE_MS, late), untilMs: Infinity }
    }
    case "confirm":
      // No window presses, and the old access token is served meanwhile. Counter-example: sent again after ten seconds, the
      // answer's pair used, and the first request arrives at last: the family is revoked (the model, in 13 steps).
      return { fromMs: goneAtMs(doubt), untilMs: Infinity }
    case "grace": {
      // Without knowing when the first one left nobody knows when the window closes: then it is as good as strict.
      if (doubt.sentAtMs === null) return null
      const windowMs = policy.windowSeconds * 1_000 - WINDOW_MARGIN_MS
      const hastyMs = doubt.sinceMs + Math.min(SETTLE_MS, policy.windowSeconds * 250)
      const fromMs = windowMs < LONG_WINDOW_MS ? hastyMs : goneAtMs(doubt)
      return { fromMs, untilMs: doubt.sentAtMs + windowMs }
    }
    case "multi-use":
    case "reject":
    case "idempotent":
      // Any member sends again, under a turn of its own.
      return null
    default:
      return policy satisfies never
  }
}

/** When the first request of a doubtful turn cannot arrive any more. */
function goneAtMs({ sinceMs, sentAtMs }: Doubt): number {
  const leftMs = sentAtMs === null ? sinceMs : Math.min(sentAtMs + LEAVING_MS, sinceMs)
  return Math.max(sinceMs + SETTLE_MS, leftMs + REQUEST_LIFE_MS)
}

/**
 * When another member may replace the open turn, epoch ms; null: never.
 *
 * @param openSinceMs when this member saw the turn open.
 */
export function replaceableAtMs(state: ClusterState, openSinceMs: number): number | null {
  const policy = state.provider?.settings.replayPolicy
  const { turn } = state
  if (turn === null || policy === undefined || !allowsTakeover(policy)) return null
  // One resend is enough to learn that the token is spent; a second refusal would tell nothing new.
  if (policy.type === "reject" && state.spenders.length > 0) return null
  if (turn.doubt === null) return openSinceMs + PATIENCE_MS
  return policy.type === "reject" ? turn.doubt.sinceMs + SETTLE_MS : turn.doubt.sinceMs
}

/** Whether a send is still to come that may end the doubt about the open turn: this member's own, or a takeover. */
export function mayResend(
  state: ClusterState,
  self: MemberId,
  lastResort: LastResort,
  wallMs: number,
): boolean {
  const { pair, provider, turn } = state
  if (pair === null || provider === null || turn === null) return false
  if (replaceableAtMs(state, wallMs) !== null) return true
  if (turn.holder !== self) return false
  const span = resendSpan(provider.settings.replayPolicy, turn, pair, lastResort)
  return span !== null && wallMs < span.untilMs
}

/**
 * Before this nobody takes a turn for the head, epoch ms. A token that was sent twice may have a request of its own still on
 * the way: it would come as a replay of the head's parent and revoke the family that the next pair lives in.
 */
export function quietUntilMs({ resentAtMs }: Pick<ClusterState, "resentAtMs">): number {
  return resentAtMs === null ? -Infinity : resentAtMs + REQUEST_LIFE_MS
}
