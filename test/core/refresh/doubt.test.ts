import { describe, expect, test } from "vitest"

import {
  mayResend,
  quietUntilMs,
  replaceableAtMs,
  REQUEST_LIFE_MS,
  resendSpan,
} from "../../../src/core/refresh/doubt.ts"
import { fold } from "../../../src/core/refresh/fold.ts"
import { expiresAtMs } from "../../../src/core/refresh/status.ts"
import type { ReplayPolicy } from "../../../src/core/oauth/types.ts"
import type { Doubt, LogEntry } from "../../../src/core/refresh/types.ts"
import {
  DOUBT,
  doubtful,
  LOGIN,
  pair,
  provider,
  refusal,
  REJECTED,
  report,
  state,
  turn,
  UNSPENT,
} from "./fixtures.ts"

const HEAD = pair(1)
const ENDS = expiresAtMs(HEAD)
const GRACE: ReplayPolicy = { type: "grace", windowSeconds: 60, answers: "new" }

describe("the holder in doubt sends once more", () => {
  test("under strict only as the last resort: when no request lives and just before the token ends", () => {
    expect(resendSpan({ type: "strict" }, doubtful(), HEAD, "resend")).toEqual({
      fromMs: ENDS - 60_000,
      untilMs: Infinity,
    })
    const late = doubtful({ sinceMs: ENDS })
    expect(resendSpan({ type: "strict" }, late, HEAD, "resend")?.fromMs).toBe(
      ENDS + REQUEST_LIFE_MS,
    )
    expect(resendSpan({ type: "strict" }, doubtful(), HEAD, "ask")).toBeNull()
  })

  // Found by the model in 13 steps, and in a run of the simulator: ten seconds after its courier the first request still came.
  test("under confirm when its first request cannot arrive any more", () => {
    const fromMs = (changes: Partial<Doubt>): number | undefined =>
      resendSpan({ type: "confirm" }, doubtful(changes), HEAD, "ask")?.fromMs

    expect(fromMs({})).toBe(1_000 + REQUEST_LIFE_MS)
    expect(fromMs({ sentAtMs: null })).toBe(1_000 + REQUEST_LIFE_MS)
    // Found by the simulator, seed 4586: the machine slept between the courier's start and its first byte.
    expect(fromMs({ sinceMs: 20_000 })).toBe(15_500 + REQUEST_LIFE_MS)
    expect(fromMs({ sinceMs: 200_000 })).toBe(210_000)
  })

  test("under grace within the window less a margin, counted from when the first one left", () => {
    expect(resendSpan(GRACE, doubtful(), HEAD, "ask")).toEqual({ fromMs: 11_000, untilMs: 58_500 })
    const long = { ...GRACE, windowSeconds: 177 }
    expect(resendSpan(long, doubtful(), HEAD, "ask")).toEqual({ fromMs: 151_000, untilMs: 175_500 })
    const almost = { ...GRACE, windowSeconds: 176 }
    expect(resendSpan(almost, doubtful(), HEAD, "ask")?.fromMs).toBe(11_000)
    const short = { ...GRACE, windowSeconds: 8 }
    expect(resendSpan(short, doubtful(), HEAD, "ask")).toEqual({ fromMs: 3_000, untilMs: 6_500 })
    expect(resendSpan(GRACE, doubtful({ sentAtMs: null }), HEAD, "ask")).toBeNull()
  })

  test.each(["strict", "confirm"] as const)(
    "under %s never a third time, nor without a doubt",
    (type) => {
      expect(resendSpan({ type }, doubtful({ sends: 2 }), HEAD, "resend")).toBeNull()
      expect(resendSpan({ type }, { ...doubtful(), doubt: null }, HEAD, "resend")).toBeNull()
    },
  )

  test.each(["multi-use", "reject", "idempotent"] as const)(
    "not under %s, where anybody takes over",
    (type) => {
      expect(resendSpan({ type }, doubtful(), HEAD, "resend")).toBeNull()
    },
  )
})

describe("another member takes an open turn over", () => {
  const open = (policy: ReplayPolicy, ...more: readonly LogEntry[]): number | null =>
    replaceableAtMs(state(provider(policy), LOGIN, turn("a"), ...more), 2_000)

  test.each([{ type: "strict" }, { type: "confirm" }, GRACE] as const)(
    "never under $type",
    (policy) => {
      expect(open(policy, report(3, DOUBT))).toBeNull()
    },
  )

  test("at once in doubt where a second use is harmless, else after its holder had time", () => {
    expect(open({ type: "multi-use" }, report(3, DOUBT))).toBe(5)
    expect(open({ type: "idempotent" }, report(3, DOUBT))).toBe(5)
    expect(open({ type: "multi-use" })).toBe(17_000)
  })

  test("under reject once, and not before the first request had time to arrive", () => {
    expect(open({ type: "reject" }, report(3, DOUBT))).toBe(10_005)
    expect(open({ type: "reject" }, turn("b", 1, 3))).toBeNull()
  })

  test("not without a turn or a known provider", () => {
    expect(replaceableAtMs(state(provider({ type: "multi-use" }), LOGIN), 0)).toBeNull()
    expect(replaceableAtMs(state(LOGIN, turn("a")), 0)).toBeNull()
  })
})

describe("a send is still to come that may end a doubt", () => {
  const told = (policy: ReplayPolicy) => state(provider(policy), LOGIN, turn("a"), report(3, DOUBT))
  const STRICT_DOUBT = told({ type: "strict" })

  test("where another member may take the turn over, whoever asks", () => {
    for (const self of ["a", "b"]) {
      expect(mayResend(told({ type: "multi-use" }), self, "ask", 9_999_999)).toBe(true)
      expect(mayResend(told({ type: "confirm" }), self, "ask", 9_999_999)).toBe(self === "a")
    }
  })

  test("by its holder as long as its span is not over", () => {
    expect(mayResend(told(GRACE), "a", "ask", 58_003)).toBe(true)
    expect(mayResend(told(GRACE), "a", "ask", 58_004)).toBe(false)
    expect(mayResend(STRICT_DOUBT, "a", "resend", 0)).toBe(true)
    expect(mayResend(STRICT_DOUBT, "a", "ask", 0)).toBe(false)
  })

  test("never without a login, a known provider or a turn", () => {
    const open = told({ type: "multi-use" })
    const bare = [{ pair: null }, { provider: null }, { turn: null }]

    expect(bare.filter((change) => mayResend({ ...open, ...change }, "a", "ask", 0))).toEqual([])
  })
})

test("a pair whose parent was sent twice is not spent while a request of the parent may live", () => {
  expect(quietUntilMs({ ...state(LOGIN), resentAtMs: 4 })).toBe(4 + REQUEST_LIFE_MS)
  expect(quietUntilMs(state(LOGIN))).toBe(-Infinity)
})

describe("in the log", () => {
  const before = state(LOGIN, turn(), report(2, DOUBT))

  test("a doubt is not ended by a second send that did not leave", () => {
    expect(refusal(before, report(2, UNSPENT))).toBe("not-allowed")
    const later = { type: "retry-later", cause: "http_429", notBeforeMs: 9, delayMs: 9 } as const
    expect(refusal(before, report(2, later))).toBe("not-allowed")
  })

  test("a second doubt counts the send and keeps the time of the first", () => {
    const again = { ...DOUBT, atMs: 99, sentAtMs: 98, sends: 2, spent: true }
    const after = fold(before, report(2, again), { index: 9, signed: true }).state

    expect(after.turn?.doubt).toMatchObject({ sinceMs: 5, sentAtMs: 4, sends: 2, spent: true })
    const unseen = fold(before, report(2, { ...again, spent: false }), { index: 9, signed: true })
    expect(unseen.state.turn?.doubt?.spent).toBe(false)
  })

  test("a refusal after a doubt is the end of the grant: only its holder can have spent it", () => {
    expect(fold(before, report(2, REJECTED), { index: 9, signed: true }).state.dead).not.toBeNull()
  })
})
