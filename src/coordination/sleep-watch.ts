/**
 * Notices that the machine slept, or that this process was stopped. Decides from clocks alone: it is looked at whenever
 * the member is given something to do, and a member that has nothing to do need not know.
 */

import type { RaftStatus } from "../core/raft/types.ts"
import type { Clock } from "../ports/clock.ts"

/** The uptime outran the pacing clock by this: it stood still in a sleep (Linux). */
const SLEPT_MS = 1_000
/** A timer so late fired after a sleep that the pacing clock counted (macOS, Windows), or after the process was stopped. */
const LATE_MS = 5_000
/**
 * A timer is reached in steps of this. One that is due in an hour would fire an hour after a sleep that has cost the token
 * its life, and nobody would be told. It costs twelve looks a minute, while anybody waits for anything; without timers none.
 */
const STEP_MS = 5_000
/** What was said while the machine slept may still arrive for so long after it. */
const STALE_MS = 5_000

export class SleepWatch {
  /** The member's clock, whose timers look for a sleep before they fire. */
  readonly clock: Clock
  readonly #slept: () => void
  #aheadMs: number
  #wokeAtMs = -Infinity
  /** Since this sleep nothing was heard of the log yet, on the pacing clock; null: there was none, or it was. */
  #deafSinceMs: number | null = null

  /** @param slept is told of each sleep before anything that came after it. */
  constructor(clock: Clock, slept: () => void) {
    this.#slept = slept
    this.#aheadMs = clock.uptimeMs() - clock.nowMs()
    this.clock = {
      nowMs: () => clock.nowMs(),
      wallMs: () => clock.wallMs(),
      uptimeMs: () => clock.uptimeMs(),
      bootId: () => clock.bootId(),
      timer: (atMs, fire) => this.#timer(clock, atMs, fire),
    }
  }

  /** A message that arrives now may be as old as the sleep was long. */
  get justWoke(): boolean {
    return this.clock.uptimeMs() - this.#wokeAtMs < STALE_MS
  }

  /** True once after each sleep, when the leader was heard again, or a quorum if it is we, and what was told is applied. */
  heardAgain({ applied, commit, config, leaderSeenAt, quorum, role }: RaftStatus): boolean {
    if (this.#deafSinceMs === null || !quorum || applied < commit) return false
    const isAlone = role === "leader" && config.voters.length === 1
    if (!isAlone && (leaderSeenAt ?? -Infinity) <= this.#deafSinceMs) return false
    this.#deafSinceMs = null
    return true
  }

  /** @param lateMs how late a timer fired. */
  look(lateMs = 0): void {
    const uptimeMs = this.clock.uptimeMs()
    const aheadMs = uptimeMs - this.clock.nowMs()
    // Of all the timers that one sleep makes late the first tells.
    const isLate = lateMs > LATE_MS && uptimeMs - lateMs > this.#wokeAtMs
    const slept = isLate || aheadMs - this.#aheadMs > SLEPT_MS
    this.#aheadMs = aheadMs
    if (!slept) return
    this.#wokeAtMs = uptimeMs
    this.#deafSinceMs = this.clock.nowMs()
    this.#slept()
  }

  #timer(clock: Clock, atMs: number, fire: () => void): () => void {
    let cancel: () => void = () => {}
    let cancelled = false
    const arm = (): void => {
      const nowMs = clock.nowMs()
      const stepMs = Math.max(nowMs, Math.min(atMs, nowMs + STEP_MS))
      cancel = clock.timer(stepMs, () => {
        this.look(clock.nowMs() - stepMs)
        // What a sleep changes may have made this timer needless.
        if (cancelled) return
        if (stepMs < atMs) arm()
        else fire()
      })
    }
    arm()
    return () => {
      cancelled = true
      cancel()
    }
  }
}
