/** Pauses between attempts: exponential, capped, full jitter (AWS Architecture Blog 2015, "Full Jitter"). */

import type { Random } from "../base/random.ts"

/** First pause at most 1 s, doubling to at most 60 s. */
const FIRST_MS = 1_000
const LONGEST_MS = 60_000

/**
 * How long to wait after the `failures`-th failure in a row (from 1), in ms. Drawn from the whole range, so that members
 * that failed together do not come back together.
 */
export function backoffMs(failures: number, random: Random): number {
  return Math.round(random() * backoffCeilingMs(failures))
}

/** The longest pause that {@link backoffMs} may draw. */
export function backoffCeilingMs(failures: number): number {
  const doublings = Math.min(Math.max(failures - 1, 0), 6)
  return Math.min(FIRST_MS * 2 ** doublings, LONGEST_MS)
}
