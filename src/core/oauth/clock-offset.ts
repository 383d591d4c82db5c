/**
 * Learns from a recorded exchange how far the server's clock is from ours. Decides what such a record is worth, with its
 * uncertainty; which of several to believe, and what for, is the caller's to say.
 */

import { isReused, valueOf } from "./headers.ts"
import { parseHttpDate } from "./retry-after.ts"
import type { Exchange } from "./types.ts"

export interface ClockOffset {
  /** Add it to our wall clock to get the server's, in ms. */
  readonly offsetMs: number
  /** The true offset lies no further away, as long as our clock was not set meanwhile. */
  readonly uncertaintyMs: number
}

/** A record that spans more has slept, waited for a retransmission, or lived through a jump of our clock. */
const SPAN_MS_MAX = 30_000
/** `Date` names a second; what it says is true at some moment within it. */
const HALF_SECOND_MS = 500

/**
 * Null where the record proves nothing: no answer or no readable `Date`, two that differ, an answer that a cache kept or
 * that somebody gave in the server's place (a redirect, a captive portal), a clock of ours that ran backwards, a span of
 * more than 30 s.
 *
 * The server wrote its `Date` at some moment between start and end, so the offset lies in an interval of that width and
 * one second more; this is its middle and half its width.
 */
export function clockOffsetOf({
  response,
  startedAtMs,
  finishedAtMs,
}: Exchange): ClockOffset | null {
  const spanMs = finishedAtMs - startedAtMs
  if (response === null || !(spanMs >= 0 && spanMs <= SPAN_MS_MAX)) return null
  const { status, headers } = response
  const foreign = (status >= 300 && status < 400) || status === 511
  if (foreign || isReused(headers)) return null
  const dates = new Set(
    headers.filter(([name]) => name === "date").map(([, value]) => value.trim()),
  )
  const dateMs = dates.size === 1 ? parseHttpDate(valueOf(headers, "date") ?? "") : null
  if (dateMs === null) return null
  const middleMs = (startedAtMs + finishedAtMs) / 2
  return {
    offsetMs: dateMs + HALF_SECOND_MS - middleMs,
    uncertaintyMs: spanMs / 2 + HALF_SECOND_MS,
  }
}
