/** Replay policies as text, dates in headers, and token responses that people bring along. */

import { expect, test } from "vitest"
import { parseTokenImport } from "../../../src/core/oauth/import.ts"
import {
  formatReplayPolicy,
  parseReplayPolicy,
  replayPolicyProblem,
} from "../../../src/core/oauth/policy.ts"
import { parseHttpDate, retryDelayMs } from "../../../src/core/oauth/retry-after.ts"
import { NOW_MS } from "./exchanges.ts"

test.each([
  "strict",
  "reject",
  "multi-use",
  "confirm",
  "idempotent",
  "grace:30:same",
  "grace:1:new",
])("%s is read and written back", (text) => {
  const parsed = parseReplayPolicy(text)

  expect(parsed.ok && formatReplayPolicy(parsed.value)).toBe(text)
  expect(parsed.ok && replayPolicyProblem(parsed.value)).toBe(null)
})

test("a grace without a last part answers with a new pair", () => {
  expect(parseReplayPolicy("grace:30")).toEqual({
    ok: true,
    value: { type: "grace", windowSeconds: 30, answers: "new" },
  })
})

test.each([
  "",
  "Strict",
  "grace",
  "grace:",
  "grace:x",
  "grace:0",
  "grace:-1",
  "grace:1.5",
  "grace:99999999",
  "grace:30:old",
  "graceful",
])("%j is no policy, and the problem says what is", (text) => {
  const parsed = parseReplayPolicy(text)

  expect(parsed).toMatchObject({ ok: false })
  expect(!parsed.ok && parsed.problem).toMatch(/expected strict, |whole number of seconds/)
})

test.each([0.5, 0, -1, Number.NaN, Number.POSITIVE_INFINITY])(
  "a window of %d seconds is refused also when a program gives it",
  (windowSeconds) => {
    expect(replayPolicyProblem({ type: "grace", windowSeconds, answers: "same" })).toContain(
      "seconds",
    )
  },
)

// RFC 9110 §5.6.7: the example instant in all three forms.
test.each(["Sun, 06 Nov 1994 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"])(
  "%s is read as an HTTP-date",
  (text) => {
    expect(parseHttpDate(text)).toBe(Date.UTC(1994, 10, 6, 8, 49, 37))
  },
)

test("dates around leap days and in the obsolete form are read as the platform reads them", () => {
  for (const day of [
    "29 Feb 2024",
    "01 Mar 2024",
    "28 Feb 2100",
    "01 Mar 2100",
    "31 Dec 2026",
    "01 Jan 2000",
  ]) {
    const text = `Mon, ${day} 12:00:00 GMT`
    expect(parseHttpDate(text)).toBe(Date.parse(text))
  }
  expect(parseHttpDate("Friday, 06-Nov-26 08:49:37 GMT")).toBe(Date.UTC(2026, 10, 6, 8, 49, 37))
})

test.each([
  "",
  "soon",
  "Sun, 06 Foo 1994 08:49:37 GMT",
  "Sun, 00 Nov 1994 08:49:37 GMT",
  "Sun, 31 Nov 1994 08:49:37 GMT",
  "Wed, 29 Feb 2023 08:49:37 GMT",
  "Sun, 06 Nov 1994 25:49:37 GMT",
  "Sun, 06 Nov 1994 08:61:37 GMT",
])("%j is no HTTP-date", (text) => {
  expect(parseHttpDate(text)).toBe(null)
})

test("a date of the server is measured by the server's own clock", () => {
  const headers = [
    ["date", "Thu, 01 Jan 2026 10:00:00 GMT"],
    ["retry-after", "Thu, 01 Jan 2026 10:00:10 GMT"],
  ] as const

  expect(retryDelayMs(headers, NOW_MS)).toBe(10_000)
})

test("no header, or one that cannot be read, says nothing", () => {
  expect(retryDelayMs([], NOW_MS)).toBe(null)
  expect(retryDelayMs([["retry-after", "a while"]], NOW_MS)).toBe(null)
  expect(retryDelayMs([["x-ratelimit-reset", "soon"]], NOW_MS)).toBe(null)
})

const imported = (body: unknown): ReturnType<typeof parseTokenImport> =>
  parseTokenImport(JSON.stringify(body))

const PAIR = { access_token: "AT", refresh_token: "RT", token_type: "Bearer" }

test("an import takes expires_at before expires_in", () => {
  expect(imported({ ...PAIR, expires_at: 1_800_000_000, expires_in: 5 })).toMatchObject({
    ok: true,
    value: {
      tokens: { accessToken: "AT", refreshToken: "RT" },
      expiry: { type: "at", unixSeconds: 1_800_000_000 },
      notes: [],
    },
  })
  expect(imported({ ...PAIR, expires_at: "1800000000" })).toMatchObject({
    value: { expiry: { type: "at", unixSeconds: 1_800_000_000 } },
  })
})

test("an import counts expires_in from now, and says when it assumes an hour", () => {
  expect(imported({ ...PAIR, expires_in: 60 })).toMatchObject({
    value: { expiry: { type: "in", seconds: 60, assumed: false }, notes: [] },
  })
  expect(imported(PAIR)).toMatchObject({
    value: {
      expiry: { type: "in", seconds: 3600, assumed: true },
      notes: ["no expires_at or expires_in: assumed 3600 s from now"],
    },
  })
})

test("an import needs a refresh token and may do without the rest", () => {
  expect(imported({ refresh_token: "RT" })).toMatchObject({
    ok: true,
    value: {
      tokens: { accessToken: "", tokenType: "Bearer" },
      expiry: { type: "in", seconds: 0, assumed: false },
      notes: ["no access_token: the first use refreshes"],
    },
  })
  expect(imported({ access_token: "AT", refresh_token: "RT", expires_in: 9 })).toMatchObject({
    value: { notes: ["no usable token_type: assumed Bearer"] },
  })
})

test.each([
  ["no JSON", "secret-RT", "not a JSON object"],
  ["an array", '["secret-RT"]', "not a JSON object"],
  ["no refresh token", '{"access_token":"secret-AT"}', "refresh_token"],
  ["a bad access token", '{"refresh_token":"secret-RT","access_token":7}', "access_token"],
  ["a bad expires_in", '{"refresh_token":"secret-RT","expires_in":"x"}', "expires_in"],
  ["a bad scope", '{"refresh_token":"secret-RT","scope":1}', "scope"],
  ["milliseconds", '{"refresh_token":"secret-RT","expires_at":1800000000000}', "expires_at"],
  ["a bad expires_at", '{"refresh_token":"secret-RT","expires_at":"later"}', "expires_at"],
  ["an empty expires_at", '{"refresh_token":"secret-RT","expires_at":""}', "expires_at"],
])("an import with %s names the problem and quotes nothing", (_, text, problem) => {
  const parsed = parseTokenImport(text)

  expect(parsed).toMatchObject({ ok: false })
  expect(!parsed.ok && parsed.problem).toContain(problem)
  expect(JSON.stringify(parsed)).not.toContain("secret")
})
