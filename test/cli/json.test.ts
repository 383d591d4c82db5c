import { expect, test } from "vitest"

import { statusJson, tokenJson, unixSeconds } from "../../src/cli/json.ts"
import { serves } from "../../src/cli/serves.ts"
import type { CachedToken } from "../../src/session/cached.ts"
import { SETTLED, TOKEN } from "./samples.ts"

test("times are whole Unix seconds, rounded down, or null", () => {
  expect(unixSeconds(1_795_000_000_999)).toBe(1_795_000_000)

  expect(statusJson({ ...SETTLED, sinceMs: 1_999, nextAttemptAtMs: null })).toMatchObject({
    since: 1,
    next_attempt_at: null,
  })
})

test("a status has the keys of the contract and no other, down to its members", () => {
  expect(statusJson(SETTLED)).toEqual({
    stage: "ready",
    cause: null,
    since: 1_000,
    next_attempt_at: null,
    generation: 3,
    epoch: 1,
    expires_at: 1_600,
    quorum: true,
    leader: "z6MkA.1",
    leader_seen_at: 1_000,
    holder: null,
    role: "leader",
    members: [
      {
        id: "z6MkA.1",
        name: "laptop",
        role: "voter",
        connected: true,
        generation: 3,
        last_seen: 1_000,
        self: true,
      },
      {
        id: "z6MkB.1",
        name: "desk",
        role: "learner",
        connected: false,
        generation: null,
        last_seen: null,
        self: false,
      },
    ],
  })
})

test("a status names the courier only where there is none", () => {
  expect(statusJson({ ...SETTLED, courier: "inline" })).toMatchObject({ courier: "inline" })
})

test("a token has the keys of the contract and no other", () => {
  expect(tokenJson(TOKEN)).toEqual({
    access_token: "at-3",
    token_type: "Bearer",
    expires_at: 1_600,
    generation: 3,
    epoch: 1,
    source: "cache",
  })
})

test("a cached token serves while it lives long enough and nobody refused it", () => {
  const any = { minTtlMs: 0, rejected: null }
  // SHA-256 of "at-3".
  const digest = "sha256:5FA241B1B74CA094AACFB825900A305FE6A88E2129512F5AFEC2D50F7F03D1C0"

  const left = (leftMs: number): CachedToken => ({ ...TOKEN, leftMs })

  expect(serves(left(1), any)).toBe(true)
  expect(serves(left(0), any)).toBe(false)
  expect(serves(left(600_000), { ...any, minTtlMs: 600_000 })).toBe(true)
  expect(serves(left(600_000), { ...any, minTtlMs: 600_001 })).toBe(false)
  expect(serves(left(600_000), { ...any, rejected: "at-3" })).toBe(false)
  expect(serves(left(600_000), { ...any, rejected: "at-2" })).toBe(true)
  expect(serves(left(600_000), { ...any, rejected: digest })).toBe(false)
  expect(serves(left(600_000), { ...any, rejected: `sha256:${"0".repeat(64)}` })).toBe(true)
})
