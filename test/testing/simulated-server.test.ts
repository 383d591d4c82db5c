// The authorization server of the simulator: what a POST means under each replay policy, and what each fault hides.

import { describe, expect, test } from "vitest"

import type { ReplayPolicy } from "../../src/core/oauth/types.ts"
import { classify } from "../../src/core/oauth/outcome.ts"
import {
  refreshTokenOf,
  type ServerAnswer,
  type ServerFaults,
  type SimulatedServer,
  simulatedServer,
  WELL,
} from "../../src/testing/simulated-server.ts"

const server = (policy: ReplayPolicy): SimulatedServer =>
  simulatedServer({ policy, lifetimeSeconds: 60 })

function bodyOf(answer: ServerAnswer): { access_token?: string; refresh_token?: string } {
  return JSON.parse(answer.body)
}

function outcomeOf(answer: ServerAnswer) {
  const { status, headers, complete } = answer
  const response = { status, headers, body: Buffer.from(answer.body), complete }
  const failure = complete ? null : { phase: "response" as const, code: "BODY_CUT" }
  const at = { startedAtMs: 0, finishedAtMs: 0 }
  return classify({ ...at, connected: true, bodySent: true, response, failure }, "accepted")
}

/** Status of a second use, and whether the successor lives after it. */
const SECOND: readonly (readonly [string, ReplayPolicy, number, number, boolean])[] = [
  ["strict", { type: "strict" }, 0, 400, false],
  ["reject", { type: "reject" }, 0, 400, true],
  ["multi-use", { type: "multi-use" }, 0, 200, true],
  ["confirm", { type: "confirm" }, 0, 200, true],
  ["idempotent", { type: "idempotent" }, 0, 200, true],
  [
    "grace, in its window",
    { type: "grace", windowSeconds: 30, answers: "same" },
    30_000,
    200,
    true,
  ],
  ["grace, after it", { type: "grace", windowSeconds: 30, answers: "same" }, 30_001, 400, false],
]

describe("a second use", () => {
  test.each(SECOND)("under %s", (_, policy, atMs, status, lives) => {
    const as = server(policy)
    const { refreshToken } = as.mint()
    const successor = bodyOf(as.post(refreshToken, 0)).refresh_token ?? ""

    expect(as.post(refreshToken, atMs).status).toBe(status)
    expect(as.isCurrent(successor)).toBe(lives)
    expect(as.counts.sentTwice).toBe(1)
  })
})

describe("a use of the first token after its successor was used", () => {
  const late = (policy: ReplayPolicy) => {
    const as = server(policy)
    const { refreshToken, family } = as.mint()
    const first = bodyOf(as.post(refreshToken, 0))
    as.post(first.refresh_token ?? "", 1)
    return { first, again: as.post(refreshToken, 1e9), lives: !as.isRevoked(family) }
  }

  test("gets the first answer once more, for ever, where the server honours a key", () => {
    const { first, again, lives } = late({ type: "idempotent" })

    expect(bodyOf(again)).toEqual(first)
    expect(lives).toBe(true)
  })

  test.each(["strict", "confirm"] as const)("ends the family under %s", (type) => {
    expect(late({ type })).toMatchObject({ again: { status: 400 }, lives: false })
  })
})

const FAULTS: readonly (readonly [string, Partial<ServerFaults>, string, boolean])[] = [
  ["well", {}, "granted", false],
  ["throttled", { throttled: true }, "retry-later", true],
  ["unavailable", { unavailable: true }, "retry-later", true],
  ["failing after the grant", { failsAfterCommit: true }, "in-doubt", false],
  ["answering with a page", { garbage: "page" }, "in-doubt", false],
  ["answering with nothing", { garbage: "empty" }, "in-doubt", false],
  ["cut early", { garbage: "cut-early" }, "in-doubt", false],
  ["cut late", { garbage: "cut-late" }, "granted", false],
  ["prefixed", { garbage: "prefixed" }, "granted", false],
  ["terse", { terse: true }, "granted", false],
  ["narrowing", { narrows: true }, "granted", false],
  ["not rotating", { keepsToken: true }, "granted", true],
]

test.each(FAULTS)("a server that is %s", (_, faults, outcome, lives) => {
  const as = server({ type: "strict" })
  const { refreshToken } = as.mint()
  as.setFaults(faults)

  expect(outcomeOf(as.post(refreshToken, 0)).type).toBe(outcome)
  expect(as.isCurrent(refreshToken)).toBe(lives)
  as.setFaults(WELL)
  expect(as.post(refreshToken, 0).status).toBe(lives ? 200 : 400)
})

test("a family that the provider revoked is refused, and a later login is another family", () => {
  const as = server({ type: "strict" })
  const first = as.mint()
  as.revoke(first.family)

  expect(as.post(first.refreshToken, 0).status).toBe(400)
  expect(as.isCurrent(first.refreshToken)).toBe(false)
  const second = as.mint()
  const granted = bodyOf(as.post(second.refreshToken, 0))
  expect(refreshTokenOf(granted.access_token ?? "")).toBe(granted.refresh_token)
  expect(as.familyOf(granted.refresh_token ?? "")).toBe(second.family)
})
