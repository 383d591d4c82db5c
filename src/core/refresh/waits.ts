/**
 * How long this member waits before the next attempt: its own pause after a failure, the server's Retry-After, the time in
 * which an earlier request may still arrive. Decides moments on the pacing clock; what may be done then is the agent's.
 *
 * What the log says of times is by the clock of whoever wrote it, and clocks are set. Nothing began after this member heard of
 * it: counted from there no wait is too short, and none lasts for hours because a clock was four hours ahead.
 */

import type { Random } from "../base/random.ts"
import { backoffMs } from "./backoff.ts"
import { quietUntilMs, replaceableAtMs } from "./doubt.ts"
import type { ClusterState, Instant, Turn } from "./types.ts"

/** When this member heard of each, on the pacing clock. */
interface Heard {
  readonly headMs: number
  readonly turnMs: number
  readonly doubtMs: number
  readonly failureMs: number
}

const heardAt = (now: number): Heard => ({
  headMs: now,
  turnMs: now,
  doubtMs: now,
  failureMs: now,
})

export class Waits {
  readonly #random: Random
  #heard: Heard
  #holdUntilMs = -Infinity

  constructor(random: Random, now: number) {
    this.#random = random
    this.#heard = heardAt(now)
  }

  /** The state came from a snapshot. */
  restored(now: number): void {
    this.#heard = heardAt(now)
    this.#holdUntilMs = -Infinity
  }

  /** An entry had an effect. */
  applied(before: ClusterState, after: ClusterState, now: number): void {
    const wasInDoubt = before.turn?.doubt != null && before.turn.number === after.turn?.number
    this.#heard = {
      headMs: before.pair === after.pair ? this.#heard.headMs : now,
      turnMs: before.turn?.number === after.turn?.number ? this.#heard.turnMs : now,
      doubtMs: wasInDoubt ? this.#heard.doubtMs : now,
      failureMs: after.failures > before.failures ? now : this.#heard.failureMs,
    }
    if (before.pair !== after.pair) this.#holdUntilMs = -Infinity
    if (after.failures > before.failures) {
      this.#holdUntilMs = now + backoffMs(after.failures, this.#random)
    }
  }

  /** When the next attempt may begin; null: nothing holds it back. */
  heldUntil(state: ClusterState, at: Instant): number | null {
    const until = Math.max(this.#holdUntilMs, this.#byServer(state, at), this.#bySends(state, at))
    return until > at.now ? until : null
  }

  #byServer({ retry }: ClusterState, at: Instant): number {
    if (retry === null) return -Infinity
    const { notBeforeMs, delayMs } = retry
    const toldMs = dated(notBeforeMs - delayMs, this.#heard.failureMs, at)
    return at.now + (toldMs + delayMs - at.wall)
  }

  /** A machine that was started with its clock set forward would send while the earlier request is on its way. */
  #bySends(state: ClusterState, at: Instant): number {
    if (state.resentAtMs === null) return -Infinity
    const resentAtMs = dated(state.resentAtMs, this.#heard.headMs, at)
    return at.now + (quietUntilMs({ resentAtMs }) - at.wall)
  }

  /** The open turn, with no doubt about it that began after this member heard of it. */
  turn({ turn }: ClusterState, at: Instant): Turn | null {
    if (turn === null || turn.doubt === null) return turn
    const { doubtMs } = this.#heard
    const { sinceMs, sentAtMs } = turn.doubt
    const isKnown = sentAtMs !== null && sentAtMs >= (at.knownSinceMs ?? -Infinity)
    const doubt = {
      ...turn.doubt,
      sinceMs: dated(sinceMs, doubtMs, at),
      sentAtMs: isKnown ? dated(sentAtMs, doubtMs, at) : null,
    }
    return { ...turn, doubt }
  }

  /** When the open turn may be replaced; Infinity: never. */
  replaceableFrom(state: ClusterState, at: Instant): number {
    const openSinceMs = at.wall - (at.now - this.#heard.turnMs)
    const fromMs = replaceableAtMs({ ...state, turn: this.turn(state, at) }, openSinceMs)
    return fromMs === null ? Infinity : at.now + (fromMs - at.wall)
  }
}

/**
 * When that was of which the log says `ms`, at the latest: no later than it was heard of, and no earlier than the time is told
 * as it is now. Counter-example: a doubt is a second old, a login's time is taken over that is three minutes ahead, and the
 * wait of two and a half is over.
 */
function dated(ms: number, heardMs: number, at: Instant): number {
  return Math.min(Math.max(ms, at.knownSinceMs ?? -Infinity), at.wall - (at.now - heardMs))
}
