/** What a recorded exchange tells of the server's clock, and when it tells nothing. */

import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { clockOffsetOf } from "../../../src/core/oauth/clock-offset.ts"
import type { Exchange } from "../../../src/core/oauth/types.ts"
import { answered, failed, NOW_MS } from "./exchanges.ts"

const HOUR_MS = 3_600_000
const httpDate = (atMs: number): string => new Date(atMs).toUTCString()

/** An answer with this `Date`, started `spanMs` before {@link NOW_MS} and ended then. */
function dated(
  date: string,
  spanMs = 200,
  headers: Readonly<Record<string, string>> = {},
  status = 200,
): Exchange {
  return { ...answered(status, { headers: { date, ...headers } }), startedAtMs: NOW_MS - spanMs }
}

test.each([0, 4 * HOUR_MS, -4 * HOUR_MS])(
  "a server that is %i ms ahead is found to be",
  (ahead) => {
    expect(clockOffsetOf(dated(httpDate(NOW_MS + ahead)))).toEqual({
      offsetMs: ahead + 600,
      uncertaintyMs: 600,
    })
  },
)

test("the true offset lies within the uncertainty, whenever the server wrote its date", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: -10 * HOUR_MS, max: 10 * HOUR_MS }),
      fc.nat(30_000),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (offsetMs, spanMs, at) => {
        const writtenAtMs = NOW_MS - spanMs + at * spanMs + offsetMs

        const learnt = clockOffsetOf(dated(httpDate(writtenAtMs), spanMs))

        if (learnt === null) throw new Error("nothing was learnt")
        expect(Math.abs(learnt.offsetMs - offsetMs)).toBeLessThanOrEqual(learnt.uncertaintyMs)
        expect(learnt.uncertaintyMs).toBe(spanMs / 2 + 500)
      },
    ),
  )
})

test("a refusal tells the time as well as a success", () => {
  for (const status of [400, 429, 500, 503]) {
    expect(clockOffsetOf(dated(httpDate(NOW_MS), 200, {}, status))).not.toBe(null)
  }
})

describe("nothing is learnt", () => {
  test.each<[string, Exchange]>([
    ["without an answer", failed("response", "TIMEOUT")],
    ["without a date", answered(200)],
    ["from a date that is none", dated("yesterday")],
    ["from a date in no calendar", dated("Wed, 29 Feb 2023 08:49:37 GMT")],
    ["from two dates in one", dated(`${httpDate(NOW_MS)}, ${httpDate(NOW_MS)}`)],
    ["from an answer with an age", dated(httpDate(NOW_MS), 200, { age: "0" })],
    ["from a hit of a cache", dated(httpDate(NOW_MS), 200, { "x-cache": "Hit from cloudfront" })],
    ["from a stale one", dated(httpDate(NOW_MS), 200, { "cf-cache-status": "STALE" })],
    ["from a redirect", dated(httpDate(NOW_MS), 200, {}, 302)],
    ["from a captive portal", dated(httpDate(NOW_MS), 200, {}, 511)],
    ["over more than 30 s, such as a sleep", dated(httpDate(NOW_MS), 30_001)],
    ["while our clock was set back", dated(httpDate(NOW_MS), -1)],
    ["from times that are none", dated(httpDate(NOW_MS), Number.NaN)],
  ])("%s", (_, exchange) => {
    expect(clockOffsetOf(exchange)).toBe(null)
  })

  test("from two headers that differ", () => {
    const exchange = dated(httpDate(NOW_MS))
    const second = ["date", httpDate(NOW_MS + 1_000)] as const
    const twice = (headers: NonNullable<Exchange["response"]>["headers"]): Exchange => ({
      ...exchange,
      response: { status: 200, body: new Uint8Array(), complete: true, headers },
    })
    const first = exchange.response?.headers[0] ?? second

    expect(clockOffsetOf(twice([first, second]))).toBe(null)
    expect(clockOffsetOf(twice([first, first]))).not.toBe(null)
  })
})

test("a cache that was missed is no cache", () => {
  const headers = { "x-cache": "Miss from cloudfront", "cf-cache-status": "DYNAMIC" }

  expect(clockOffsetOf(dated(httpDate(NOW_MS), 200, headers))).not.toBe(null)
})
