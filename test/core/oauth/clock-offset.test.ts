import { expect, test } from "vitest"
import { clockOffsetOf } from "../../../src/core/oauth/clock-offset.ts"
import type { Exchange } from "../../../src/core/oauth/types.ts"

const DATE = Date.parse("Fri, 15 Jan 2027 08:00:00 GMT")

function exchange(
  startedAtMs: number,
  finishedAtMs: number,
  headers: [string, string][],
): Exchange {
  const response = { status: 200, headers, body: new Uint8Array(), complete: true }
  return { startedAtMs, finishedAtMs, connected: true, bodySent: true, response, failure: null }
}

const date: [string, string] = ["date", "Fri, 15 Jan 2027 08:00:00 GMT"]

test("the server's clock is within half a second and half the trip of the offset that its Date tells", () => {
  const hourFast = exchange(DATE + 3_600_000, DATE + 3_600_400, [date])

  expect(clockOffsetOf(hourFast)).toEqual({ offsetMs: -3_599_700, uncertaintyMs: 700 })
})

test.each<[string, Exchange]>([
  ["without a Date", exchange(DATE, DATE + 10, [])],
  ["with a Date that is none", exchange(DATE, DATE + 10, [["date", "yesterday"]])],
  ["out of a cache", exchange(DATE, DATE + 10, [date, ["age", "12"]])],
  ["whose sender's clock went back", exchange(DATE, DATE - 3_600_000, [date])],
  ["without a response", { ...exchange(DATE, DATE + 10, []), response: null }],
])("an exchange %s tells nothing of the server's clock", (_, unusable) => {
  expect(clockOffsetOf(unusable)).toBe(null)
})
