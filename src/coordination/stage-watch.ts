/**
 * Since when a stage holds, and who is told when it changes. Decides nothing about stages: those are derived on every read
 * by core/refresh/status.ts.
 */

import { deriveStage, type Stage, type StageOf, type StageView } from "../core/refresh/status.ts"
import type { TurnNumber } from "../core/refresh/types.ts"
import type { Clock } from "../ports/clock.ts"

/** All but what is kept here. */
export type Watched = Omit<StageView, "turnSinceMs">

export interface StageSince extends StageOf {
  /** Since when the stage holds, whatever its cause was meanwhile. Epoch ms. */
  readonly sinceMs: number
}

export class StageWatch {
  readonly #clock: Clock
  readonly #look: () => Watched
  readonly #changed: () => void
  #known: { readonly stage: Stage; readonly sinceMs: number } | null = null
  #turn: { readonly number: TurnNumber; readonly sinceMs: number } | null = null
  #told: StageOf | null = null
  #cancel: () => void = () => {}

  /** @param changed is called from {@link StageWatch.look} when stage or cause are others than at the last look. */
  constructor(clock: Clock, look: () => Watched, changed: () => void) {
    this.#clock = clock
    this.#look = look
    this.#changed = changed
  }

  /** Remembers when a turn was first seen open, whether or not anybody asks for the stage. */
  saw({ state, wallMs }: Pick<Watched, "state" | "wallMs">): void {
    const number = state.turn?.number ?? null
    if (number === null) this.#turn = null
    else if (this.#turn?.number !== number) this.#turn = { number, sinceMs: wallMs }
  }

  current(): StageSince {
    const watched = this.#look()
    this.saw(watched)
    const { wallMs } = watched
    const derived = deriveStage({ ...watched, turnSinceMs: this.#turn?.sinceMs ?? wallMs })
    const known = this.#known
    const sinceMs = known?.stage === derived.stage ? known.sinceMs : this.#clock.wallMs()
    this.#known = { stage: derived.stage, sinceMs }
    return { ...derived, sinceMs }
  }

  /** Tells of a change, and looks again when time alone may bring one, which no event announces. */
  look(): void {
    const now = this.current()
    const news = this.#told?.stage !== now.stage || this.#told.cause !== now.cause
    this.#told = now
    this.#cancel()
    if (now.untilMs !== null) {
      const leftMs = Math.max(now.untilMs - this.#look().wallMs, 1)
      this.#cancel = this.#clock.timer(this.#clock.nowMs() + leftMs, () => this.look())
    }
    if (news) this.#changed()
  }

  stop(): void {
    this.#cancel()
  }
}
