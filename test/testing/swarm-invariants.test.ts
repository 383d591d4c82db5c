// The rules of the simulator, each shown a story that breaks it: a rule that never complains would prove nothing.

import { describe, expect, test } from "vitest"

import type { ReplayPolicy } from "../../src/core/oauth/types.ts"
import type { CurrentToken } from "../../src/ports/coordinator.ts"
import {
  currentEpoch,
  endedByName,
  isAlone,
  mayBeAlone,
  neverBack,
  noCanary,
  noFalseRelogin,
  oneCourier,
  reasonOf,
  recordedIsKept,
  refusedOnce,
  sameHead,
  type SendReason,
  sentByItsRow,
  type Sent,
} from "../../src/testing/swarm-invariants.ts"
import { LATE_MS } from "../../src/testing/trip.ts"
import type { SimulatedMember } from "../../src/testing/world.ts"

const [m0, m1] = [0, 1].map((at) => ({ at, id: `m${at}` }) as unknown as SimulatedMember) as [
  SimulatedMember,
  SimulatedMember,
]
const GRACE: ReplayPolicy = { type: "grace", windowSeconds: 30, answers: "same" }
const simple = (type: Exclude<ReplayPolicy["type"], "grace">): ReplayPolicy => ({ type })

const PROOF = { lastResort: "ask", fallback: "proof" } as const

function sent(change: Partial<Sent> & { attempt?: number; turn?: number } = {}): Sent {
  const { attempt = 1, turn = 7, ...rest } = change
  return {
    member: m0,
    refreshToken: "canary-rt-1",
    key: { epoch: 1, generation: 2, parent: "p", turn, attempt },
    atMs: 0,
    fate: "unknown",
    over: true,
    ...rest,
  }
}

const LATER = 145_000
const ROWS: readonly (readonly [string, ReplayPolicy, Sent, Sent, SendReason])[] = [
  ["strict, in time", simple("strict"), sent(), sent({ attempt: 2, atMs: LATER }), "last-resort"],
  ["strict, early", simple("strict"), sent(), sent({ attempt: 2, atMs: LATER - 1 }), "not-allowed"],
  [
    "strict, another member",
    simple("strict"),
    sent(),
    sent({ member: m1, attempt: 2, atMs: LATER }),
    "not-allowed",
  ],
  ["strict, another turn", simple("strict"), sent(), sent({ turn: 8, atMs: LATER }), "not-allowed"],
  ["strict, turned away", simple("strict"), sent({ fate: "unspent" }), sent({ turn: 8 }), "again"],
  [
    "strict, granted",
    simple("strict"),
    sent({ fate: "granted" }),
    sent({ turn: 8 }),
    "not-allowed",
  ],
  [
    "confirm, the holder",
    simple("confirm"),
    sent(),
    sent({ attempt: 2, atMs: LATE_MS }),
    "confirm",
  ],
  [
    "confirm, early",
    simple("confirm"),
    sent(),
    sent({ attempt: 2, atMs: LATE_MS - 1 }),
    "not-allowed",
  ],
  ["confirm, another", simple("confirm"), sent(), sent({ member: m1, turn: 8 }), "not-allowed"],
  ["grace, in its window", GRACE, sent(), sent({ attempt: 2, atMs: 30_000 }), "grace"],
  ["grace, after it", GRACE, sent(), sent({ attempt: 2, atMs: 30_001 }), "not-allowed"],
  ["reject, another", simple("reject"), sent(), sent({ member: m1, turn: 8 }), "takeover"],
  ["multi-use, another", simple("multi-use"), sent(), sent({ member: m1, turn: 8 }), "takeover"],
  ["idempotent, another", simple("idempotent"), sent(), sent({ member: m1, turn: 8 }), "takeover"],
]

describe("a second send is named by the row that allows it", () => {
  test.each(ROWS)("%s", (_, policy, first, second, reason) => {
    const named = reasonOf(second, [first], { policy, ...PROOF, lastResort: "resend" })

    expect(named).toBe(reason)
    expect(sentByItsRow(second, [first], named) === null).toBe(reason !== "not-allowed")
  })

  test("the last resort is not taken where a person is asked, and nowhere twice", () => {
    const [first, second] = [sent(), sent({ attempt: 2, atMs: LATER })]
    const third = sent({ attempt: 3, atMs: 2 * LATER })
    const strict = { policy: simple("strict"), ...PROOF, lastResort: "resend" as const }

    expect(reasonOf(second, [first], { ...strict, lastResort: "ask" })).toBe("not-allowed")
    expect(reasonOf(third, [first, second], strict)).toBe("not-allowed")
    expect(reasonOf(third, [first, second], { ...strict, policy: simple("reject") })).toBe(
      "not-allowed",
    )
  })

  test("a second send that no row allows needs consent", () => {
    const rules = { policy: simple("strict"), ...PROOF }

    expect(reasonOf(sent({ turn: 8 }), [sent()], rules, true)).toBe("consent")
    expect(reasonOf(sent({ turn: 8 }), [sent()], rules, false)).toBe("not-allowed")
  })

  test("the first send needs no reason", () => {
    expect(reasonOf(sent(), [], { policy: simple("strict"), ...PROOF })).toBe("first")
  })
})

const head = (epoch: number, generation: number) => ({ epoch, generation })
const token = (epoch: number, generation: number, of: string) =>
  ({ epoch, generation, accessToken: `canary-at-9-of-${of}` }) as CurrentToken

const CASES: readonly (readonly [string, string | null, string | null])[] = [
  ["a pair of an older login", currentEpoch(sent(), 1), currentEpoch(sent(), 2)],
  ["an older pair", neverBack(m0, head(2, 3), head(2, 3)), neverBack(m0, head(2, 3), head(2, 2))],
  ["an older login", neverBack(m0, undefined, head(1, 1)), neverBack(m0, head(2, 0), head(1, 9))],
  [
    "a second courier beside the first",
    oneCourier(sent({ attempt: 2 }), [sent(), sent({ member: m1, over: false })]),
    oneCourier(sent({ attempt: 2 }), [sent({ over: false })]),
  ],
  [
    "a login that a logout of an earlier one ended",
    endedByName(m0, head(3, 0), new Set([2])),
    endedByName(m0, head(3, 0), new Set([1])),
  ],
  [
    "a second refusal",
    refusedOnce(head(1, 1), 1, 3, { policy: simple("strict"), consented: false }),
    refusedOnce(head(1, 1), 2, 3, { policy: simple("strict"), consented: false }),
  ],
  [
    "a refusal more than there are members",
    refusedOnce(head(1, 1), 3, 3, { policy: simple("strict"), consented: true }),
    refusedOnce(head(1, 1), 4, 3, { policy: simple("reject"), consented: false }),
  ],
  [
    "relogin while the grant lives",
    noFalseRelogin(m0, { stage: "relogin", cause: "stuck" }, "rt"),
    noFalseRelogin(m0, { stage: "relogin", cause: "invalid_grant" }, "rt"),
  ],
  ["a token in a text", noCanary("a line", "rt"), noCanary("a line", "x canary-rt-1")],
  [
    "a recorded pair that the log does not have",
    recordedIsKept([head(1, 2), head(2, 1)], head(2, 1)),
    recordedIsKept([head(1, 2), head(2, 2)], head(2, 1)),
  ],
  [
    "two heads",
    sameHead([token(1, 2, "rt"), token(1, 2, "rt")], "rt"),
    sameHead([token(1, 2, "rt"), token(1, 1, "old")], "rt"),
  ],
  [
    "a head that does not live while another does",
    sameHead([token(1, 2, "rt")], undefined),
    sameHead([token(1, 2, "rt")], "newer"),
  ],
]

test("a send without a turn needs a policy, a turn of its own, or consent", () => {
  const alone = sent({ turn: 0 })
  const strict = { policy: simple("strict"), ...PROOF }
  const holder = { at: 2, id: "m2", coordinator: { status: () => ({ holder: "m2" }) } }

  expect(isAlone(alone)).toBe(true)
  expect(isAlone(sent())).toBe(false)
  expect(mayBeAlone(alone, strict, false)).toContain("without a turn")
  expect(mayBeAlone(alone, strict, true)).toBe(null)
  expect(mayBeAlone(alone, { ...strict, policy: simple("multi-use") }, false)).toBe(null)
  const own = { ...alone, member: holder as unknown as SimulatedMember }
  expect(mayBeAlone(own, strict, false)).toBe(null)
})

test.each(CASES)("%s is a violation, and what is right is none", (_, right, wrong) => {
  expect(right).toBe(null)
  expect(wrong).toEqual(expect.any(String))
})
