import { describe, expect, test } from "vitest"

import type { AgentInput } from "../../../src/core/refresh/agent-types.ts"
import type { MemberId, PeerMessage, ResultEntry } from "../../../src/core/refresh/types.ts"
import {
  alone,
  ASK,
  ASKED,
  Bench,
  got,
  KEYS,
  LOGGED_IN,
  mine,
  MULTI,
  OWNER_ONLY,
  spend,
  STRICT,
  types,
  WALL,
  without,
} from "./bench.ts"
import {
  LOGIN,
  pair,
  provider,
  REJECTED,
  report,
  result,
  state,
  turn,
  UNSPENT,
} from "./fixtures.ts"

const from = (peer: MemberId, message: PeerMessage): AgentInput => ({
  type: "message",
  from: peer,
  message,
})

describe("a member that hears no leader and needs a pair", () => {
  test("asks its peers and spends alone when the token is about to end, under multi-use", () => {
    const bench = new Bench("b", MULTI, null)

    expect(bench.demand()).toEqual(ASKED)
    expect(bench.agent.nextWakeAt).toBeLessThanOrEqual(1_500)
    bench.now = 540_000
    expect(bench.step({ type: "wake" })).toEqual([...ASKED, spend(1)])
    expect(bench.step({ type: "wake" })).toEqual([])
  })

  test("spends at once when it is alone and somebody insists", () => {
    expect(alone().demand(true)).toEqual([...ASKED, spend(1)])
  })

  test("spends nothing where nobody needs one, and asks nobody", () => {
    expect(alone().step({ type: "wake" })).toEqual([])
  })

  test.each([
    ["dead", state(KEYS, provider({ type: "multi-use" }), LOGIN, turn(), report(4, REJECTED))],
    ["refused", { ...MULTI, refused: { cause: "invalid_grant", atMs: 1, suspects: ["c"] } }],
    ["without a login", { ...MULTI, pair: null }],
  ])("does nothing while the head is %s", (_, of) => {
    const bench = alone(of)

    expect(bench.demand(true)).toEqual([])
    expect(bench.step({ type: "consent" })).toEqual([])
  })

  test("is alone four seconds after a leader was lost, however often it is told that there is none", () => {
    const bench = new Bench("b", MULTI, "a")
    bench.step({ type: "kept", results: [mine(2)] })
    bench.now = 10_000
    bench.step({ type: "leader", leader: null })
    expect(bench.agent.nextWakeAt).toBe(14_000)
    bench.now = 13_000
    bench.step({ type: "leader", leader: null })
    expect(bench.agent.nextWakeAt).toBe(14_000)

    bench.now = 14_000
    bench.step({ type: "wake" })
    expect(bench.agent.ahead?.generation).toBe(2)
  })

  test("is not alone after a sleep in which it kept its leader", () => {
    const bench = new Bench("b", MULTI, "a")
    bench.step({ type: "kept", results: [mine(2)] })
    bench.step({ type: "resumed" })
    bench.now = 4_000
    bench.step({ type: "wake" })

    expect(bench.agent.ahead).toBeNull()
  })

  test("arms no timer where nobody needs one", () => {
    const bench = new Bench("b", MULTI, null)
    bench.step({ type: "wake" })

    expect(bench.agent.nextWakeAt).toBeNull()
  })

  test("sends no demand, since nobody leads", () => {
    expect(new Bench("d", OWNER_ONLY, null).demand()).toEqual(
      ["a", "b", "c"].map((to) => ({ type: "send", to, message: ASK })),
    )
  })

  test("spends again after the server refused the client when somebody insists", () => {
    const bench = alone()
    bench.demand(true)
    const end = { type: "misconfigured", cause: "invalid_client" } as const
    bench.step({ type: "alone", lineage: "1.1", end, result: null })
    bench.now = 100_000

    expect(without(bench.demand(), "send")).toEqual([])
    expect(without(bench.demand(true), "send")).toEqual([spend(1)])
  })

  test("does not spend what its journal says was refused", () => {
    const bench = alone()
    bench.step({ type: "refused", lineage: "1.1", cause: "invalid_grant" })

    expect(bench.demand(true)).toEqual(ASKED)
  })

  test("does not spend under strict, nor where the provider is unknown", () => {
    expect(alone(STRICT).demand(true)).toEqual(ASKED)
    expect(alone(LOGGED_IN).demand(true)).toEqual(ASKED)
  })

  test("spends under strict once when the application accepted it in advance, and never when it forbade it", () => {
    const eager = alone(STRICT, { fallback: "eager" })

    expect(eager.demand(true)).toEqual([...ASKED, spend(1, true)])
    expect(alone(MULTI, { fallback: "never" }).demand(true)).toEqual(ASKED)
  })

  test("asks again at once after a sleep", () => {
    const bench = alone(STRICT)
    bench.demand(true)

    expect(bench.step({ type: "resumed" })).toEqual(ASKED)
  })

  test("asks nobody while a leader is heard, also after a sleep", () => {
    const bench = new Bench("b", STRICT, "a")
    bench.demand()

    expect(bench.step({ type: "resumed" })).toEqual([])
  })

  test("tells why its last attempt brought nothing, and when the next one may begin", () => {
    const bench = alone()
    bench.demand(true)
    bench.step(got(1))
    const at = { now: 4_000, wall: WALL + 4_000 }

    expect(bench.agent.trouble).toBe("TIMEOUT")
    const heldMs = bench.agent.heldUntil(at) ?? 0
    expect(heldMs).toBeGreaterThan(4_000)
    expect(heldMs).toBeLessThanOrEqual(5_000)
    bench.step({ type: "leader", leader: "a" })
    expect(bench.agent.trouble).toBeNull()
    expect(bench.agent.heldUntil(at)).toBeNull()
  })

  test("is held by whichever lasts longer, the log's Retry-After or its own", () => {
    const bench = alone({
      ...MULTI,
      retry: { notBeforeMs: WALL + 9_000, delayMs: 9_000, cause: "http_429" },
    })
    const at = { now: 4_000, wall: WALL + 4_000 }
    const held = (notBeforeMs: number): number | null => {
      const end = { type: "retry-later", cause: "http_429", notBeforeMs, delayMs: 60_000 } as const
      bench.step({ type: "alone", lineage: "1.1", end, result: null })
      return bench.agent.heldUntil(at)
    }

    expect(bench.agent.heldUntil(at)).toBe(9_000)
    expect(held(WALL + 8_000)).toBe(9_000)
    expect(held(WALL + 20_000)).toBe(20_000)
  })
})

describe("a pair that came without the log", () => {
  test("is used at once by whoever is alone, and serves the demand", () => {
    const bench = alone()
    bench.demand(true)

    expect(bench.step(got(1, mine(2)))).toEqual([])
    expect(bench.agent.ahead?.generation).toBe(2)
    expect(bench.agent.demanding).toBe(false)
    // The next one is spent from there; whom it reaches it has asked just now.
    expect(bench.step({ type: "demand", epoch: 1, generation: 2, force: true })).toEqual([spend(2)])
  })

  test("is offered to the log link by link when a leader is heard, and stays in use until the log has it", () => {
    const bench = alone()
    bench.step({ type: "kept", results: [mine(2), mine(3)] })

    expect(bench.step({ type: "leader", leader: "a" })).toEqual([
      { type: "propose", key: "kept 1.2", entry: mine(2) },
    ])
    expect(bench.agent.ahead?.generation).toBe(3)
    expect(bench.commit(mine(2))).toEqual([{ type: "propose", key: "kept 1.3", entry: mine(3) }])
    expect(bench.agent.ahead?.generation).toBe(3)
    bench.commit(mine(3))
    expect(bench.agent.ahead).toBeNull()
  })

  test("in use is not asked a turn for before the log has it", () => {
    const bench = alone()
    bench.step({ type: "kept", results: [mine(2)] })
    bench.step({ type: "demand", epoch: 1, generation: 2, force: true })

    expect(bench.step({ type: "leader", leader: "a" })).toEqual([
      { type: "propose", key: "kept 1.2", entry: mine(2) },
    ])
    expect(bench.commit(mine(2))).toEqual([
      { type: "propose", key: "take 1.2.-", entry: { ...turn("b", 2), atMs: WALL + bench.now } },
    ])
  })

  test("stays although the log ignores another entry", () => {
    const bench = new Bench("b", MULTI)
    bench.step({ type: "kept", results: [mine(2)] })
    bench.commit(turn("b", 7))
    bench.step({ type: "settled", key: "kept 1.2", result: "refused" })
    bench.now = 300

    expect(types(bench.step({ type: "wake" }))).toEqual(["propose"])
  })

  test("is given up when the log went another way, and the demand moves back to the head", () => {
    const bench = alone()
    bench.step({ type: "kept", results: [mine(2), mine(3)] })
    bench.step({ type: "demand", epoch: 1, generation: 3, force: false })
    bench.step({ type: "leader", leader: "a" })

    expect(bench.commit(result(2, { lineage: "other", by: "c" }))).toEqual([
      { type: "propose", key: "take 1.2.-", entry: { ...turn("b", 2), atMs: WALL + bench.now } },
    ])
    expect(bench.agent.ahead).toBeNull()
  })

  test("before it is used waits until its member is alone", () => {
    const bench = new Bench("b", MULTI, null)
    bench.step({ type: "kept", results: [mine(2)] })

    expect(bench.agent.ahead).toBeNull()
    expect(bench.agent.nextWakeAt).toBe(4_000)
    bench.now = 4_000
    bench.step({ type: "wake" })
    expect(bench.agent.ahead?.generation).toBe(2)
  })

  test("is what the schedule counts from", () => {
    const bench = alone()
    bench.step({ type: "used" })
    const late = mine(2)
    const issuedAtMs = WALL + 300_000
    bench.step({ type: "kept", results: [{ ...late, pair: { ...late.pair, issuedAtMs } }] })

    expect(bench.agent.nextWakeAt).toBeGreaterThanOrEqual(300_000 + 360_000)
    expect(bench.agent.nextWakeAt).toBeLessThan(300_000 + 450_000)
  })
})

describe("between members without a leader", () => {
  const show: PeerMessage = { type: "show", result: result(2) as ResultEntry }

  test("whoever has a newer pair shows it, and whoever has not says nothing", () => {
    const newer = new Bench("a", state(KEYS, LOGIN, result(2)), null)

    expect(newer.step(from("b", ASK))).toEqual([{ type: "send", to: "b", message: show }])
    expect(new Bench("a", LOGGED_IN, null).step(from("b", ASK))).toEqual([])
  })

  test("a shown pair serves the demand", () => {
    const bench = alone(STRICT)
    bench.demand(true)

    expect(bench.step(from("a", show))).toEqual([])
    expect(bench.agent.ahead?.generation).toBe(2)
    expect(bench.agent.demanding).toBe(false)
  })

  test("a shown pair is left alone by whoever hears a leader", () => {
    const bench = new Bench("b", STRICT, "c")
    bench.step(from("a", show))
    bench.step({ type: "leader", leader: null })
    bench.now = 4_000
    bench.step({ type: "wake" })

    expect(bench.agent.ahead).toBeNull()
  })

  // It stayed the newest, and its token went out again and again.
  test("the pair that came of a shown one is used, and the shown one is not spent twice", () => {
    const bench = alone()
    bench.step(from("a", show))
    bench.step({ type: "demand", epoch: 1, generation: 2, force: true })

    expect(types(bench.step(got(2, mine(3))))).toEqual([])
    expect(bench.agent.ahead?.generation).toBe(3)
    expect(bench.agent.demanding).toBe(false)
  })
})

test("a turn of another is asked about again when it may be replaced", () => {
  const bench = new Bench("b", MULTI)
  bench.commit(turn("c"))
  bench.demand()

  expect(bench.agent.nextWakeAt).toBe(15_000)
  bench.now = 15_000
  expect(bench.step({ type: "wake" })).toMatchObject([
    { type: "propose", entry: { holder: "b", replaces: bench.open, consent: false } },
  ])
})

test("a snapshot is heard of when it comes: what it says of old turns and demands is not older", () => {
  const bench = new Bench("b", MULTI)
  bench.demand()
  bench.now = 60_000
  bench.step({
    type: "restored",
    state: state(KEYS, provider({ type: "multi-use" }), LOGIN, turn("c")),
  })

  expect(bench.agent.demanding).toBe(true)
  expect(bench.agent.nextWakeAt).toBe(75_000)
  bench.step({ type: "restored", state: { ...MULTI, epoch: 2, pair: pair(1, { epoch: 2 }) } })
  expect(bench.agent.demanding).toBe(false)
})

test("a failure of ours holds the next attempt and keeps the demand", () => {
  const bench = new Bench("b", MULTI)
  bench.demand()
  bench.commit(turn("c"))
  bench.commit(report(bench.open, UNSPENT, "c"))

  expect(bench.agent.demanding).toBe(true)
  expect(bench.agent.heldUntil({ now: 0, wall: WALL })).toBeGreaterThan(0)
})
