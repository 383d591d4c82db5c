/**
 * A turn of our own, from the moment it is applied until it is reported: spent once, judged when an earlier run may have
 * spent it, sent once more where its doubt allows that. Decides the next step; the agent says when to look.
 */

import type { Random } from "../base/random.ts"
import type { CauseCode, ReplayPolicy } from "../oauth/types.ts"
import { backoffMs } from "./backoff.ts"
import { type LastResort, resendSpan } from "./doubt.ts"
import type {
  Instant,
  MemberId,
  Pair,
  ReportEntry,
  ResultEntry,
  Turn,
  TurnNumber,
} from "./types.ts"

export type OwnStep =
  /** Spend the token under the turn, or send it again when the turn is in doubt. `consent`: a person accepted the cost. */
  | { readonly type: "carry"; readonly turn: Turn; readonly consent: boolean }
  /** Ask the courier's record. `cause`: why nothing left, if nothing did. */
  | { readonly type: "judge"; readonly turn: Turn; readonly cause: CauseCode | null }
  /** Propose this until it shows in the log. */
  | { readonly type: "report"; readonly turn: Turn; readonly entry: ReportEntry }
  | { readonly type: "wait"; readonly untilMs: number }
  | null

type Phase =
  | { readonly type: "fresh" | "found" | "working" | "told" | "answered" }
  | { readonly type: "busy"; readonly untilMs: number }
  /** The first send did not leave, and the log does not know it yet. */
  | { readonly type: "unsent"; readonly cause: CauseCode; readonly againMs: number }
  | { readonly type: "settling"; readonly entry: ReportEntry }

/** What the plan of a doubtful turn depends on. */
export interface OwnContext {
  readonly policy: ReplayPolicy | null
  readonly head: Pair | null
  readonly lastResort: LastResort
  /** Somebody uses the account: a gamble for nobody is not worth it. */
  readonly wanted: boolean
  /** This run has heard what the log says now, and hears it still. */
  readonly heard: boolean
  /** Without the log the turn still stands, and may be used again as long as nothing was sent. */
  readonly mayRetry: boolean
  /** How the server refused the token when this member sent it without the log; null: it did not. */
  readonly refused: CauseCode | null
}

/** A busy courier, and a second send that could not leave, are looked at again after this. */
const BUSY_MS = 250
const AGAIN_MS = 5_000

export class OwnTurn {
  readonly #self: MemberId
  readonly #random: Random
  #number: TurnNumber | null = null
  #phase: Phase = { type: "told" }
  #resendAfterMs = -Infinity
  #consent = false
  #failures = 0

  constructor(self: MemberId, random: Random) {
    this.#self = self
    this.#random = random
  }

  /** Only a turn that this run asked for may be spent: of any other nobody knows what an earlier run did with it. */
  adopt(turn: Turn | null, ours: boolean): void {
    const mine = turn !== null && turn.holder === this.#self
    if (!mine) this.#number = null
    else if (this.#number !== turn.number) {
      this.#number = turn.number
      this.#phase = { type: ours ? "fresh" : "found" }
      this.#consent = false
      this.#failures = 0
    }
  }

  /** A person accepts what sending the token once more may cost. False: there is no open turn of ours. */
  allow(): boolean {
    if (this.#number !== null) this.#consent = true
    return this.#number !== null
  }

  busy(turn: TurnNumber, at: Instant): void {
    if (this.#number === turn) this.#phase = { type: "busy", untilMs: at.now + BUSY_MS }
  }

  /** A send did not leave: the first one of the turn, or another of a turn in doubt. */
  unsent(turn: Turn, cause: CauseCode, at: Instant): void {
    if (this.#number !== turn.number) return
    if (turn.doubt === null) {
      this.#failures += 1
      const againMs = at.now + backoffMs(this.#failures, this.#random)
      this.#phase = { type: "unsent", cause, againMs }
    } else {
      this.#phase = { type: "told" }
      this.#resendAfterMs = at.now + AGAIN_MS
    }
  }

  /** A pair stands on its own and is offered by the agent; anything else must be reported. */
  outcome(turn: TurnNumber, entry: ResultEntry | ReportEntry): void {
    if (this.#number !== turn) return
    // With a pair in hand the doubt is over, although the log still shows it: sending again would revoke that pair.
    this.#phase = entry.type === "result" ? { type: "answered" } : { type: "settling", entry }
  }

  /** The next step for the open turn, which the caller performs at once. */
  next(turn: Turn | null, context: OwnContext, at: Instant): OwnStep {
    if (turn === null || turn.number !== this.#number) return null
    const phase = this.#phase
    switch (phase.type) {
      case "fresh":
        return this.#carry(turn)
      case "found":
        return this.#judge(turn)
      case "busy":
        if (phase.untilMs > at.now) return { type: "wait", untilMs: phase.untilMs }
        return this.#judge(turn)
      case "unsent":
        // Once the log is heard it learns that nothing was sent, and whoever is fit may try. Until then nobody else can.
        if (context.heard || !context.mayRetry) return this.#judge(turn, phase.cause)
        if (phase.againMs > at.now && !this.#consent)
          return { type: "wait", untilMs: phase.againMs }
        return context.wanted ? this.#carry(turn) : null
      case "settling":
        if (!isTold(phase.entry, turn)) return { type: "report", turn, entry: phase.entry }
        this.#phase = { type: "told" }
        return this.#resend(turn, context, at)
      case "told":
        return this.#resend(turn, context, at)
      case "working":
      case "answered":
        return null
      default:
        return phase satisfies never
    }
  }

  #carry(turn: Turn): OwnStep {
    const consent = this.#consent
    this.#consent = false
    this.#phase = { type: "working" }
    return { type: "carry", turn, consent }
  }

  #judge(turn: Turn, cause: CauseCode | null = null): OwnStep {
    this.#phase = { type: "working" }
    return { type: "judge", turn, cause }
  }

  /** What the second send would meet is known: it was sent meanwhile, without the log. */
  #refuse(turn: Turn, cause: CauseCode, at: Instant): OwnStep {
    const report = { type: "rejected", cause, atMs: at.wall } as const
    const entry: ReportEntry = { type: "report", turn: turn.number, holder: turn.holder, report }
    this.#phase = { type: "settling", entry }
    return { type: "report", turn, entry }
  }

  #resend(turn: Turn, context: OwnContext, at: Instant): OwnStep {
    const { policy, head, lastResort, wanted, heard, refused } = context
    if (this.#consent) return this.#carry(turn)
    // A second send is a gamble on what the log says now: never on what a restored disk remembers.
    if (policy === null || head === null || !wanted || !heard) return null
    const span = resendSpan(policy, turn, head, lastResort)
    if (span === null || at.wall >= span.untilMs) return null
    const fromMs = Math.max(at.now + (span.fromMs - at.wall), this.#resendAfterMs)
    if (fromMs > at.now) return { type: "wait", untilMs: fromMs }
    return refused === null ? this.#carry(turn) : this.#refuse(turn, refused, at)
  }
}

/**
 * The log holds this doubt already; or it holds one that this report cannot end. The latter is a disk that knows less than
 * the log, such as a restored backup: its record says nothing of the first send.
 */
function isTold({ report }: ReportEntry, { doubt }: Turn): boolean {
  if (doubt === null || report.type === "rejected") return false
  return report.type !== "in-doubt" || doubt.sends >= report.sends
}
