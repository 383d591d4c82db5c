/** The machine's own clock behind the port. */

import type { Clock } from "../ports/clock.ts"

/** The longest delay that a Node timer takes; later deadlines are reached in steps. */
const TIMER_MS_MAX = 2_147_483_647

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  timer(atMs, fire) {
    let handle: NodeJS.Timeout
    const arm = (): void => {
      const delay = Math.max(0, atMs - performance.now())
      handle = setTimeout(delay > TIMER_MS_MAX ? arm : fire, Math.min(delay, TIMER_MS_MAX)).unref()
    }
    arm()
    return () => clearTimeout(handle)
  },
}
