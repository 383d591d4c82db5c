import { describe, expect, test } from "vitest"

import type { AgentInput } from "../../../src/core/refresh/agent-types.ts"
import { fold, genesis } from "../../../src/core/refresh/fold.ts"
import type {
  LogEntry,
  MemberId,
  ReportEntry,
  ResultEntry,
} from "../../../src/core/refresh/types.ts"
import { Bench, KEYS, LOGGED_IN, OWNER_ONLY, types, WALL } from "./bench.ts"
import {
  DOUBT,
  LOGIN,
  member,
  MEMBERS,
  pair,
  provider,
  REJECTED,
  report,
  result,
  state,
  turn,
  UNSPENT,
} from "./fixtures.ts"

describe("a demand", () => {
  test("at the leader becomes a turn of its own", () => {
    const bench = new Bench("a", LOGGED_IN)

    expect(bench.demand()).toEqual([{ type: "propose", key: "take 1.1.-", entry: turn("a") }])
  })

  test("at a follower asks the log for a turn as well", () => {
    const bench = new Bench("b", LOGGED_IN)

    expect(bench.demand()).toEqual([{ type: "propose", key: "take 1.1.-", entry: turn("b") }])
    expect(bench.demand()).toEqual([])
  })

  test("at a member that may hold none goes to the leader, again each second, until a turn opens", () => {
    const bench = new Bench("d", OWNER_ONLY)
    const message = { type: "demand", epoch: 1, generation: 1 }

    expect(bench.demand()).toEqual([{ type: "send", to: "a", message }])
    expect(bench.agent.nextWakeAt).toBe(1_000)
    expect(bench.demand()).toEqual([])
    expect(bench.agent.nextWakeAt).toBe(1_000)
    bench.now = 1_000
    expect(bench.step({ type: "wake" })).toEqual([{ type: "send", to: "a", message }])
    bench.commit(turn("c"))
    bench.now = 2_000
    expect(bench.step({ type: "wake" })).toEqual([])
  })

  test("for the next generation is not held back by the last one's pace", () => {
    const bench = new Bench("d", OWNER_ONLY)
    bench.demand()
    bench.commit(result(2))

    expect(types(bench.demand())).toEqual(["send"])
  })

  test("without a leader asks whoever can be reached for a newer pair, and goes out when one is heard", () => {
    const bench = new Bench("b", LOGGED_IN, null)
    const message = { type: "ask", epoch: 1, generation: 1 }

    expect(bench.demand()).toEqual([
      { type: "send", to: "a", message },
      { type: "send", to: "c", message },
    ])
    expect(bench.demand()).toEqual([])
    expect(types(bench.step({ type: "leader", leader: "c" }))).toEqual(["propose"])
  })

  test("for a generation that is no longer the head is dropped", () => {
    const bench = new Bench("a", state(KEYS, LOGIN, result(2)))

    expect(bench.step({ type: "demand", epoch: 1, generation: 1, force: true })).toEqual([])
    expect(bench.agent.demanding).toBe(false)
  })

  test("for a pair that nobody here has seen, or where there is no login, is dropped", () => {
    for (const [epoch, generation] of [
      [2, 1],
      [1, 2],
    ] as const) {
      const bench = new Bench("a", LOGGED_IN)
      bench.step({ type: "demand", epoch, generation, force: true })
      expect(bench.agent.demanding).toBe(false)
    }
    const nobody = new Bench("a", { ...LOGGED_IN, pair: null })
    nobody.demand(true)
    expect(nobody.agent.demanding).toBe(false)
  })

  test("by a leader that may hold no turn is offered to a full member, and to nobody if there is none", () => {
    const message = { type: "offer", epoch: 1, generation: 1 }
    const none = { ...OWNER_ONLY, members: [member("d", "owner-only")] }

    expect(new Bench("d", OWNER_ONLY, "d").demand()).toEqual([{ type: "send", to: "a", message }])
    expect(new Bench("d", none, "d").demand()).toEqual([])
  })

  test("that a person insisted on stays so when another caller does not", () => {
    const told = { type: "misconfigured", cause: "invalid_client", atMs: 1 } as const
    const bench = new Bench("a", state(KEYS, LOGIN, turn(), report(3, told)))
    bench.demand(true)
    bench.step({ type: "settled", key: "take 1.1.-", result: "refused" })
    bench.demand()
    const again = bench.agent.nextWakeAt ?? 0

    expect(again).toBeGreaterThanOrEqual(50)
    expect(again).toBeLessThan(300)
    bench.now = again
    expect(types(bench.step({ type: "wake" }))).toEqual(["propose"])
    expect(bench.agent.nextWakeAt).toBeNull()
  })

  test("ends when the head moves", () => {
    const bench = new Bench("b", LOGGED_IN)
    bench.demand()

    bench.commit(result(2))

    expect(bench.agent.demanding).toBe(false)
  })

  test("against a dead grant does nothing", () => {
    expect(new Bench("a", state(KEYS, LOGIN, turn(), report(3, REJECTED))).demand()).toEqual([])
  })

  test("against a refused client does nothing unless a person insists", () => {
    const told = { type: "misconfigured", cause: "invalid_client", atMs: 1 } as const
    const bench = new Bench("a", state(KEYS, LOGIN, turn(), report(3, told)))

    expect(bench.demand()).toEqual([])
    expect(types(bench.demand(true))).toEqual(["propose"])
  })
})

describe("an offer", () => {
  const asked = (from: MemberId): AgentInput => ({
    type: "message",
    from,
    message: { type: "demand", epoch: 1, generation: 1 },
  })
  const offer = { type: "offer", epoch: 1, generation: 1 } as const

  test("goes to the member that asks, once per two seconds", () => {
    const bench = new Bench("a", LOGGED_IN)

    expect(bench.step(asked("c"))).toEqual([{ type: "send", to: "c", message: offer }])
    expect(bench.step(asked("b"))).toEqual([])
    bench.now = 2_000
    expect(bench.step(asked("b"))).toEqual([{ type: "send", to: "b", message: offer }])
  })

  test("for a member that may not spend goes to a full one", () => {
    const members = [member("a", "owner-only"), member("b", "owner-only"), member("c")]
    const start = fold(genesis("cluster", members), LOGIN, { index: 1, signed: true }).state
    const bench = new Bench("a", start)

    expect(bench.step(asked("b")).filter(({ type }) => type === "send")).toEqual([
      { type: "send", to: "c", message: offer },
    ])
  })

  test("is not made for a pair that is not the head", () => {
    const bench = new Bench("a", state(KEYS, LOGIN, result(2)))
    const message = { type: "demand", epoch: 1, generation: 1 } as const

    expect(bench.step({ type: "message", from: "b", message })).toEqual([])
    const other = { ...message, epoch: 2, generation: 2 }
    expect(bench.step({ type: "message", from: "b", message: other })).toEqual([])
  })

  test("holds its two seconds whatever else the log tells, and ends when a turn opens", () => {
    const bench = new Bench("a", LOGGED_IN)
    bench.step(asked("c"))
    bench.commit({ type: "remove", member: "c", holderIsGone: true })
    expect(bench.step(asked("b"))).toEqual([])

    bench.commit(turn("b"))
    bench.commit({ type: "remove", member: "b", holderIsGone: true })
    expect(types(bench.step(asked("b")))).toEqual(["send"])
  })

  test("to a member that may hold no turn, or for a pair that is not the head, comes to nothing", () => {
    const next = { ...offer, generation: 2 }

    expect(new Bench("d", OWNER_ONLY).step({ type: "message", from: "a", message: offer })).toEqual(
      [],
    )
    expect(new Bench("b", LOGGED_IN).step({ type: "message", from: "a", message: next })).toEqual(
      [],
    )
  })

  test("is not taken up while something holds the next attempt back", () => {
    const bench = new Bench("b", LOGGED_IN)
    bench.commit(turn("c"))
    const told = {
      type: "retry-later",
      cause: "http_429",
      notBeforeMs: WALL + 30_000,
      delayMs: 30_000,
    } as const
    bench.commit(report(bench.open, told, "c"))

    expect(bench.step({ type: "message", from: "a", message: offer })).toEqual([])
    bench.now = 30_000
    expect(types(bench.step({ type: "wake" }))).toEqual(["propose"])
  })

  test("is made by the leader alone", () => {
    expect(new Bench("b", LOGGED_IN).step(asked("c"))).toEqual([])
  })

  test("makes its receiver propose itself, and counts from the leader alone", () => {
    const bench = new Bench("b", LOGGED_IN)

    expect(bench.step({ type: "message", from: "c", message: offer })).toEqual([])
    expect(bench.step({ type: "message", from: "a", message: offer })).toEqual([
      { type: "propose", key: "take 1.1.-", entry: turn("b") },
    ])
  })

  test("is forgotten when a turn opens: it is not taken up again when that turn fails", () => {
    const bench = new Bench("b", LOGGED_IN)
    bench.step({ type: "message", from: "a", message: offer })
    bench.commit(turn("c"))

    expect(bench.commit(report(bench.open, UNSPENT, "c"))).toEqual([])
  })
})

describe("a pair found in the journal", () => {
  const kept = result(2, { by: "b" }) as ResultEntry

  test("is offered to the log before anything else", () => {
    const bench = new Bench("b", LOGGED_IN)

    expect(bench.step({ type: "kept", results: [kept] })).toEqual([
      { type: "propose", key: "kept 1.2", entry: kept },
    ])
  })

  test("keeps its member from spending the parent again", () => {
    const bench = new Bench("a", LOGGED_IN, null)
    bench.step({ type: "kept", results: [kept] })
    bench.demand(true)

    const effects = bench.step({ type: "leader", leader: "a" })

    expect(effects).toEqual([{ type: "propose", key: "kept 1.2", entry: kept }])
  })

  // Found by the model: a result that the log refused was proposed for ever, and a pair of a later login was dropped while
  // an older log was replayed.
  test("that the log refuses is not proposed again", () => {
    const named = state(KEYS, { type: "login", pair: pair(1, { subject: "ada" }) })
    const bench = new Bench("b", named)
    const foreign = result(2, { by: "b", subject: "eve" }) as ResultEntry
    bench.step({ type: "kept", results: [foreign] })

    bench.commit(foreign, true)
    bench.step({ type: "settled", key: "kept 1.2", result: "committed" })
    bench.now = 5_000

    expect(bench.step({ type: "wake" })).toEqual([])
  })

  test("of a later login waits while an older log is replayed", () => {
    const bench = new Bench("b", LOGGED_IN)
    const later = result(2, { by: "b", epoch: 2, lineage: "2.2", parent: "2.1" }) as ResultEntry
    bench.step({ type: "kept", results: [later] })
    bench.commit(result(2))

    const effects = bench.commit({ type: "login", pair: pair(1, { epoch: 2 }) })

    expect(effects).toEqual([{ type: "propose", key: "kept 2.2", entry: later }])
  })

  test("found twice is offered once", () => {
    const bench = new Bench("b", LOGGED_IN)
    bench.step({ type: "kept", results: [kept, { ...kept, signature: new Uint8Array(2) }] })
    bench.commit(kept)

    expect(bench.step({ type: "wake" })).toEqual([])
  })

  test("that the log has meanwhile is forgotten", () => {
    const bench = new Bench("b", LOGGED_IN, null)
    bench.step({ type: "kept", results: [kept] })
    bench.commit(result(2))

    expect(bench.step({ type: "leader", leader: "a" })).toEqual([])
  })
})

test("an entry that was committed without effect is proposed again after a second, not at once", () => {
  const bench = new Bench("a", LOGGED_IN)
  bench.demand()

  expect(bench.step({ type: "settled", key: "take 1.1.-", result: "committed" })).toEqual([])
  bench.now = 999
  expect(bench.step({ type: "wake" })).toEqual([])
  bench.now = 1_000
  expect(types(bench.step({ type: "wake" }))).toEqual(["propose"])
})

// Found by the model in 13 steps: a restored disk remembers a doubt that the log has ended, and sends into a living family.
test("an old doubt is not acted upon before this run has heard its cluster", () => {
  const strict: LogEntry = provider({ type: "confirm" })
  const bench = new Bench("b", state(KEYS, strict, LOGIN, turn("b"), report(4, DOUBT, "b")), null)
  bench.step({ type: "wake" })
  bench.step({ type: "outcome", turn: 4, entry: report(4, DOUBT, "b") as ReportEntry })
  bench.step({ type: "used" })
  bench.now = 60_000

  expect(bench.step({ type: "wake" })).toEqual([])
  expect(types(bench.step({ type: "leader", leader: "a" }))).toEqual([])
  expect(types(bench.step({ type: "caught-up" }))).toEqual(["carry"])
})

test("after a sleep an old doubt is not acted upon before the log was heard again", () => {
  const confirm: LogEntry = provider({ type: "confirm" })
  const bench = new Bench("b", state(KEYS, confirm, LOGIN, turn("b"), report(4, DOUBT, "b")))
  bench.step({ type: "caught-up" })
  bench.step({ type: "outcome", turn: 4, entry: report(4, DOUBT, "b") as ReportEntry })
  bench.now = 60_000

  expect(bench.step({ type: "resumed" })).toEqual([])
  expect(bench.step({ type: "used" })).toEqual([])
  expect(bench.step({ type: "wake" })).toEqual([])
  expect(types(bench.step({ type: "caught-up" }))).toEqual(["carry"])
})

describe("pauses", () => {
  test("after a failure the next attempt waits at most a second, then twice that", () => {
    const bench = new Bench("a", LOGGED_IN)
    bench.demand()
    bench.commit(turn("b"))
    bench.step({ type: "settled", key: "take 1.1.-", result: "committed" })
    bench.commit(report(bench.open, UNSPENT, "b"))

    const first = bench.agent.heldUntil({ now: 0, wall: WALL })

    expect(first).toBeGreaterThan(0)
    expect(first).toBeLessThanOrEqual(1_000)
    expect(bench.agent.nextWakeAt).toBe(first)
    bench.now = 1_000
    expect(types(bench.step({ type: "wake" }))).toEqual(["propose"])
  })

  test("the server's Retry-After holds every member, by the wall clock", () => {
    const bench = new Bench("a", LOGGED_IN)
    bench.commit(turn("b"))
    const told = {
      type: "retry-later",
      cause: "http_429",
      notBeforeMs: WALL + 30_000,
      delayMs: 30_000,
    } as const
    bench.commit(report(bench.open, told, "b"))

    expect(bench.demand()).toEqual([])
    expect(bench.agent.nextWakeAt).toBe(30_000)
    bench.now = 29_999
    expect(bench.step({ type: "wake" })).toEqual([])
    bench.now = 30_000
    expect(types(bench.step({ type: "wake" }))).toEqual(["propose"])
  })
})

describe("the schedule", () => {
  test("an account that nobody uses is not kept fresh", () => {
    const bench = new Bench("a", LOGGED_IN)
    bench.now = 10_000_000

    expect(bench.step({ type: "wake" })).toEqual([])
    expect(bench.agent.nextWakeAt).toBeNull()
  })

  test("a used one is refreshed between 60 and 75 percent of the token's life", () => {
    const bench = new Bench("a", LOGGED_IN)
    bench.step({ type: "used" })
    const { lifetimeMs } = pair(1)

    const at = bench.agent.nextWakeAt ?? 0

    expect(at / lifetimeMs).toBeGreaterThanOrEqual(0.6)
    expect(at / lifetimeMs).toBeLessThan(0.75)
    bench.now = at
    expect(types(bench.step({ type: "wake" }))).toEqual(["propose"])
  })

  test("does not insist against a refused client, nor take a person's insistence back", () => {
    const told = { type: "misconfigured", cause: "invalid_client", atMs: 1 } as const
    const refused = state(KEYS, LOGIN, turn(), report(3, told))
    const idle = new Bench("a", refused)
    idle.step({ type: "used" })
    idle.now = 450_000
    expect(idle.step({ type: "wake" })).toEqual([])

    const insisted = new Bench("a", refused, null)
    insisted.demand(true)
    insisted.step({ type: "used" })
    insisted.now = 450_000
    insisted.step({ type: "wake" })
    expect(types(insisted.step({ type: "leader", leader: "a" }))).toEqual(["propose"])
  })

  test("use counts for one generation: after a refresh somebody must use the account again", () => {
    const bench = new Bench("a", LOGGED_IN)
    bench.step({ type: "used" })
    bench.commit(result(2))

    expect(bench.agent.nextWakeAt).toBeNull()
  })
})

describe("keys", () => {
  test("are made by the leader when there are none, and by nobody else", () => {
    const empty = genesis("cluster", MEMBERS)

    const follower = new Bench("b", empty, null)
    expect(follower.step({ type: "leader", leader: "a" })).toEqual([])
    const leader = new Bench("a", empty, null)
    expect(leader.step({ type: "leader", leader: "a" })).toEqual([{ type: "make-keys" }])
    expect(leader.step({ type: "wake" })).toEqual([])
    leader.step({ type: "settled", key: "keys", result: "committed" })
    leader.now = 1_000
    expect(leader.step({ type: "wake" })).toEqual([{ type: "make-keys" }])
    leader.commit(KEYS)
    leader.step({ type: "settled", key: "keys", result: "committed" })
    leader.now = 2_000
    expect(leader.step({ type: "wake" })).toEqual([])
  })
})
