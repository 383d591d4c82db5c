/**
 * A turn of our own, from the moment it is applied until it is reported: spent once, judged when an earlier run may have
 * spent it, sent once more where its doubt allows that. Decides the next step; the agent says when to look.
 */

import type { ReplayPolicy } from "../oauth/types.ts"
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
  /** Spend the token under the turn, or send it again when the turn is in doubt. */
  | { readonly type: "carry"; readonly turn: Turn }
  /** Ask the courier's record. */
  | { readonly type: "judge"; readonly turn: Turn }
  /** Propose this until it shows in the log. */
  | { readonly type: "report"; readonly turn: Turn; readonly entry: ReportEntry }
  | { readonly type: "wait"; readonly untilMs: number }
  | null

type Phase =
  | { readonly type: "fresh" | "found" | "working" | "told" | "answered" }
  | { readonly type: "busy"; readonly untilMs: number }
  | { readonly type: "settling"; readonly entry: ReportEntry }

/** What the plan of a doubtful turn depends on. */
export interface OwnContext {
  readonly policy: ReplayPolicy | null
  readonly head: Pair | null
  readonly lastResort: LastResort
  /** Somebody uses the account: a gamble for nobody is not worth it. */
  readonly wanted: boolean
}

/** A busy courier, and a second send that could not leave, are looked at again after this. */
const BUSY_MS = 250
const AGAIN_MS = 5_000

export class OwnTurn {
  readonly #self: MemberId
  #number: TurnNumber | null = null
  #phase: Phase = { type: "told" }
  #resendAfterMs = -Infinity

  constructor(self: MemberId) {
    this.#self = self
  }

  /** Only a turn that this run asked for may be spent: of any other nobody knows what an earlier run did with it. */
  adopt(turn: Turn | null, ours: boolean): void {
    const mine = turn !== null && turn.holder === this.#self
    if (!mine) this.#number = null
    else if (this.#number !== turn.number) {
      this.#number = turn.number
      this.#phase = { type: ours ? "fresh" : "found" }
    }
  }

  busy(turn: TurnNumber, at: Instant): void {
    if (this.#number === turn) this.#phase = { type: "busy", untilMs: at.now + BUSY_MS }
  }

  /** A second send did not leave. */
  unsent(turn: TurnNumber, at: Instant): void {
    if (this.#number !== turn) return
    this.#phase = { type: "told" }
    this.#resendAfterMs = at.now + AGAIN_MS
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
        return this.#work({ type: "carry", turn })
      case "found":
        return this.#work({ type: "judge", turn })
      case "busy":
        if (phase.untilMs > at.now) return { type: "wait", untilMs: phase.untilMs }
        return this.#work({ type: "judge", turn })
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

  #work(step: OwnStep): OwnStep {
    this.#phase = { type: "working" }
    return step
  }

  #resend(turn: Turn, context: OwnContext, at: Instant): OwnStep {
    const { policy, head, lastResort, wanted } = context
    if (policy === null || head === null || !wanted) return null
    const span = resendSpan(policy, turn, head, lastResort)
    if (span === null || at.wall >= span.untilMs) return null
    const fromMs = Math.max(at.now + (span.fromMs - at.wall), this.#resendAfterMs)
    if (fromMs > at.now) return { type: "wait", untilMs: fromMs }
    return this.#work({ type: "carry", turn })
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
