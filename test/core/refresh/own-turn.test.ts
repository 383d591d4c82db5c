import { describe, expect, test } from "vitest"

import { seededRandom } from "../../../src/core/base/random.ts"
import type { ReplayPolicy } from "../../../src/core/oauth/types.ts"
import { REQUEST_LIFE_MS } from "../../../src/core/refresh/doubt.ts"
import { type OwnContext, OwnTurn } from "../../../src/core/refresh/own-turn.ts"
import type { Instant, ReportEntry, ResultEntry, Turn } from "../../../src/core/refresh/types.ts"
import { DOUBT, doubtful, pair, REJECTED, report, result, UNSPENT } from "./fixtures.ts"

const GRACE: ReplayPolicy = { type: "grace", windowSeconds: 60, answers: "new" }
const CONTEXT: OwnContext = {
  policy: { type: "confirm" },
  head: pair(1),
  lastResort: "ask",
  wanted: true,
  heard: true,
  mayRetry: false,
  refused: null,
}
/** Without the log: the turn stands, and nobody is heard. */
const UNHEARD: OwnContext = { ...CONTEXT, heard: false, mayRetry: true }
const OPEN: Turn = { ...doubtful(), doubt: null }
/** When the first request of {@link doubtful} cannot arrive any more. */
const GONE = 1_000 + REQUEST_LIFE_MS
const at = (ms: number): Instant => ({ now: ms, wall: ms })

/** Adopted by the run that proposed it, and carried. */
function carried(turn = OPEN): OwnTurn {
  const mine = new OwnTurn("a", () => 1)
  mine.adopt(turn, true)
  mine.next(turn, CONTEXT, at(0))
  return mine
}

describe("a turn of our own", () => {
  test("is carried once by the run that proposed it, and judged once by any other", () => {
    const proposed = new OwnTurn("a", seededRandom(3))
    proposed.adopt(OPEN, true)
    const found = new OwnTurn("a", seededRandom(3))
    found.adopt(OPEN, false)

    expect(proposed.next(OPEN, CONTEXT, at(0))).toEqual({
      type: "carry",
      turn: OPEN,
      consent: false,
    })
    expect(proposed.next(OPEN, CONTEXT, at(0))).toBeNull()
    expect(found.next(OPEN, CONTEXT, at(0))).toEqual({ type: "judge", turn: OPEN, cause: null })
    expect(found.next(OPEN, CONTEXT, at(0))).toBeNull()
  })

  test("that is told again is not begun again", () => {
    const mine = carried()
    mine.adopt(OPEN, true)

    expect(mine.next(OPEN, CONTEXT, at(0))).toBeNull()
  })

  test("that another member's replaced is forgotten", () => {
    const mine = carried()
    mine.adopt({ ...OPEN, number: 8, holder: "b" }, false)

    expect(mine.allow()).toBe(false)
    expect(mine.next(OPEN, CONTEXT, at(0))).toBeNull()
  })

  test("that a new one followed passes neither its consent nor its failures on", () => {
    const mine = carried()
    mine.allow()
    mine.unsent(OPEN, "ECONNREFUSED", at(0))
    const next = { ...OPEN, number: 8 }
    mine.adopt(next, true)

    expect(mine.next(next, CONTEXT, at(0))).toMatchObject({ type: "carry", consent: false })
    mine.unsent(next, "ECONNREFUSED", at(0))
    expect(mine.next(next, UNHEARD, at(0))).toEqual({ type: "wait", untilMs: 1_000 })
  })

  test("whose courier works is judged again a quarter of a second later", () => {
    const mine = new OwnTurn("a", seededRandom(3))
    mine.adopt(OPEN, false)
    mine.next(OPEN, CONTEXT, at(0))
    mine.busy(7, at(100))

    expect(mine.next(OPEN, CONTEXT, at(349))).toEqual({ type: "wait", untilMs: 350 })
    expect(mine.next(OPEN, CONTEXT, at(350))).toEqual({ type: "judge", turn: OPEN, cause: null })
    expect(mine.next(OPEN, CONTEXT, at(350))).toBeNull()
  })

  test("is reported until the log shows it", () => {
    const mine = carried()
    const entry = report(7, UNSPENT) as ReportEntry
    mine.outcome(7, entry)
    const told = { type: "report", turn: OPEN, entry }

    expect(mine.next(OPEN, CONTEXT, at(0))).toEqual(told)
    expect(mine.next(OPEN, CONTEXT, at(1))).toEqual(told)
    expect(mine.next(null, CONTEXT, at(2))).toBeNull()
  })

  test("is none of the business of what is told of another one", () => {
    const mine = carried()
    mine.busy(8, at(0))
    mine.outcome(8, report(8, UNSPENT) as ReportEntry)
    mine.unsent({ ...OPEN, number: 8 }, "ECONNREFUSED", at(0))

    expect(mine.next(OPEN, CONTEXT, at(1_000))).toBeNull()
  })
})

describe("a turn that was not sent", () => {
  const unsent = (): OwnTurn => {
    const mine = carried()
    mine.unsent(OPEN, "ECONNREFUSED", at(0))
    return mine
  }

  test("is carried again while no leader is heard, after a pause that doubles", () => {
    const mine = unsent()

    expect(mine.next(OPEN, UNHEARD, at(999))).toEqual({ type: "wait", untilMs: 1_000 })
    expect(mine.next(OPEN, UNHEARD, at(1_000))).toEqual({
      type: "carry",
      turn: OPEN,
      consent: false,
    })
    mine.unsent(OPEN, "ECONNREFUSED", at(1_000))
    expect(mine.next(OPEN, UNHEARD, at(1_000))).toEqual({ type: "wait", untilMs: 3_000 })
  })

  test("is judged as soon as a leader is heard, and the log learns why nothing left", () => {
    expect(unsent().next(OPEN, CONTEXT, at(0))).toEqual({
      type: "judge",
      turn: OPEN,
      cause: "ECONNREFUSED",
    })
    expect(unsent().next(OPEN, { ...CONTEXT, mayRetry: true }, at(9_999))).toMatchObject({
      type: "judge",
    })
  })

  test("is judged where others may take it over meanwhile", () => {
    const context = { ...UNHEARD, mayRetry: false }

    expect(unsent().next(OPEN, context, at(9_999))).toMatchObject({ type: "judge" })
  })

  test("is not carried again for nobody", () => {
    expect(unsent().next(OPEN, { ...UNHEARD, wanted: false }, at(1_000))).toBeNull()
  })

  test("is carried again at once when a person says so", () => {
    const mine = unsent()

    expect(mine.allow()).toBe(true)
    expect(mine.next(OPEN, UNHEARD, at(0))).toEqual({ type: "carry", turn: OPEN, consent: true })
  })
})

describe("a turn of our own in doubt", () => {
  const own = (): OwnTurn => {
    const mine = new OwnTurn("a", seededRandom(3))
    mine.adopt(doubtful(), false)
    mine.next(doubtful(), CONTEXT, at(0))
    mine.outcome(7, report(7, DOUBT) as ReportEntry)
    return mine
  }

  test("waits for its span and then sends again, once", () => {
    const mine = own()

    expect(mine.next(doubtful(), CONTEXT, at(1_000))).toEqual({ type: "wait", untilMs: GONE })
    expect(mine.next(doubtful(), CONTEXT, at(GONE))).toEqual({
      type: "carry",
      turn: doubtful(),
      consent: false,
    })
    expect(mine.next(doubtful(), CONTEXT, at(GONE + 1_000))).toBeNull()
  })

  test("does not gamble for nobody, nor after the span", () => {
    expect(own().next(doubtful(), { ...CONTEXT, wanted: false }, at(GONE + 10_000))).toBeNull()
    expect(own().next(doubtful(), { ...CONTEXT, policy: GRACE }, at(60_000))).toBeNull()
    expect(own().next(doubtful(), { ...CONTEXT, policy: null }, at(60_000))).toBeNull()
  })

  // Found by the simulator, seed 52: the answer of the second send was in hand, the log still showed the doubt, and the
  // token went out a third time.
  test("never sends again once it has an answer, although the log still shows the doubt", () => {
    const mine = own()
    mine.next(doubtful(), CONTEXT, at(GONE))

    mine.outcome(7, result(2) as ResultEntry)

    expect(mine.next(doubtful(), CONTEXT, at(GONE + GONE + 10_000))).toBeNull()
  })

  test("tries again later when the second send could not leave", () => {
    const mine = own()
    mine.next(doubtful(), CONTEXT, at(GONE))

    mine.unsent(doubtful(), "ECONNREFUSED", at(GONE + 10))

    expect(mine.next(doubtful(), CONTEXT, at(GONE + 10))).toEqual({
      type: "wait",
      untilMs: GONE + 5_010,
    })
    expect(mine.next(doubtful(), CONTEXT, at(GONE + 5_010))).toMatchObject({ type: "carry" })
  })

  // Found by the simulator, seed 12: a report that the log refuses was proposed for ever.
  test("whose disk knows less than the log does not argue with it", () => {
    const mine = new OwnTurn("a", seededRandom(3))
    mine.adopt(doubtful(), false)
    mine.next(doubtful(), CONTEXT, at(0))

    mine.outcome(7, report(7, UNSPENT) as ReportEntry)

    expect(mine.next(doubtful(), CONTEXT, at(1))).toEqual({ type: "wait", untilMs: GONE })
  })

  test("of somebody else, or replaced, is none of its business", () => {
    const mine = own()
    const taken = { ...doubtful(), number: 8, holder: "b" }
    mine.adopt(taken, false)

    expect(mine.next(taken, CONTEXT, at(GONE + GONE + 10_000))).toBeNull()
    mine.unsent(doubtful(), "ECONNREFUSED", at(0))
    mine.busy(7, at(0))
    mine.outcome(7, report(7, DOUBT) as ReportEntry)
    expect(mine.next(taken, CONTEXT, at(GONE + GONE + 10_000))).toBeNull()
  })

  test("is told once more when the second send brought no answer either", () => {
    const mine = own()
    mine.next(doubtful(), CONTEXT, at(GONE))
    const again = { ...DOUBT, sends: 2 }
    mine.outcome(7, report(7, again) as ReportEntry)

    expect(mine.next(doubtful(), CONTEXT, at(GONE + 1_000))).toMatchObject({ type: "report" })
    expect(mine.next(doubtful({ sends: 2 }), CONTEXT, at(GONE + 1_000))).toBeNull()
  })

  test("is told when the second send was refused", () => {
    const mine = own()
    mine.next(doubtful(), CONTEXT, at(GONE))
    mine.outcome(7, report(7, REJECTED) as ReportEntry)

    expect(mine.next(doubtful(), CONTEXT, at(GONE + 1_000))).toMatchObject({ type: "report" })
  })

  test("does not gamble without a head, nor on what was not heard", () => {
    expect(own().next(doubtful(), { ...CONTEXT, head: null }, at(GONE + 10_000))).toBeNull()
    expect(own().next(doubtful(), { ...CONTEXT, heard: false }, at(GONE + 10_000))).toBeNull()
  })

  test("sends before the end of its span, and not at it", () => {
    const grace = { ...CONTEXT, policy: GRACE }

    expect(own().next(doubtful(), grace, at(58_499))).toMatchObject({ type: "carry" })
    expect(own().next(doubtful(), grace, at(58_500))).toBeNull()
  })

  // Found by the simulator, seed 9122: with consent it was sent alone meanwhile, and a dead grant was asked again.
  test("whose token was refused when it was sent without the log is reported refused, not sent again", () => {
    const mine = own()
    const context = { ...CONTEXT, refused: "invalid_grant" }
    const told = { type: "rejected", cause: "invalid_grant", atMs: GONE }

    expect(mine.next(doubtful(), context, at(GONE - 1))).toEqual({ type: "wait", untilMs: GONE })
    const step = mine.next(doubtful(), context, at(GONE))
    expect(step).toMatchObject({ type: "report", entry: { turn: 7, holder: "a", report: told } })
    expect(mine.next(doubtful(), context, at(GONE + 500))).toEqual(step)
  })

  test("counts its span by the server's time, whatever the pacing clock shows", () => {
    const skewed = { now: 500, wall: GONE - 1_000 }

    expect(own().next(doubtful(), CONTEXT, skewed)).toEqual({ type: "wait", untilMs: 1_500 })
  })

  test("is sent again at once when a person accepted the cost, once", () => {
    const mine = own()
    mine.allow()
    const unheard = { ...CONTEXT, heard: false, policy: null }

    expect(mine.next(doubtful(), unheard, at(0))).toMatchObject({ type: "carry", consent: true })
    mine.unsent(doubtful(), "ECONNREFUSED", at(0))
    expect(mine.next(doubtful(), unheard, at(0))).toBeNull()
  })
})
