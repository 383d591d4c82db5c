/** What one exchange tells of the server's clock. Decides the arithmetic; whether it is believed is the caller's. */

import { parseHttpDate } from "./retry-after.ts"
import type { Exchange } from "./types.ts"

export interface ClockOffset {
  /** Server's clock minus the sender's wall clock. */
  readonly offsetMs: number
  /** The true offset lies within this of it. */
  readonly uncertaintyMs: number
}

/** A `Date` names the second in which the response was made (RFC 9110 §6.6.1). */
const SECOND_MS = 1_000

/** Null without a `Date` that can be read, from a cache, or when the sender's clock went back meanwhile. */
export function clockOffsetOf(exchange: Exchange): ClockOffset | null {
  const { startedAtMs, finishedAtMs, response } = exchange
  const header = (name: string): string | undefined =>
    response?.headers.find(([candidate]) => candidate === name)?.[1]
  const date = parseHttpDate(header("date")?.trim() ?? "")
  const tripMs = finishedAtMs - startedAtMs
  // `Age` comes from a cache: its Date is that of some earlier answer.
  if (date === null || tripMs < 0 || header("age") !== undefined) return null
  return {
    offsetMs: date + SECOND_MS / 2 - (startedAtMs + tripMs / 2),
    uncertaintyMs: (SECOND_MS + tripMs) / 2,
  }
}
