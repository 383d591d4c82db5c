/**
 * Since when a stage holds, and who is told when it changes. Decides nothing about stages: those are derived on every read
 * by core/refresh/status.ts.
 */

import type { StageOf } from "../core/refresh/status.ts"
import type { Clock } from "../ports/clock.ts"

export interface StageSince extends StageOf {
  /** Epoch ms. */
  readonly sinceMs: number
}

export class StageWatch {
  readonly #clock: Clock
  readonly #derive: () => StageOf
  readonly #changed: () => void
  #known: StageSince | null = null
  #told: StageOf | null = null
  #cancel: () => void = () => {}

  /** @param changed is called from {@link StageWatch.look} when the stage is another than at the last look. */
  constructor(clock: Clock, derive: () => StageOf, changed: () => void) {
    this.#clock = clock
    this.#derive = derive
    this.#changed = changed
  }

  current(): StageSince {
    const derived = this.#derive()
    const known = this.#known
    const sinceMs = known !== null && isSame(known, derived) ? known.sinceMs : this.#clock.wallMs()
    this.#known = { ...derived, sinceMs }
    return this.#known
  }

  /** Tells of a change, and looks again when the token ends, which no event announces. */
  look(tokenEndsAtUptimeMs: number | null): void {
    const now = this.current()
    const news = this.#told === null || !isSame(this.#told, now)
    this.#told = now
    this.#cancel()
    const leftMs = (tokenEndsAtUptimeMs ?? 0) - this.#clock.uptimeMs()
    if (leftMs > 0) {
      const again = (): void => this.look(tokenEndsAtUptimeMs)
      // Never less than 1 ms: a rest that adds nothing to `now` would have it look again for ever, at one moment.
      this.#cancel = this.#clock.timer(this.#clock.nowMs() + Math.max(1, leftMs), again)
    }
    if (news) this.#changed()
  }

  stop(): void {
    this.#cancel()
  }
}

function isSame(a: StageOf, b: StageOf): boolean {
  return a.stage === b.stage && a.cause === b.cause
}
