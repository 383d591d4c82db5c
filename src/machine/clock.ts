/** The machine's own clocks behind the port. */

import { readFileSync } from "node:fs"
import { uptime } from "node:os"

import type { Clock } from "../ports/clock.ts"

/** The longest delay that a Node timer takes; later deadlines are reached in steps. */
const TIMER_MS_MAX = 2_147_483_647
/** How coarse `os.uptime()` is: seconds on macOS, a scheduler tick elsewhere. */
const TICK_MS = process.platform === "darwin" ? 1_100 : 20
/** `os.uptime()` is read at least this often by whoever asks for the time. */
const LOOK_MS = 1_000
/** Two clocks that agree so closely have passed no sleep and no jump. */
const AGREE_MS = 5

export interface UptimeSources {
  /** Counts sleep; coarse, and slow to read. */
  readonly coarseMs: () => number
  /** Fine and monotone; may stand still in sleep. */
  readonly fineMs: () => number
  readonly wallMs: () => number
}

/**
 * Time since boot, finely and cheaply.
 *
 * `os.uptime()` counts sleep everywhere: Linux reads /proc/uptime (CLOCK_BOOTTIME, ticks of 10 ms), macOS subtracts
 * kern.boottime, which is set along with the wall clock (1 s), Windows has GetTickCount64 (16 ms). `performance.now()` is
 * fine, and on Linux it stands still in sleep. So it fills the time between two reads of the coarse clock; after a sleep
 * it lags behind the wall clock, which is why that is compared first: a read of /proc costs ten times as much as both.
 */
export function refinedUptime(sources: UptimeSources, tickMs: number = TICK_MS): () => number {
  const { coarseMs, fineMs, wallMs } = sources
  let known = { uptimeMs: coarseMs(), fineMs: fineMs(), wallMs: wallMs() }
  let last = known.uptimeMs
  let seenMs = known.wallMs
  return () => {
    const wall = wallMs()
    // Each clock takes as long to read as all the rest of serving a token: within a millisecond one is enough.
    if (wall === seenMs) return last
    seenMs = wall
    const fine = fineMs()
    const ran = fine - known.fineMs
    const estimate = known.uptimeMs + ran
    const agree = Math.abs(wall - known.wallMs - ran) < AGREE_MS
    if (agree && ran < LOOK_MS) return (last = Math.max(last, estimate))
    const coarse = coarseMs()
    const uptimeMs = Math.abs(coarse - estimate) <= tickMs ? estimate : coarse
    known = { uptimeMs: (last = Math.max(last, uptimeMs)), fineMs: fine, wallMs: wall }
    return last
  }
}

let boot: string | null | undefined

/** Linux names each of its runs; others do not tell. */
function readBootId(): string | null {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()
  } catch {
    return null
  }
}

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  uptimeMs: refinedUptime({
    coarseMs: () => uptime() * 1_000,
    fineMs: () => performance.now(),
    wallMs: () => Date.now(),
  }),
  bootId: () => (boot === undefined ? (boot = readBootId()) : boot),
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
