/**
 * A member that hears no leader: asks whom it reaches for a newer pair, and spends alone where nobody else can be spending
 * the same token, or where a person accepted what it may cost. Decides when; whether a recorded pair is used meanwhile and
 * what is offered to the log afterwards is the agent's.
 */

import type { Random } from "../base/random.ts"
import type { CauseCode, ReplayPolicy } from "../oauth/types.ts"
import { backoffMs } from "./backoff.ts"
import { expiresAtMs } from "./status.ts"
import type { Instant, Lineage, Pair, Report } from "./types.ts"

/**
 * proof: alone only where it is safe. eager: also where it may cost the login, once per token, as a person would accept
 * with a takeover. never: not even under `multi-use`.
 */
export type Fallback = "proof" | "eager" | "never"

/** How an attempt without the log ended, other than with a pair. */
export type AloneEnd =
  | {
      readonly type: "unsent" | "in-doubt" | "misconfigured" | "rejected"
      readonly cause: CauseCode
    }
  | Extract<Report, { type: "retry-later" }>

export type AloneStep =
  /** Ask every member that can be reached. */
  | { readonly type: "ask" }
  /** Spend this pair's refresh token. `consent`: also when it may have been sent before. */
  | { readonly type: "spend"; readonly pair: Pair; readonly consent: boolean }
  | { readonly type: "wait"; readonly untilMs: number }
  | null

/** What the step depends on. */
export interface AloneView {
  /** The newest pair that this member may use. */
  readonly pair: Pair
  readonly policy: ReplayPolicy | null
  readonly fallback: Fallback
  /** Somebody insists, or the server refused the access token. */
  readonly force: boolean
}

/** An election takes up to three seconds: before that nobody is alone. Whoever is asked answers sooner. */
const ALONE_AFTER_MS = 4_000
/** Alone is the last way: the old access token is served until this long before its end, or a tenth of its life. */
const MARGIN_MS = 60_000

export class Alone {
  readonly #random: Random
  /** Since when no leader is heard, on the pacing clock; null: one is. */
  #sinceMs: number | null
  #asks = 0
  #nextAskMs = -Infinity
  #spending = false
  #failures = 0
  #holdUntilMs = -Infinity
  /** What the server asked for: until when by its time, and by the pacing clock at the latest. */
  #retry = { notBeforeMs: -Infinity, latestMs: -Infinity }
  #misconfigured = false
  /** Tokens that the server refused: they are not sent here again. */
  readonly #refused = new Map<Lineage, CauseCode>()
  /** Tokens that were sent here with consent: the one that was given in advance is used up for them. */
  readonly #gambled = new Set<Lineage>()
  #consent = false
  #trouble: CauseCode | null = null

  constructor(random: Random, at: number) {
    this.#random = random
    this.#sinceMs = at
  }

  /** From when on this member counts as alone, on the pacing clock: it uses what it recorded. Infinity: a leader is heard. */
  get fromMs(): number {
    return this.#sinceMs === null ? Infinity : this.#sinceMs + ALONE_AFTER_MS
  }

  /** Why the last attempt alone brought nothing; null: there was none since a leader was heard. */
  get trouble(): CauseCode | null {
    return this.#trouble
  }

  /** When the next attempt may begin, on the pacing clock; null: nothing holds it back. */
  heldUntil(at: Instant): number | null {
    const { notBeforeMs, latestMs } = this.#retry
    const byServer = Math.min(at.now + (notBeforeMs - at.wall), latestMs)
    const until = Math.max(this.#holdUntilMs, byServer)
    return until > at.now ? until : null
  }

  /** A leader is heard, or no longer; also after sleep, when what was asked before is old. */
  heard(leader: boolean, at: Instant): void {
    this.#sinceMs = leader ? null : at.now
    this.#asks = 0
    this.#nextAskMs = -Infinity
    if (!leader) return
    this.#failures = 0
    this.#holdUntilMs = -Infinity
    this.#trouble = null
    this.#misconfigured = false
    this.#consent = false
  }

  /** A person accepts what spending here may cost: once. */
  allow(): void {
    this.#consent = true
    this.#misconfigured = false
    this.#holdUntilMs = -Infinity
  }

  /** A person insists although the server refused the client. */
  insist(): void {
    this.#misconfigured = false
  }

  /** The token was refused, in this run or by an earlier one's record. */
  refuse(lineage: Lineage, cause: CauseCode): void {
    this.#refused.set(lineage, cause)
  }

  /** How the server refused the token when it was sent here; null: it did not. */
  refusalOf(lineage: Lineage): CauseCode | null {
    return this.#refused.get(lineage) ?? null
  }

  /** The attempt is over; null: it brought a pair. */
  ended(lineage: Lineage, end: AloneEnd | null, at: Instant): void {
    this.#spending = false
    this.#trouble = end?.cause ?? null
    if (end === null) {
      this.#failures = 0
      this.#gambled.delete(lineage)
      return
    }
    this.#failures += 1
    this.#holdUntilMs = at.now + backoffMs(this.#failures, this.#random)
    if (end.type === "rejected") this.refuse(lineage, end.cause)
    if (end.type === "misconfigured") this.#misconfigured = true
    if (end.type === "retry-later") {
      this.#retry = { notBeforeMs: end.notBeforeMs, latestMs: at.now + end.delayMs }
    }
    // Nothing left: what the option accepted has not happened yet.
    if (end.type === "unsent") this.#gambled.delete(lineage)
  }

  /** The next step while no leader is heard and somebody wants a newer pair; the caller performs it at once. */
  next(view: AloneView, at: Instant): AloneStep {
    if (this.#sinceMs === null || this.#spending) return null
    if (this.#nextAskMs <= at.now) {
      this.#asks += 1
      // Never at once again, whatever is drawn: whoever was asked needs a moment to answer.
      this.#nextAskMs = at.now + 500 + backoffMs(this.#asks, this.#random)
      return { type: "ask" }
    }
    const spendMs = this.#spendAtMs(view, at)
    if (spendMs > at.now) {
      return { type: "wait", untilMs: Math.min(spendMs, this.#nextAskMs) }
    }
    const { pair } = view
    const consent = this.#gambles(view)
    if (consent) this.#gambled.add(pair.lineage)
    this.#consent = false
    this.#spending = true
    return { type: "spend", pair, consent }
  }

  /** When this member may spend alone, on the pacing clock; Infinity: never. */
  #spendAtMs(view: AloneView, at: Instant): number {
    const { pair, force } = view
    if (this.#refused.has(pair.lineage) || this.#misconfigured) return Infinity
    if (!this.#gambles(view) && !isSafe(view)) return Infinity
    const margin = Math.min(MARGIN_MS, pair.lifetimeMs / 10)
    const due = force || this.#consent ? -Infinity : expiresAtMs(pair) - margin
    return Math.max(this.fromMs, at.now + (due - at.wall), this.heldUntil(at) ?? -Infinity)
  }

  #gambles({ pair, fallback }: AloneView): boolean {
    return this.#consent || (fallback === "eager" && !this.#gambled.has(pair.lineage))
  }
}

/** A second use is harmless: whoever else spends the token, all get pairs that live. */
function isSafe({ policy, fallback }: AloneView): boolean {
  return fallback !== "never" && policy?.type === "multi-use"
}
