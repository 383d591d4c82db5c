import { describe, expect, test } from "vitest"

import { genesis } from "../../../src/core/refresh/fold.ts"
import { deriveStage, expiresAtMs, type StageView } from "../../../src/core/refresh/status.ts"
import type { ClusterState } from "../../../src/core/refresh/types.ts"
import { DOUBT, LOGIN, MEMBERS, pair, REJECTED, report, state, turn, UNSPENT } from "./fixtures.ts"

const ENDS = expiresAtMs(pair(1))

function stage(of: ClusterState, changes: Partial<StageView> = {}): string {
  const view: StageView = {
    state: of,
    wallMs: ENDS - 1,
    quorum: true,
    settled: true,
    demanding: false,
    stopped: false,
    trouble: null,
    ...changes,
  }
  const derived = deriveStage(view)
  return derived.cause === null ? derived.stage : `${derived.stage} ${derived.cause}`
}

const expired = { wallMs: ENDS }

describe("with a valid token a person sees nothing", () => {
  test.each<[string, ClusterState, Partial<StageView>, string]>([
    ["at rest", state(LOGIN), {}, "ready"],
    ["while a turn is open", state(LOGIN, turn()), {}, "refreshing"],
    ["without quorum", state(LOGIN), { quorum: false }, "ready no_quorum"],
    ["in doubt", state(LOGIN, turn(), report(2, DOUBT)), {}, "ready in_doubt"],
    ["after the store failed", state(LOGIN), { stopped: true }, "ready store_failed"],
    [
      "after the store failed in a turn",
      state(LOGIN, turn()),
      { stopped: true },
      "ready store_failed",
    ],
    [
      "with a refused client",
      state(LOGIN, turn(), report(2, { type: "misconfigured", cause: "invalid_client", atMs: 1 })),
      {},
      "ready invalid_client",
    ],
    [
      "spent elsewhere",
      { ...state(LOGIN), refused: { cause: "x", atMs: 1, suspects: ["b"] } },
      {},
      "ready spent_elsewhere",
    ],
  ])("%s", (_, of, changes, expected) => {
    expect(stage(of, changes)).toBe(expected)
  })
})

describe("with an expired token", () => {
  const fail = (times: number): ClusterState => ({ ...state(LOGIN), failures: times })

  test.each<[string, ClusterState, Partial<StageView>, string]>([
    ["that nobody asked for, nothing is shown", state(LOGIN), {}, "refreshing idle"],
    ["and a first attempt, nothing is shown", state(LOGIN, turn()), {}, "refreshing"],
    ["and a demand, nothing is shown", state(LOGIN), { demanding: true }, "refreshing"],
    [
      "and one failure it retries in silence",
      state(LOGIN, turn(), report(2, UNSPENT)),
      {},
      "retrying transient",
    ],
    ["and three failures it still retries in silence", fail(3), {}, "retrying transient"],
    ["and four failures it says connecting", fail(4), {}, "connecting transient"],
    ["without quorum it says connecting", state(LOGIN), { quorum: false }, "connecting no_quorum"],
    [
      "and a failed store it says connecting",
      state(LOGIN),
      { stopped: true },
      "connecting store_failed",
    ],
    [
      "and a busy server it names the cause",
      { ...fail(1), retry: { notBeforeMs: 9, cause: "http_429" } },
      {},
      "retrying http_429",
    ],
    [
      "and a refused client it says connecting and why",
      { ...fail(1), misconfigured: { cause: "invalid_client", atMs: 1 } },
      {},
      "connecting invalid_client",
    ],
  ])("%s", (_, of, changes, expected) => {
    expect(stage(of, { ...expired, ...changes })).toBe(expected)
  })

  test("a doubt is connecting for ten minutes and then asks a person", () => {
    const doubt = state(LOGIN, turn(), report(2, DOUBT))

    expect(stage(doubt, expired)).toBe("connecting in_doubt")
    expect(stage(doubt, { wallMs: ENDS + 599_999 })).toBe("connecting in_doubt")
    expect(stage(doubt, { wallMs: ENDS + 600_000 })).toBe("relogin stuck")
  })

  test("spent elsewhere is connecting, not signed out", () => {
    const refused = {
      ...state(LOGIN),
      refused: { cause: "invalid_grant", atMs: 1, suspects: ["b"] },
    }

    expect(stage(refused, expired)).toBe("connecting spent_elsewhere")
  })
})

describe("without a grant", () => {
  test("a dead grant asks for a login whatever the clock says", () => {
    const dead = state(LOGIN, turn(), report(2, REJECTED))

    expect(stage(dead)).toBe("relogin invalid_grant")
    expect(stage(dead, expired)).toBe("relogin invalid_grant")
  })

  test("nobody has logged in, or somebody has logged out", () => {
    expect(stage(genesis("c", MEMBERS))).toBe("relogin never_logged_in")
    expect(stage(state(LOGIN, { type: "logout", epoch: 1 }))).toBe("relogin logged_out")
  })

  test("a member that has heard nothing yet does not claim that nobody has logged in", () => {
    expect(stage(genesis("c", MEMBERS), { settled: false })).toBe("connecting starting")
    expect(stage(genesis("c", MEMBERS), { settled: false, stopped: true })).toBe(
      "connecting store_failed",
    )
  })
})
