import { expect, test } from "vitest"

import { datedFrom } from "../../src/cli/commands/login.ts"
import { parseTokenImport } from "../../src/core/oauth/import.ts"

const NOW_MS = 2_000_500

/** When the imported access token ends, and the lifetime it was given, in ms. */
function dated(response: object): readonly [endsAtMs: number, lifetimeMs: number] {
  const parsed = parseTokenImport(JSON.stringify({ refresh_token: "r", ...response }))
  if (!parsed.ok) throw new Error(parsed.problem)
  const { issuedAtMs, tokens } = datedFrom(parsed.value.tokens, parsed.value.expiry, NOW_MS)
  const lifetimeMs = (tokens.expiresInSeconds ?? Number.NaN) * 1_000
  return [issuedAtMs + lifetimeMs, lifetimeMs]
}

test("expires_at names the end, whatever expires_in says", () => {
  expect(dated({ access_token: "a", expires_at: 2_300, expires_in: 9 })).toEqual([
    2_300_000, 300_000,
  ])
})

test("a token that has ended has no negative lifetime", () => {
  expect(dated({ access_token: "a", expires_at: 1_000 })).toEqual([1_000_000, 0])
})

test("expires_in counts from the import, and an hour is assumed without it", () => {
  expect(dated({ access_token: "a", expires_in: 60 })).toEqual([NOW_MS + 60_000, 60_000])
  expect(dated({ access_token: "a" })).toEqual([NOW_MS + 3_600_000, 3_600_000])
})

test("without an access token the login starts with one that has ended", () => {
  expect(dated({})).toEqual([NOW_MS, 0])
})
