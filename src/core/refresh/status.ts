/**
 * What a person is told: one of five stages, derived on every read from what is true now, never latched. Decides the stage
 * and its cause; texts and colours are left to the faces.
 */

import type { ClusterState, Pair } from "./types.ts"

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
}

export interface StageOf {
  readonly stage: Stage
  readonly cause: StageCause
}

/** Attempts that may fail before a person is told. */
const SILENT_FAILURES = 3
/** How long a doubt about an unusable token lasts before a person is asked. */
const STUCK_AFTER_MS = 600_000

/** When the access token ends, epoch ms. */
export function expiresAtMs(pair: Pair): number {
  return pair.issuedAtMs + pair.lifetimeMs
}

/** The stage, right now. */
export function deriveStage(view: StageView): StageOf {
  const { state, wallMs } = view
  const { pair, turn, dead } = state
  if (pair === null) {
    if (state.epoch > 0) return { stage: "relogin", cause: "logged_out" }
    // A member that has just started may only not have heard of the login yet.
    if (!view.settled)
      return { stage: "connecting", cause: view.stopped ? "store_failed" : "starting" }
    return { stage: "relogin", cause: "never_logged_in" }
  }
  if (dead !== null) return { stage: "relogin", cause: dead.cause }
  if (wallMs < expiresAtMs(pair)) {
    const underWay = turn !== null && turn.doubt === null && !view.stopped
    if (underWay) return { stage: "refreshing", cause: null }
    return { stage: "ready", cause: trouble(view) }
  }
  return unusable(view, expiresAtMs(pair))
}

/** Something is wrong that nobody needs to see yet. */
function trouble({ state, quorum, stopped }: StageView): StageCause {
  if (stopped) return "store_failed"
  if (state.turn?.doubt != null) return "in_doubt"
  if (state.refused !== null) return "spent_elsewhere"
  if (state.misconfigured !== null) return state.misconfigured.cause
  return quorum ? null : "no_quorum"
}

function unusable(view: StageView, sinceMs: number): StageOf {
  const { state, wallMs } = view
  const { turn, failures } = state
  if (turn?.doubt != null || state.refused !== null) {
    const cause = state.refused === null ? "in_doubt" : "spent_elsewhere"
    const stuck = wallMs - sinceMs >= STUCK_AFTER_MS
    return stuck ? { stage: "relogin", cause: "stuck" } : { stage: "connecting", cause }
  }
  if (view.stopped) return { stage: "connecting", cause: "store_failed" }
  if (state.misconfigured !== null) {
    return { stage: "connecting", cause: state.misconfigured.cause }
  }
  if (!view.quorum) return { stage: "connecting", cause: view.trouble ?? "no_quorum" }
  if (failures === 0) {
    // Expired while nobody used it: the next use refreshes, and nobody needs to see anything.
    return { stage: "refreshing", cause: view.demanding || turn !== null ? null : "idle" }
  }
  const cause = state.retry?.cause ?? "transient"
  return failures <= SILENT_FAILURES ? { stage: "retrying", cause } : { stage: "connecting", cause }
}
