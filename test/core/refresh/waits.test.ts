import { describe, expect, test } from "vitest"

import { REQUEST_LIFE_MS } from "../../../src/core/refresh/doubt.ts"
import type { ClusterState, Instant, LogEntry } from "../../../src/core/refresh/types.ts"
import { Waits } from "../../../src/core/refresh/waits.ts"
import { DOUBT, LOGIN, provider, report, result, state, turn, UNSPENT } from "./fixtures.ts"

const HOUR = 3_600_000
/** The server's time when the pacing clock shows 0. */
const WALL = 1_000_000
const at = (now: number): Instant => ({ now, wall: WALL + now })

/** A member that started at 0 and heard of each of these states at its time. */
function heard(...states: readonly (readonly [now: number, of: ClusterState])[]): Waits {
  const waits = new Waits(() => 0.5, 0)
  let before = state(LOGIN)
  for (const [now, of] of states) {
    waits.applied(before, of, now)
    before = of
  }
  return waits
}

const later = (notBeforeMs: number, delayMs: number): LogEntry =>
  report(2, { type: "retry-later", cause: "http_429", notBeforeMs, delayMs })

describe("after a failure the next attempt waits", () => {
  test("for a pause that doubles with each failure in a row, and not at all after a pair", () => {
    const once = state(LOGIN, turn(), report(2, UNSPENT))
    const twice = state(LOGIN, turn(), report(2, UNSPENT), turn(), report(4, UNSPENT))
    const renewed = state(LOGIN, result(2))

    expect(heard([100, once]).heldUntil(once, at(100))).toBe(600)
    expect(heard([100, once], [700, twice]).heldUntil(twice, at(700))).toBe(1_700)
    expect(heard([100, once], [110, renewed]).heldUntil(renewed, at(110))).toBeNull()
    expect(heard([100, once]).heldUntil(once, at(600))).toBeNull()
  })

  test("and an entry that is no failure begins no pause of its own", () => {
    const once = state(LOGIN, turn(), report(2, UNSPENT))
    const again = { ...once, turn: state(LOGIN, turn()).turn }
    const soon = state(LOGIN, turn(), later(WALL + 4 * HOUR, HOUR))

    expect(heard([100, once], [500, again]).heldUntil(again, at(500))).toBe(600)
    expect(heard([100, soon], [500, { ...soon }]).heldUntil(soon, at(5_000))).toBe(100 + HOUR)
  })

  test("until the server's Retry-After by the server's time, and no longer than it asked for since that was heard", () => {
    const soon = state(LOGIN, turn(), later(WALL + 30_000, 30_000))
    const ahead = state(LOGIN, turn(), later(WALL + 4 * HOUR, 60_000))

    expect(heard([100, soon]).heldUntil(soon, at(5_000))).toBe(30_000)
    expect(heard([100, soon]).heldUntil(soon, at(30_000))).toBeNull()
    expect(heard([100, ahead]).heldUntil(ahead, at(5_000))).toBe(60_100)
  })

  test("no longer than that for a snapshot, whose pauses are unknown", () => {
    const ahead = state(LOGIN, turn(), later(WALL + 4 * HOUR, 60_000))
    const waits = heard([100, ahead])
    waits.restored(200)

    expect(waits.heldUntil(ahead, at(200))).toBe(60_200)
    expect(waits.heldUntil({ ...ahead, retry: null }, at(200))).toBeNull()
  })
})

describe("a pair whose parent was sent twice waits", () => {
  test("until no request of the parent can be on its way, counted from when it was asked for", () => {
    const twice = state(LOGIN, result(2, { resent: true, issuedAtMs: WALL - 50_000 }))
    const waits = heard([100, twice])

    expect(waits.heldUntil(twice, at(100))).toBe(REQUEST_LIFE_MS - 50_000)
    expect(waits.heldUntil(twice, at(REQUEST_LIFE_MS - 50_000))).toBeNull()
  })

  test("no longer than that since it was heard of, also if its holder's clock was four hours ahead", () => {
    const twice = state(LOGIN, result(2, { resent: true, issuedAtMs: WALL + 4 * HOUR }))
    const told = { ...twice, turn: state(LOGIN, result(2), turn("b", 2)).turn }

    expect(heard([100, twice]).heldUntil(twice, at(200))).toBe(100 + REQUEST_LIFE_MS)
    expect(heard([100, twice], [150, told]).heldUntil(told, at(200))).toBe(100 + REQUEST_LIFE_MS)
  })

  test("as long since it was heard of where a new start left the clock unsure", () => {
    const twice = state(LOGIN, result(2, { resent: true, issuedAtMs: WALL - 50_000 }))
    const unsure = { ...at(200), knownSinceMs: Infinity }

    expect(heard([100, twice]).heldUntil(twice, unsure)).toBe(100 + REQUEST_LIFE_MS)
    expect(heard([100, twice]).heldUntil(twice, { ...unsure, knownSinceMs: WALL - 50_000 })).toBe(
      REQUEST_LIFE_MS - 50_000,
    )
    expect(heard().heldUntil(state(LOGIN), unsure)).toBeNull()
    expect(heard().heldUntil({ ...state(LOGIN), pair: null }, unsure)).toBeNull()
  })

  test("until none can be since the time was told as it is now", () => {
    const twice = state(LOGIN, result(2, { resent: true, issuedAtMs: WALL - 50_000 }))
    const moved = { ...at(200), knownSinceMs: WALL - 20_000 }

    expect(heard([100, twice]).heldUntil(twice, moved)).toBe(REQUEST_LIFE_MS - 20_000)
  })

  test("and no other pair does, nor a cluster without a login", () => {
    expect(heard().heldUntil(state(LOGIN), at(0))).toBeNull()
    expect(heard().heldUntil({ ...state(LOGIN), pair: null }, at(0))).toBeNull()
  })
})

describe("a doubt", () => {
  const told = (sinceMs: number, sentAtMs: number | null): ClusterState =>
    state(
      provider({ type: "multi-use" }),
      LOGIN,
      turn("b"),
      report(3, { ...DOUBT, atMs: sinceMs, sentAtMs }, "b"),
    )
  const open = state(provider({ type: "multi-use" }), LOGIN, turn("b"))

  test("began when its holder says", () => {
    const past = told(WALL - 9_000, WALL - 10_000)

    expect(heard([100, past]).turn(past, at(500))).toEqual(past.turn)
    expect(heard([100, open]).turn(open, at(500))).toBe(open.turn)
    expect(heard().turn(state(LOGIN), at(0))).toBeNull()
  })

  test("began no later than it was heard of, whatever its holder's clock showed", () => {
    const ahead = told(WALL + 4 * HOUR, WALL + 4 * HOUR)
    const waits = heard([50, open], [100, ahead])
    const doubt = { sinceMs: WALL + 100, sentAtMs: WALL + 100 }

    expect(waits.turn(ahead, at(100))?.doubt).toMatchObject(doubt)
    expect(waits.turn(ahead, at(5_000))?.doubt).toMatchObject(doubt)
    // Set while it ran: what was heard 4.9 s ago was heard at this clock's time less 4.9 s.
    expect(waits.turn(ahead, { now: 5_000, wall: WALL })?.doubt).toMatchObject({
      sinceMs: WALL - 4_900,
    })
    expect(waits.turn(told(WALL + HOUR, null), at(100))?.doubt?.sentAtMs).toBeNull()
  })

  test("counts from when it was heard of where a new start left the clock unsure, and has no window", () => {
    const past = told(WALL - 9_000, WALL - 10_000)

    expect(heard([100, past]).turn(past, { ...at(500), knownSinceMs: Infinity })?.doubt).toEqual({
      ...past.turn?.doubt,
      sinceMs: WALL + 100,
      sentAtMs: null,
    })
  })

  test("from before the time was told as it is now counts from that moment, and has no window", () => {
    const past = told(WALL - 9_000, WALL - 10_000)
    const moved = { ...at(60_000), knownSinceMs: WALL + 40 }

    expect(heard([100, past]).turn(past, moved)?.doubt).toEqual({
      ...past.turn?.doubt,
      sinceMs: WALL + 40,
      sentAtMs: null,
    })
    expect(heard([20, past]).turn(past, moved)?.doubt?.sinceMs).toBe(WALL + 20)
    expect(heard([100, past]).turn(past, { ...moved, knownSinceMs: WALL - 9_500 })?.doubt).toEqual({
      ...past.turn?.doubt,
      sentAtMs: null,
    })
  })

  test("that is told again keeps when it was first heard of; a doubt about another turn does not", () => {
    const ahead = told(WALL + 4 * HOUR, null)
    const other: ClusterState = {
      ...ahead,
      turn: ahead.turn === null ? null : { ...ahead.turn, number: 9 },
    }

    expect(
      heard([100, ahead], [200, open], [300, { ...open, turn: null }]).turn(open, at(300)),
    ).toBe(open.turn)
    expect(heard([100, ahead], [200, { ...ahead }]).turn(ahead, at(300))?.doubt?.sinceMs).toBe(
      WALL + 100,
    )
    expect(heard([100, ahead], [200, other]).turn(other, at(300))?.doubt?.sinceMs).toBe(WALL + 200)
  })

  test("of a snapshot counts as heard of when the snapshot was", () => {
    const ahead = told(WALL + 4 * HOUR, null)
    const waits = heard([100, ahead])
    waits.restored(200)

    expect(waits.turn(ahead, at(300))?.doubt?.sinceMs).toBe(WALL + 200)
  })
})

describe("an open turn may be replaced", () => {
  const open = state(provider({ type: "multi-use" }), LOGIN, turn("b"))

  test("fifteen seconds after it was heard of, if its holder says nothing", () => {
    const waits = heard([100, open])

    expect(waits.replaceableFrom(open, at(200))).toBe(15_100)
    const renamed = { ...open, failures: 0 }
    waits.applied(open, renamed, 5_000)
    expect(waits.replaceableFrom(renamed, at(5_000))).toBe(15_100)
  })

  test("counting each turn for itself", () => {
    const next = state(provider({ type: "multi-use" }), LOGIN, turn("b"), turn("c", 1, 3))

    expect(heard([100, open], [9_000, next]).replaceableFrom(next, at(9_000))).toBe(24_000)
  })

  test("when its doubt was heard of, at the latest", () => {
    const told = { ...DOUBT, atMs: WALL + 4 * HOUR }
    const doubt = state(provider({ type: "multi-use" }), LOGIN, turn("b"), report(3, told, "b"))

    expect(heard([50, open], [100, doubt]).replaceableFrom(doubt, at(300))).toBe(100)
  })

  test("never where a second use can end the login", () => {
    const strict = state(provider({ type: "strict" }), LOGIN, turn("b"))

    expect(heard([100, strict]).replaceableFrom(strict, at(HOUR))).toBe(Infinity)
  })
})

// Found by the simulator, seeds 5098 and 90: after a boot the wall clock was believed, and every wait was over.
describe("a machine that was started anew and cannot tell the time", () => {
  const unsure = (ms: number): Instant => ({ now: ms, wall: 1e12, knownSinceMs: Infinity })
  const resent = { ...state(LOGIN), resentAtMs: 0 }

  test("waits out the life of an earlier request from when it heard of the pair", () => {
    const waits = new Waits(() => 0.5, 0)

    expect(waits.heldUntil(resent, unsure(10))).toBe(REQUEST_LIFE_MS)
    expect(waits.heldUntil(resent, unsure(REQUEST_LIFE_MS))).toBeNull()
  })

  test("gives a server that asked for patience as long as it asked for", () => {
    const waits = new Waits(() => 0.5, 0)
    const busy = { ...state(LOGIN), retry: { notBeforeMs: 5, delayMs: 90_000, cause: "http_429" } }

    expect(waits.heldUntil(busy, unsure(10))).toBe(90_000)
  })

  test("counts a doubt from when it heard of it, and knows no window", () => {
    const waits = new Waits(() => 0.5, 0)
    const open = state(LOGIN, turn(), report(2, DOUBT))

    const { doubt } = waits.turn(open, unsure(7_000)) ?? {}

    expect(doubt).toMatchObject({ sinceMs: 1e12 - 7_000, sentAtMs: null })
  })
})
