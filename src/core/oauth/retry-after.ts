/** When a server wants to be asked again: `Retry-After` in both forms (RFC 9110 §10.2.3), and what vendors send instead. */

import { valueOf, type Headers } from "./headers.ts"

/** No server may silence a whole cluster for longer. */
export const RETRY_DELAY_MS_MAX = 3_600_000
const RETRY_DELAY_MS_MIN = 1_000

/**
 * Milliseconds from `nowMs` until the server wants to be asked again; null when it says nothing that can be read.
 * At least 1 s, at most 1 h.
 *
 * @param nowMs - epoch ms at which the response came; a `Date` header of the server beats it, since its own dates are by
 *   its own clock.
 */
export function retryDelayMs(headers: Headers, nowMs: number): number | null {
  const now = parseHttpDate(valueOf(headers, "date") ?? "") ?? nowMs
  const asked = valueOf(headers, "retry-after")
  if (asked !== undefined) {
    const delay = /^\d{1,10}$/.test(asked) ? Number(asked) * 1000 : untilDate(asked, now)
    if (delay !== null) return clamp(delay)
  }
  // Auth0 and GitHub: epoch seconds. Smaller numbers would be seconds to go in other dialects.
  const reset = valueOf(headers, "x-ratelimit-reset")
  if (reset === undefined || !/^\d{1,10}$/.test(reset)) return null
  const seconds = Number(reset)
  return clamp(seconds > 1_000_000_000 ? seconds * 1000 - now : seconds * 1000)
}

function untilDate(text: string, nowMs: number): number | null {
  const atMs = parseHttpDate(text)
  return atMs === null ? null : atMs - nowMs
}

function clamp(delayMs: number): number {
  return Math.min(Math.max(delayMs, RETRY_DELAY_MS_MIN), RETRY_DELAY_MS_MAX)
}

const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ")
const IMF = /^[A-Za-z]{3}, (\d{2}) ([A-Z][a-z]{2}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT$/
const RFC_850 = /^[A-Za-z]{6,9}, (\d{2})-([A-Z][a-z]{2})-(\d{2}) (\d{2}):(\d{2}):(\d{2}) GMT$/
const ASCTIME = /^[A-Za-z]{3} ([A-Z][a-z]{2}) {1,2}(\d{1,2}) (\d{2}):(\d{2}):(\d{2}) (\d{4})$/

/** Epoch ms of an HTTP-date (RFC 9110 §5.6.7, all three forms); null when it is none. */
export function parseHttpDate(text: string): number | null {
  const imf = IMF.exec(text)
  if (imf !== null) return epochMs(imf[3], imf[2], imf[1], imf.slice(4))
  const old = RFC_850.exec(text)
  // Two digits: this century; the form is obsolete, and a date far ahead is clamped anyway.
  if (old !== null) return epochMs(`20${old[3]}`, old[2], old[1], old.slice(4))
  const asc = ASCTIME.exec(text)
  return asc === null ? null : epochMs(asc[6], asc[1], asc[2], asc.slice(3, 6))
}

function epochMs(
  year: string | undefined,
  month: string | undefined,
  day: string | undefined,
  time: readonly string[],
): number | null {
  const monthIndex = MONTHS.indexOf(month ?? "")
  const [hours = 0, minutes = 0, seconds = 0] = time.map(Number)
  const dayOfMonth = Number(day)
  const first = daysFromCivil(Number(year), monthIndex + 1, 1)
  const length = daysFromCivil(Number(year), monthIndex + 2, 1) - first
  const sound = monthIndex >= 0 && dayOfMonth >= 1 && dayOfMonth <= length
  if (!sound || hours > 23 || minutes > 59 || seconds > 60) return null
  const days = first + dayOfMonth - 1
  return (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000
}

/** Days since 1970-01-01 of the proleptic Gregorian calendar, counting years from March (Hinnant). */
function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year
  const era = Math.floor(y / 400)
  const yearOfEra = y - era * 400
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1
  const dayOfEra =
    yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  return era * 146_097 + dayOfEra - 719_468
}
