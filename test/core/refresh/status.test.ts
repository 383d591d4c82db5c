import fc from "fast-check"
import { describe, expect, test } from "vitest"

import { genesis } from "../../../src/core/refresh/fold.ts"
import {
  deriveStage,
  expiresAtMs,
  type StageView,
  suspectsOf,
} from "../../../src/core/refresh/status.ts"
import type { ClusterState } from "../../../src/core/refresh/types.ts"
import {
  DOUBT,
  LOGIN,
  MEMBERS,
  pair,
  provider,
  REJECTED,
  report,
  state,
  turn,
  UNSPENT,
} from "./fixtures.ts"

const ENDS = expiresAtMs(pair(1))

function viewOf(of: ClusterState, changes: Partial<StageView> = {}): StageView {
  return {
    state: of,
    wallMs: ENDS - 1,
    quorum: true,
    settled: true,
    demanding: false,
    stopped: false,
    trouble: null,
    turnSinceMs: ENDS,
    heldUntilMs: null,
    mayResend: false,
    reachable: () => true,
    ...changes,
  }
}

function stage(of: ClusterState, changes: Partial<StageView> = {}): string {
  const derived = deriveStage(viewOf(of, changes))
  return derived.cause === null ? derived.stage : `${derived.stage} ${derived.cause}`
}

const expired = { wallMs: ENDS }
const refused = (of: ClusterState): ClusterState => ({
  ...of,
  refused: { cause: "invalid_grant", atMs: 1, suspects: ["b"] },
})
const MISCONFIGURED = { type: "misconfigured", cause: "invalid_client", atMs: 1 } as const
const nobody = { reachable: (id: string) => id === "a" }

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
      state(LOGIN, turn(), report(2, MISCONFIGURED)),
      {},
      "ready invalid_client",
    ],
    ["spent elsewhere", refused(state(LOGIN)), {}, "ready spent_elsewhere"],
    [
      "after a failure, while somebody waits for the next attempt",
      state(LOGIN, turn(), report(2, UNSPENT)),
      { demanding: true },
      "ready ECONNREFUSED",
    ],
    ["after a failure that is history", state(LOGIN, turn(), report(2, UNSPENT)), {}, "ready"],
    [
      "in the attempt after a failure",
      state(LOGIN, turn(), report(2, UNSPENT), turn()),
      {},
      "refreshing ECONNREFUSED",
    ],
    [
      "with a dead grant, as long as no quorum vouches for it",
      state(LOGIN, turn(), report(2, REJECTED)),
      { quorum: false },
      "ready no_quorum",
    ],
  ])("%s", (_, of, changes, expected) => {
    expect(stage(of, changes)).toBe(expected)
  })
})

describe("with an expired token", () => {
  const fail = (times: number, cause = "ECONNREFUSED"): ClusterState => ({
    ...state(LOGIN),
    failures: times,
    lastFailure: cause,
  })

  test.each<[string, ClusterState, Partial<StageView>, string]>([
    ["that nobody asked for, nothing is shown", state(LOGIN), {}, "refreshing idle"],
    ["and a first attempt, nothing is shown", state(LOGIN, turn()), {}, "refreshing"],
    ["and a demand, nothing is shown", state(LOGIN), { demanding: true }, "refreshing"],
    [
      "and one failure it retries in silence",
      state(LOGIN, turn(), report(2, UNSPENT)),
      {},
      "retrying ECONNREFUSED",
    ],
    ["and two failures it still retries in silence", fail(2), {}, "retrying ECONNREFUSED"],
    ["and three failures it says connecting", fail(3), {}, "connecting ECONNREFUSED"],
    ["after a conflict it retries in silence", fail(1, "http_409"), {}, "retrying http_409"],
    ["after a throttling it says so at once", fail(1, "http_429"), {}, "connecting http_429"],
    ["after a maintenance it says so at once", fail(1, "http_503"), {}, "connecting http_503"],
    ["after any dialect of a throttling too", fail(1, "slow_down"), {}, "connecting slow_down"],
    [
      "it keeps the cause during the next attempt",
      { ...fail(1, "http_429"), turn: state(LOGIN, turn()).turn },
      {},
      "connecting http_429",
    ],
    ["without quorum it says connecting", state(LOGIN), { quorum: false }, "connecting no_quorum"],
    [
      "and a failed store it says connecting",
      state(LOGIN),
      { stopped: true },
      "connecting store_failed",
    ],
    [
      "and a refused client it says connecting and why",
      state(LOGIN, turn(), report(2, MISCONFIGURED)),
      {},
      "connecting invalid_client",
    ],
    [
      "and no member in reach that may refresh it says connecting",
      { ...state(LOGIN), members: MEMBERS.map((one) => ({ ...one, capability: "owner-only" })) },
      { demanding: true },
      "connecting no_full_member",
    ],
    [
      "that an earlier request of the same token holds back it says connecting",
      state(LOGIN),
      { demanding: true, heldUntilMs: ENDS + 9 },
      "connecting earlier_request",
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

  test("a doubt that may still end by a send of ours asks nobody", () => {
    const doubt = state(LOGIN, turn(), report(2, DOUBT))

    expect(stage(doubt, { wallMs: ENDS + 600_000, mayResend: true })).toBe("connecting in_doubt")
  })

  test("spent elsewhere is connecting for ten minutes and then asks a person", () => {
    expect(stage(refused(state(LOGIN)), expired)).toBe("connecting spent_elsewhere")
    expect(stage(refused(state(LOGIN)), { wallMs: ENDS + 600_000 })).toBe("relogin stuck")
  })

  test("an attempt is silent for fifteen seconds, counted from when it began", () => {
    const open = state(LOGIN, turn())
    const late = { turnSinceMs: ENDS + 3_600_000 }

    expect(stage(open, { wallMs: ENDS + 14_999 })).toBe("refreshing")
    expect(stage(open, { wallMs: ENDS + 15_000 })).toBe("connecting slow_answer")
    expect(stage(open, { ...late, wallMs: ENDS + 3_614_999 })).toBe("refreshing")
    expect(stage(open, { ...late, wallMs: ENDS + 3_615_000 })).toBe("connecting slow_answer")
    // However slow, a holder that is there is waited for: its answer comes or its courier ends.
    expect(stage(open, { wallMs: ENDS + 900_000 })).toBe("connecting slow_answer")
  })

  test("a holder that went away with the turn is named after a while", () => {
    const open = state(LOGIN, turn("b"))

    expect(stage(open, { ...nobody, wallMs: ENDS + 14_999 })).toBe("refreshing")
    expect(stage(open, { ...nobody, wallMs: ENDS + 15_000 })).toBe("connecting holder_away")
    expect(stage(open, { ...nobody, wallMs: ENDS + 600_000 })).toBe("relogin stuck")
    expect(stage(open, { ...nobody, wallMs: ENDS + 600_000, mayResend: true })).toBe(
      "connecting holder_away",
    )
  })
})

describe("without a grant", () => {
  const dead = state(LOGIN, turn(), report(2, REJECTED))

  test("a dead grant asks for a login whatever the clock says", () => {
    expect(stage(dead)).toBe("relogin invalid_grant")
    expect(stage(dead, expired)).toBe("relogin invalid_grant")
  })

  test("a member without quorum does not know whether the grant is still the newest", () => {
    expect(stage(dead, { ...expired, quorum: false })).toBe("connecting no_quorum")
  })

  test("nobody has logged in, or somebody has logged out", () => {
    expect(stage(genesis("c", MEMBERS))).toBe("relogin never_logged_in")
    expect(stage(state(LOGIN, { type: "logout", epoch: 1 }))).toBe("relogin logged_out")
  })

  test.each<[string, ClusterState]>([
    ["that nobody has logged in", genesis("c", MEMBERS)],
    ["that somebody has logged out", state(LOGIN, { type: "logout", epoch: 1 })],
    ["that the grant is dead", dead],
    ["that a doubt is stuck", state(LOGIN, turn(), report(2, DOUBT))],
  ])("a member that has heard nothing yet, or has stopped, does not claim %s", (_, of) => {
    const later = { wallMs: ENDS + 600_000 }

    expect(stage(of, { ...later, settled: false })).toMatch(/^connecting /)
    expect(stage(of, { ...later, stopped: true })).toBe("connecting store_failed")
    expect(stage(of, later)).toMatch(/^relogin /)
  })
})

describe("time alone may change", () => {
  const doubt = state(LOGIN, turn(), report(2, DOUBT))
  const held = { demanding: true, heldUntilMs: ENDS + 9 }
  const busy = { ...state(LOGIN), failures: 1, lastFailure: "http_429" }

  test.each<[string, ClusterState, Partial<StageView>, number | null]>([
    ["a token that is valid, when it ends", state(LOGIN), {}, ENDS],
    ["one that is being refreshed, too", state(LOGIN, turn()), {}, ENDS],
    ["a silent attempt, after fifteen seconds", state(LOGIN, turn()), expired, ENDS + 15_000],
    ["a slow answer, never", state(LOGIN, turn()), { wallMs: ENDS + 15_000 }, null],
    ["a doubt, after ten minutes", doubt, expired, ENDS + 600_000],
    ["a doubt that a send may end, never", doubt, { ...expired, mayResend: true }, null],
    ["a login that may be lost, never", doubt, { wallMs: ENDS + 600_000 }, null],
    ["an attempt that is held back, then", state(LOGIN), { ...expired, ...held }, ENDS + 9],
    ["a failure, never: the next attempt does", busy, expired, null],
    ["a lost quorum, never", state(LOGIN), { ...expired, quorum: false }, null],
    [
      "an absent holder, after ten minutes",
      state(LOGIN, turn("b")),
      { ...nobody, wallMs: ENDS + 15_000 },
      ENDS + 600_000,
    ],
  ])("%s", (_, of, changes, expected) => {
    expect(deriveStage(viewOf(of, changes)).untilMs).toBe(expected)
  })
})

test("whoever may have spent a refused head is suspected, else the holder of the open turn", () => {
  expect(suspectsOf(refused(state(LOGIN, turn("a"))))).toEqual(["b"])
  expect(suspectsOf(state(LOGIN, turn("a")))).toEqual(["a"])
  expect(suspectsOf(state(LOGIN))).toEqual([])
})

test("without quorum a member tells why its own attempt failed", () => {
  const own = { ...expired, trouble: "ENETUNREACH" }

  expect(stage(state(LOGIN), { ...own, quorum: false })).toBe("connecting ENETUNREACH")
  expect(stage(state(LOGIN), own)).toBe("refreshing idle")
})

test("words that only resemble a busy server's are retried in silence", () => {
  for (const cause of ["http_4290", "a_http_503", "http_5xx", "http_50"]) {
    const of = { ...state(LOGIN), failures: 1, lastFailure: cause }
    expect(stage(of, expired)).toBe(`retrying ${cause}`)
  }
})

describe("whatever happens", () => {
  const cause = fc.constantFrom("ECONNREFUSED", "http_429", "http_503", "TIMEOUT", "http_409")
  const transient = fc.oneof(
    cause.map((code) => ({ type: "unspent", cause: code }) as const),
    cause.map(
      (code) => ({ type: "retry-later", cause: code, notBeforeMs: ENDS, delayMs: 60_000 }) as const,
    ),
    fc.constant(MISCONFIGURED),
  )
  const view: fc.Arbitrary<Partial<StageView>> = fc.record({
    wallMs: fc.integer({ min: ENDS - 600_000, max: ENDS + 9_000_000 }),
    quorum: fc.boolean(),
    settled: fc.boolean(),
    demanding: fc.boolean(),
    stopped: fc.boolean(),
    turnSinceMs: fc.integer({ min: ENDS - 600_000, max: ENDS + 9_000_000 }),
    heldUntilMs: fc.constantFrom(null, ENDS + 60_000),
    mayResend: fc.boolean(),
  })

  test("transient trouble is never shown as signed out, however often and long", () => {
    fc.assert(
      fc.property(fc.array(transient, { maxLength: 12 }), fc.boolean(), view, (told, open, at) => {
        const failures = told.flatMap((one, n) => {
          const before = told[n - 1]
          const waitedMs = before?.type === "retry-later" ? before.notBeforeMs : null
          return [turn("a", 1, null, false, waitedMs), report(3 + 2 * n, one)]
        })
        const tried = state(provider({ type: "strict" }), LOGIN, ...failures)
        const of = open ? { ...tried, turn: state(LOGIN, turn()).turn } : tried

        expect(deriveStage(viewOf(of, at)).stage).not.toBe("relogin")
      }),
    )
  })

  test("nobody without a valid token waits in silence beyond the third attempt", () => {
    fc.assert(
      fc.property(fc.integer({ min: 3, max: 99 }), cause, view, (failures, lastFailure, at) => {
        const of = { ...state(LOGIN), failures, lastFailure }
        const late = { ...at, wallMs: ENDS + 1 }

        expect(deriveStage(viewOf(of, late)).stage).toBe("connecting")
      }),
    )
  })

  test("the time at which a stage may change by itself lies ahead", () => {
    fc.assert(
      fc.property(fc.boolean(), view, (doubtful, at) => {
        const of = doubtful ? state(LOGIN, turn(), report(2, DOUBT)) : state(LOGIN, turn())
        const seen = viewOf(of, { ...at, heldUntilMs: null })
        const { untilMs } = deriveStage(seen)

        expect(untilMs ?? Infinity).toBeGreaterThan(seen.wallMs)
      }),
    )
  })
})
