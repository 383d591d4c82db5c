import { describe, expect, test } from "vitest"

import { Alone, type AloneView } from "../../../src/core/refresh/alone.ts"
import type { Instant } from "../../../src/core/refresh/types.ts"
import { pair } from "./fixtures.ts"

/** Ends 20 minutes after the pacing clock shows 0. */
const PAIR = pair(1, { lifetimeMs: 1_200_000 })
const ENDS = 1_200_000
const at = (now: number): Instant => ({ now, wall: PAIR.issuedAtMs + now })

const STRICT: AloneView = {
  pair: PAIR,
  policy: { type: "strict" },
  fallback: "proof",
  force: false,
}
const MULTI: AloneView = { ...STRICT, policy: { type: "multi-use" } }
const EAGER: AloneView = { ...STRICT, fallback: "eager" }
const urgent = (view: AloneView): AloneView => ({ ...view, force: true })

/** Hears nobody since 0, and draws the longest pauses. */
const alone = (drawn = 1): Alone => new Alone(() => drawn, 0)

type Step = ReturnType<Alone["next"]>

/** What it does at a moment besides asking. */
function after(mine: Alone, view: AloneView, now: number): Step {
  const step = mine.next(view, at(now))
  return step?.type === "ask" ? mine.next(view, at(now)) : step
}

const spends = (mine: Alone, view: AloneView, now: number): boolean =>
  after(mine, view, now)?.type === "spend"

describe("a member that hears no leader", () => {
  test("counts as alone four seconds later, and no longer when one is heard", () => {
    const mine = alone()

    expect(mine.fromMs).toBe(4_000)
    mine.heard(true, at(5_000))
    expect(mine.fromMs).toBe(Infinity)
    mine.heard(false, at(6_000))
    expect(mine.fromMs).toBe(10_000)
  })

  test("asks at once, then after pauses that double up to a minute", () => {
    const mine = alone()
    const asked: number[] = []
    for (let now = 0; now < 200_000; now += 500) {
      if (mine.next(STRICT, at(now))?.type === "ask") asked.push(now / 500)
    }

    // In half seconds: 1 + 2, 1 + 4, ... 1 + 120.
    expect(asked).toEqual([0, 3, 8, 17, 34, 67, 132, 253, 374])
  })

  test("never asks again at once, however short a pause is drawn", () => {
    const mine = alone(0)
    mine.next(STRICT, at(0))

    expect(mine.next(STRICT, at(0))).toEqual({ type: "wait", untilMs: 500 })
    expect(mine.next(STRICT, at(500))).toEqual({ type: "ask" })
  })

  test("asks at once again after a sleep, and is not alone before four seconds more", () => {
    const mine = alone()
    for (const now of [0, 1_500]) mine.next(STRICT, at(now))
    mine.heard(false, at(1_600))

    expect(mine.next(STRICT, at(1_600))).toEqual({ type: "ask" })
    expect(mine.next(STRICT, at(1_600))).toEqual({ type: "wait", untilMs: 3_100 })
    expect(mine.fromMs).toBe(5_600)
  })

  test("does nothing once a leader is heard", () => {
    const mine = alone()
    mine.heard(true, at(0))

    expect(mine.next(urgent(MULTI), at(ENDS))).toBeNull()
  })
})

describe("alone a member spends", () => {
  test.each([
    [1_200_000, 60_000],
    [100_000, 10_000],
  ])("only near the end: of a token that lives %i ms in its last %i ms", (lifetimeMs, margin) => {
    const view = { ...MULTI, pair: { ...PAIR, lifetimeMs } }

    expect(spends(alone(), view, lifetimeMs - margin - 1)).toBe(false)
    expect(after(alone(), view, lifetimeMs - margin)).toEqual({
      type: "spend",
      pair: view.pair,
      consent: false,
    })
  })

  test("by the server's time, whatever the pacing clock shows", () => {
    const mine = alone()
    mine.next(MULTI, { now: 10_000, wall: PAIR.issuedAtMs + ENDS - 61_000 })

    expect(mine.next(MULTI, { now: 10_000, wall: PAIR.issuedAtMs + ENDS - 61_000 })).toEqual({
      type: "wait",
      untilMs: 11_000,
    })
  })

  test("before that when somebody insists, but not before it is alone", () => {
    const mine = alone(0)
    mine.next(urgent(MULTI), at(3_900))

    expect(mine.next(urgent(MULTI), at(3_900))).toEqual({ type: "wait", untilMs: 4_000 })
    expect(mine.next(urgent(MULTI), at(4_000))).toMatchObject({ type: "spend", consent: false })
  })

  test("once at a time", () => {
    const mine = alone()
    after(mine, urgent(MULTI), 4_000)

    expect(mine.next(urgent(MULTI), at(400_000))).toBeNull()
    mine.ended(PAIR.lineage, null, at(400_000))
    expect(spends(mine, urgent(MULTI), 400_000)).toBe(true)
  })

  test.each(["strict", "reject", "confirm", "idempotent"] as const)(
    "never under %s unless a person says so",
    (type) => {
      expect(spends(alone(), { ...urgent(STRICT), policy: { type } }, ENDS)).toBe(false)
    },
  )

  test("never where the policy is not known, nor where the application forbade it", () => {
    expect(spends(alone(), { ...urgent(STRICT), policy: null }, ENDS)).toBe(false)
    expect(spends(alone(), { ...urgent(MULTI), fallback: "never" }, ENDS)).toBe(false)
  })

  test("under multi-use as often as it takes, with pauses that double", () => {
    const mine = alone()
    after(mine, urgent(MULTI), 4_000)
    mine.ended(PAIR.lineage, { type: "in-doubt", cause: "TIMEOUT" }, at(4_000))

    expect(mine.heldUntil(at(4_000))).toBe(5_000)
    expect(spends(mine, urgent(MULTI), 4_999)).toBe(false)
    expect(spends(mine, urgent(MULTI), 5_000)).toBe(true)
    mine.ended(PAIR.lineage, { type: "unsent", cause: "ECONNREFUSED" }, at(5_000))
    expect(mine.heldUntil(at(5_000))).toBe(7_000)
    expect(mine.heldUntil(at(7_000))).toBeNull()
  })

  test("after a pair with the shortest pause again", () => {
    const mine = alone()
    for (const end of [{ type: "unsent", cause: "x" } as const, null]) {
      mine.ended(PAIR.lineage, end, at(0))
    }
    mine.ended(PAIR.lineage, { type: "unsent", cause: "x" }, at(10_000))

    expect(mine.heldUntil(at(10_000))).toBe(11_000)
  })
})

describe("with consent", () => {
  test("of a person it spends once, now and under any policy", () => {
    const mine = alone()
    mine.allow()

    expect(after(mine, STRICT, 4_000)).toEqual({ type: "spend", pair: PAIR, consent: true })
    mine.ended(PAIR.lineage, { type: "in-doubt", cause: "TIMEOUT" }, at(4_000))
    expect(spends(mine, urgent(STRICT), ENDS)).toBe(false)
  })

  test("of a person it spends also where the application forbade it", () => {
    const mine = alone()
    mine.allow()

    expect(spends(mine, { ...STRICT, fallback: "never" }, 4_000)).toBe(true)
  })

  test("of a person it does not wait for its own pause, but for the server's", () => {
    const mine = alone()
    mine.ended(PAIR.lineage, { type: "unsent", cause: "ECONNREFUSED" }, at(4_000))
    mine.allow()
    expect(spends(mine, STRICT, 4_000)).toBe(true)

    const told = alone()
    const notBeforeMs = at(90_000).wall
    told.ended(
      PAIR.lineage,
      { type: "retry-later", cause: "http_429", notBeforeMs, delayMs: 90_000 },
      at(4_000),
    )
    told.allow()
    expect(spends(told, STRICT, 89_999)).toBe(false)
    expect(spends(told, STRICT, 90_000)).toBe(true)
  })

  test("that a person gave while it was alone does not outlast the loneliness", () => {
    const mine = alone()
    mine.allow()
    mine.heard(true, at(4_000))
    mine.heard(false, at(5_000))

    expect(spends(mine, STRICT, ENDS)).toBe(false)
  })

  test("given in advance it spends once per token, near its end", () => {
    const mine = alone()

    expect(spends(mine, EAGER, ENDS - 60_001)).toBe(false)
    expect(after(mine, EAGER, ENDS - 60_000)).toMatchObject({ type: "spend", consent: true })
    mine.ended(PAIR.lineage, { type: "in-doubt", cause: "TIMEOUT" }, at(ENDS))
    expect(spends(mine, urgent(EAGER), ENDS + 90_000)).toBe(false)
    expect(spends(mine, { ...EAGER, pair: pair(2) }, ENDS + 90_000)).toBe(true)
  })

  test("given in advance it counts again where nothing left, or where the server keeps the token", () => {
    const unsent = alone()
    after(unsent, EAGER, ENDS)
    unsent.ended(PAIR.lineage, { type: "unsent", cause: "ECONNREFUSED" }, at(ENDS))
    expect(spends(unsent, EAGER, ENDS + 1_000)).toBe(true)

    const kept = alone()
    after(kept, EAGER, ENDS)
    kept.ended(PAIR.lineage, null, at(ENDS))
    expect(spends(kept, EAGER, ENDS)).toBe(true)
  })
})

describe("a server that says no", () => {
  test("to the token is not asked with it again, whoever insists", () => {
    const told = alone()
    told.ended(PAIR.lineage, { type: "rejected", cause: "invalid_grant" }, at(0))
    const recorded = alone()
    recorded.refuse(PAIR.lineage, "invalid_grant")

    for (const mine of [told, recorded]) {
      mine.allow()
      expect(spends(mine, urgent(MULTI), ENDS)).toBe(false)
      mine.heard(true, at(ENDS))
      mine.heard(false, at(ENDS))
      expect(spends(mine, urgent(MULTI), ENDS + 90_000)).toBe(false)
      expect(spends(mine, { ...urgent(MULTI), pair: pair(2) }, ENDS + 90_000)).toBe(true)
    }
  })

  test.each<[string, (mine: Alone) => void]>([
    ["somebody insists", (mine) => mine.insist()],
    ["a person accepts the cost", (mine) => mine.allow()],
    [
      "a leader was heard",
      (mine) => {
        mine.heard(true, at(ENDS))
        mine.heard(false, at(ENDS))
      },
    ],
  ])("to the client is not asked again until %s", (_, change) => {
    const mine = alone()
    mine.ended(PAIR.lineage, { type: "misconfigured", cause: "invalid_client" }, at(0))

    expect(spends(mine, urgent(MULTI), ENDS)).toBe(false)
    change(mine)
    expect(spends(mine, urgent(MULTI), ENDS + 90_000)).toBe(true)
  })

  test("for a while is not asked before, by its own time; also if a leader was heard meanwhile", () => {
    const mine = alone()
    const notBeforeMs = at(90_000).wall
    mine.ended(
      PAIR.lineage,
      { type: "retry-later", cause: "http_429", notBeforeMs, delayMs: 90_000 },
      at(0),
    )
    mine.heard(true, at(10_000))
    mine.heard(false, at(20_000))

    expect(mine.heldUntil(at(50_000))).toBe(90_000)
    expect(mine.heldUntil({ now: 0, wall: notBeforeMs - 1_000 })).toBe(1_000)
    // The clock was set back by four hours meanwhile: the server asked for a minute and a half.
    expect(mine.heldUntil({ now: 50_000, wall: notBeforeMs - 4 * 3_600_000 })).toBe(90_000)
    expect(spends(mine, urgent(MULTI), 89_999)).toBe(false)
    expect(spends(mine, urgent(MULTI), 90_000)).toBe(true)
  })
})

test("the trouble of the last attempt is told until it brings a pair or a leader is heard", () => {
  const mine = alone()
  const fail = (): void => mine.ended(PAIR.lineage, { type: "unsent", cause: "ENOENT" }, at(0))

  expect(mine.trouble).toBeNull()
  fail()
  expect(mine.trouble).toBe("ENOENT")
  mine.ended(PAIR.lineage, null, at(0))
  expect(mine.trouble).toBeNull()
  fail()
  mine.heard(false, at(0))
  expect(mine.trouble).toBe("ENOENT")
  expect(mine.heldUntil(at(0))).toBe(1_000)
  mine.heard(true, at(0))
  expect(mine.trouble).toBeNull()
  expect(mine.heldUntil(at(0))).toBeNull()
  fail()
  expect(mine.heldUntil(at(0))).toBe(1_000)
})
