/**
 * What a person is told: one of five stages, derived on every read from what is true now, never latched. Decides the stage,
 * its cause, and when time alone may change it; the words are `texts.ts`, colours are left to the faces.
 *
 * Two rules carry it. Nobody is asked to log in by a member that may know less than its cluster. And silence is bounded: a
 * person without a valid token learns within seconds that something keeps them waiting, and what.
 */

import { familyOf } from "../oauth/dialects.ts"
import type { CauseCode } from "../oauth/types.ts"
import type { ClusterState, MemberId, Pair } from "./types.ts"

/** In the order of how much a person must care. The first three show nothing. */
export type Stage = "ready" | "refreshing" | "retrying" | "connecting" | "relogin"

/** A short identifier such as `no_quorum`, `in_doubt`, `invalid_grant`; null: nothing to explain. */
export type StageCause = string | null

export interface StageView {
  readonly state: ClusterState
  readonly wallMs: number
  /** A leader with a quorum behind it was heard lately. */
  readonly quorum: boolean
  /** This member has applied an entry of the current term: what it knows is not older than its own start. */
  readonly settled: boolean
  /** Somebody here wants a newer pair. */
  readonly demanding: boolean
  /** This member stopped: its store failed. */
  readonly stopped: boolean
  /** Why its last attempt without the log brought nothing; null: there was none. */
  readonly trouble: StageCause
  /** Since when this member sees the open turn, epoch ms. */
  readonly turnSinceMs: number
  /** Before this no attempt is made, epoch ms; null: nothing holds one back. */
  readonly heldUntilMs: number | null
  /** A send is still to come that may end the doubt (`doubt.ts`). */
  readonly mayResend: boolean
  /** This member itself, or one that it is connected to. */
  readonly reachable: (id: MemberId) => boolean
}

export interface StageOf {
  readonly stage: Stage
  readonly cause: StageCause
  /** When time alone may make it another, epoch ms; null: only an event does. */
  readonly untilMs: number | null
}

/** Attempts that are made before a person is told: the first one, and two after a failure. */
const SILENT_ATTEMPTS = 3
/** How long one of them may take: as long as a holder that says nothing has where its turn may be replaced. */
const SILENT_MS = 15_000
/** How long a doubt about an unusable token lasts before a person is asked. */
const STUCK_AFTER_MS = 600_000

/** When the access token ends, epoch ms. */
export function expiresAtMs(pair: Pair): number {
  return pair.issuedAtMs + pair.lifetimeMs
}

/** Members that may have spent the head and are not heard: opening one may bring the pair. */
export function suspectsOf(state: ClusterState): readonly MemberId[] {
  if (state.refused !== null) return state.refused.suspects
  return state.turn === null ? [] : [state.turn.holder]
}

/** The stage, right now. */
export function deriveStage(view: StageView): StageOf {
  const { state, wallMs } = view
  const { pair, turn } = state
  const ended = hopeless(view)
  if (ended !== null) return ended
  if (pair === null) return now("connecting", view.stopped ? "store_failed" : "starting")
  const endsMs = expiresAtMs(pair)
  if (wallMs >= endsMs) return unusable(view, endsMs)
  const underWay = turn !== null && turn.doubt === null && !view.stopped
  return underWay
    ? { stage: "refreshing", cause: state.lastFailure, untilMs: endsMs }
    : { stage: "ready", cause: trouble(view), untilMs: endsMs }
}

function now(stage: Stage, cause: StageCause, untilMs: number | null = null): StageOf {
  return { stage, cause, untilMs }
}

/** There is no login, or it is dead. A member that stopped or has just started may only not have heard of a newer one. */
function hopeless({ state, quorum, settled, stopped }: StageView): StageOf | null {
  if (stopped || !settled) return null
  if (state.pair === null) {
    return now("relogin", state.epoch > 0 ? "logged_out" : "never_logged_in")
  }
  // Whether somebody has logged in elsewhere only a quorum knows; and without one nobody could log in here.
  return state.dead !== null && quorum ? now("relogin", state.dead.cause) : null
}

/** Something is wrong that nobody needs to see yet. */
function trouble(view: StageView): StageCause {
  const { state, quorum, stopped } = view
  if (stopped) return "store_failed"
  if (state.turn?.doubt != null) return "in_doubt"
  if (state.refused !== null) return "spent_elsewhere"
  if (state.misconfigured !== null) return state.misconfigured.cause
  if (!quorum) return "no_quorum"
  // A failure is history once nobody tries again: the next use begins anew.
  return view.demanding || view.heldUntilMs !== null ? state.lastFailure : null
}

function unusable(view: StageView, endsMs: number): StageOf {
  const { state, stopped, quorum } = view
  const { turn } = state
  if (stopped) return now("connecting", "store_failed")
  if (state.refused !== null) return waiting(view, "spent_elsewhere", endsMs)
  if (turn !== null && turn.doubt !== null) return waiting(view, "in_doubt", endsMs)
  if (state.misconfigured !== null) return now("connecting", state.misconfigured.cause)
  if (!quorum && view.trouble !== null) return now("connecting", view.trouble)
  if (!quorum) return now("connecting", "no_quorum")
  if (state.dead !== null) return now("connecting", "starting")
  if (turn !== null) return underWay(view, turn.holder, Math.max(view.turnSinceMs, endsMs))
  const { heldUntilMs, demanding, reachable } = view
  if (state.lastFailure !== null) return trying(view, null)
  if (!demanding) {
    // Expired while nobody used it: the next use refreshes, and nobody needs to see anything.
    return now("refreshing", "idle")
  }
  const able = state.members.some((one) => one.capability === "full" && reachable(one.id))
  if (!able) return now("connecting", "no_full_member")
  if (heldUntilMs !== null) return now("connecting", "earlier_request", heldUntilMs)
  return now("refreshing", null)
}

/** For word from a member that may hold the pair; after a while a person is asked, and told who that is. */
function waiting(view: StageView, cause: string, sinceMs: number): StageOf {
  const stuckMs = sinceMs + STUCK_AFTER_MS
  if (!view.settled || view.mayResend) return now("connecting", cause)
  if (view.wallMs < stuckMs) return now("connecting", cause, stuckMs)
  return now("relogin", "stuck")
}

/** A turn is open. Its holder may be slow, or asleep with the only right to spend. */
function underWay(view: StageView, holder: MemberId, sinceMs: number): StageOf {
  const silentMs = sinceMs + SILENT_MS
  if (view.wallMs < silentMs) return trying(view, silentMs)
  if (view.reachable(holder)) return now("connecting", view.state.lastFailure ?? "slow_answer")
  return waiting(view, "holder_away", sinceMs)
}

/** Attempts go on: in silence while they are few and nobody was told to come back later. */
function trying({ state }: StageView, untilMs: number | null): StageOf {
  const { failures, lastFailure: cause } = state
  if (cause === null) return now("refreshing", null, untilMs)
  const silent = failures < SILENT_ATTEMPTS && !isServerBusy(cause)
  return silent ? now("retrying", cause, untilMs) : now("connecting", cause, untilMs)
}

/** The server turned us away for a time of its own, which is longer than a hiccup. */
function isServerBusy(cause: CauseCode): boolean {
  const family = familyOf(cause)
  return /^http_(?:429|5\d\d)$/.test(cause) || family === "throttled" || family === "unavailable"
}
