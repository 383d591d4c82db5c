import { describe, expect, test } from "vitest"

import { genesis } from "../../../src/core/refresh/fold.ts"
import type { LogEntry, ReportEntry, ResultEntry } from "../../../src/core/refresh/types.ts"
import {
  alone,
  ASKED,
  Bench,
  got,
  KEYS,
  LOGGED_IN,
  mine,
  MULTI,
  spend,
  STRICT,
  types,
  WALL,
  without,
} from "./bench.ts"
import {
  DOUBT,
  doubtful,
  LOGIN,
  MEMBERS,
  provider,
  REJECTED,
  report,
  result,
  state,
  turn,
  UNSPENT,
} from "./fixtures.ts"

describe("a turn of our own", () => {
  test("that this run proposed is carried, once", () => {
    const bench = new Bench("b", LOGGED_IN)

    expect(types(bench.commit(turn("b"), true))).toEqual(["carry"])
    expect(bench.step({ type: "wake" })).toEqual([])
  })

  test("that an earlier run proposed is judged, never carried", () => {
    const applied = new Bench("b", LOGGED_IN)
    const restored = new Bench("b", genesis("cluster", MEMBERS))
    const opened = new Bench("b", state(KEYS, LOGIN, turn("b")), null)

    expect(types(applied.commit(turn("b"), false))).toEqual(["judge"])
    expect(
      types(restored.step({ type: "restored", state: state(KEYS, LOGIN, turn("b")) })),
    ).toEqual(["judge"])
    expect(types(opened.step({ type: "wake" }))).toEqual(["judge"])
  })

  test("of somebody else is left alone", () => {
    expect(new Bench("b", LOGGED_IN).commit(turn("c"))).toEqual([])
  })

  // Its courier may still carry it: under `reject` the second turn would use up the one resend.
  test("is replaced by ourselves when it is in doubt, and not because it is silent", () => {
    const bench = new Bench("b", MULTI)
    bench.commit(turn("b"), true)
    bench.demand()
    bench.now = 100_000

    expect(bench.step({ type: "wake" })).toEqual([])
    expect(bench.agent.nextWakeAt).toBeNull()
    bench.commit(report(bench.open, { ...DOUBT, atMs: WALL + bench.now }, "b"))
    bench.now += 1_000
    expect(bench.step({ type: "wake" })).toMatchObject([
      { type: "propose", entry: { holder: "b", replaces: bench.open } },
    ])
  })

  test("whose courier still works is asked about again after a moment", () => {
    const bench = new Bench("b", LOGGED_IN)
    bench.commit(turn("b"), false)

    expect(bench.step({ type: "busy", turn: bench.open })).toEqual([])
    expect(bench.agent.nextWakeAt).toBe(250)
    bench.now = 250
    expect(types(bench.step({ type: "wake" }))).toEqual(["judge"])
  })

  test("is reported with what came of it, again after a refusal of the proposal", () => {
    const bench = new Bench("b", LOGGED_IN)
    bench.commit(turn("b"), true)
    const entry = result(2, { by: "b" }) as ResultEntry
    const key = "kept 1.2"

    expect(bench.step({ type: "outcome", turn: bench.open, entry })).toEqual([
      { type: "propose", key, entry },
    ])
    expect(bench.step({ type: "settled", key, result: "refused" })).toEqual([])
    bench.now = 300
    expect(bench.step({ type: "wake" })).toEqual([{ type: "propose", key, entry }])
    expect(bench.commit(entry)).toEqual([])
  })

  test("in doubt is reported once and then left to its record", () => {
    const bench = new Bench("b", LOGGED_IN)
    bench.commit(turn("b"), true)
    const entry = report(bench.open, DOUBT, "b") as
      | ResultEntry
      | Extract<LogEntry, { type: "report" }>

    expect(types(bench.step({ type: "outcome", turn: bench.open, entry }))).toEqual(["propose"])
    bench.commit(entry)
    bench.step({ type: "settled", key: `turn ${bench.open}`, result: "committed" })
    expect(bench.step({ type: "wake" })).toEqual([])
    expect(bench.demand(true)).toEqual([])
  })

  test("that ended before its pair came does not cost the pair", () => {
    const bench = new Bench("b", LOGGED_IN)
    bench.commit(turn("b"), true)
    const number = bench.open
    bench.commit({ type: "remove", member: "c", holderIsGone: true })
    bench.commit(report(number, UNSPENT, "b"))

    const entry = result(2, { by: "b" }) as ResultEntry

    expect(bench.step({ type: "outcome", turn: number, entry }).map(({ type }) => type)).toEqual([
      "propose",
    ])
  })
})

describe("a turn of our own that was not sent", () => {
  const unsent = (policy: Parameters<typeof provider>[0], fallback: "proof" | "never"): Bench => {
    const bench = new Bench("b", state(KEYS, provider(policy), LOGIN), "a", { fallback })
    bench.step({ type: "caught-up" })
    bench.demand()
    bench.commit(turn("b"), true)
    bench.step({ type: "leader", leader: null })
    const own = { ...doubtful(), number: bench.open, holder: "b", doubt: null }
    bench.step({ type: "unsent", turn: own, cause: "ECONNREFUSED" })
    bench.now = 1_000
    return bench
  }

  test.each(["strict", "idempotent", "confirm"] as const)(
    "is carried again without a leader under %s, where nobody else can take it over now",
    (type) => {
      expect(without(unsent({ type }, "proof").step({ type: "wake" }), "send")).toMatchObject([
        { type: "carry", consent: false },
      ])
    },
  )

  test.each(["multi-use", "reject"] as const)("is judged under %s", (type) => {
    const bench = new Bench("b", state(KEYS, provider({ type }), LOGIN, turn("b")))
    bench.step({ type: "caught-up" })
    bench.step({ type: "leader", leader: null })
    const own = { ...doubtful(), number: 4, holder: "b", doubt: null }

    expect(types(bench.step({ type: "unsent", turn: own, cause: "x" }))).toEqual(["judge"])
  })

  test("is judged where the provider is unknown", () => {
    const bench = new Bench("b", state(KEYS, LOGIN, turn("b")))
    bench.step({ type: "caught-up" })
    bench.step({ type: "leader", leader: null })
    const own = { ...doubtful(), number: 3, holder: "b", doubt: null }

    expect(types(bench.step({ type: "unsent", turn: own, cause: "x" }))).toEqual(["judge"])
  })

  test("is reported under its number", () => {
    const bench = unsent({ type: "strict" }, "proof")
    bench.step({ type: "leader", leader: "c" })
    const entry = report(bench.open, UNSPENT, "b") as ReportEntry

    expect(bench.step({ type: "outcome", turn: bench.open, entry })).toEqual([
      { type: "propose", key: `turn ${bench.open}`, entry },
    ])
  })

  test("is judged once a leader is heard", () => {
    const bench = unsent({ type: "strict" }, "proof")

    expect(bench.step({ type: "leader", leader: "c" })).toMatchObject([
      { type: "judge", cause: "ECONNREFUSED" },
    ])
  })

  test("is not carried again where the application forbade it", () => {
    expect(
      types(without(unsent({ type: "strict" }, "never").step({ type: "wake" }), "send")),
    ).toEqual([])
  })
})

describe("a person's consent", () => {
  test("spends here once when no leader is heard, under any policy", () => {
    const bench = alone(STRICT)

    expect(bench.step({ type: "consent" })).toEqual([...ASKED, spend(1, true)])
    bench.step(got(1))
    bench.now = 600_000
    expect(types(without(bench.step({ type: "wake" }), "send"))).toEqual([])
  })

  test("replaces another's open turn, whatever the policy", () => {
    const bench = new Bench("b", state(KEYS, provider({ type: "strict" }), LOGIN, turn("c")))

    expect(bench.step({ type: "consent" })).toEqual([
      { type: "propose", key: "take 1.1.4!", entry: turn("b", 1, 4, true) },
    ])
    expect(bench.commit(turn("b", 1, 4, true), true)).toMatchObject([
      { type: "carry", consent: true },
    ])
  })

  // The turn went out at once, and once more when its answer was lost: the second send nobody had accepted.
  test("is for one send: the turn that it brought is not sent again when it is in doubt", () => {
    for (const consent of [true, false]) {
      const bench = new Bench("b", STRICT)
      bench.step({ type: "consent" })
      bench.commit(turn("b", 1, null, consent), true)
      const told = report(bench.open, DOUBT, "b") as ReportEntry
      bench.step({ type: "outcome", turn: bench.open, entry: told })

      expect(bench.commit(told)).toEqual([])
      bench.now = 400_000
      expect(bench.step({ type: "wake" })).toEqual([])
    }
  })

  test("does not spend a token again whose successor is in the journal, nor a refused one", () => {
    const bench = new Bench("b", state(KEYS, provider({ type: "strict" }), LOGIN, turn("c")))
    bench.step({ type: "kept", results: [mine(2)] })
    const refused = { cause: "invalid_grant", atMs: 1, suspects: ["c"] }

    expect(bench.step({ type: "consent" })).toEqual([])
    expect(new Bench("b", { ...STRICT, refused }).step({ type: "consent" })).toEqual([])
  })

  test("takes a turn although a wait of the log is not over", () => {
    const told = {
      type: "retry-later",
      cause: "http_429",
      notBeforeMs: WALL + 90_000,
      delayMs: 90_000,
    } as const
    const bench = new Bench("b", state(KEYS, LOGIN, turn("c"), report(3, told, "c")))

    expect(bench.demand()).toEqual([])
    expect(bench.step({ type: "consent" })).toEqual([
      {
        type: "propose",
        key: "take 1.1.-!",
        entry: turn("b", 1, null, true, told.notBeforeMs),
      },
    ])
  })

  test("uses our own turn in doubt again, at once", () => {
    const bench = new Bench("b", STRICT)
    bench.commit(turn("b"), true)
    bench.commit(report(bench.open, DOUBT, "b"))
    const entry = report(bench.open, DOUBT, "b") as ReportEntry
    bench.step({ type: "outcome", turn: bench.open, entry })

    expect(bench.step({ type: "consent" })).toMatchObject([{ type: "carry", consent: true }])
    expect(bench.step({ type: "consent" })).toEqual([])
  })

  test("ends with the head that it was about", () => {
    const bench = new Bench("b", STRICT)
    bench.step({ type: "consent" })
    bench.commit(result(2))

    expect(bench.demand()).toEqual([{ type: "propose", key: "take 1.2.-", entry: turn("b", 2) }])
  })

  test("is of no use for a dead grant, at a member that may hold no turn, or without a login", () => {
    const dead = state(KEYS, LOGIN, turn(), report(3, REJECTED))

    expect(new Bench("b", dead).step({ type: "consent" })).toEqual([])
    expect(new Bench("d", STRICT).step({ type: "consent" })).toEqual([])
    expect(new Bench("b", { ...STRICT, pair: null }).step({ type: "consent" })).toEqual([])
  })
})

describe("a refused head", () => {
  const refused = { ...MULTI, refused: { cause: "invalid_grant", atMs: 1, suspects: ["b"] } }
  const vouch = { type: "vouch", member: "b", epoch: 1, generation: 1 } as const

  test("is vouched for by a suspect, once it has caught up", () => {
    const bench = new Bench("b", refused)

    expect(bench.step({ type: "wake" })).toEqual([])
    expect(bench.step({ type: "caught-up" })).toEqual([
      { type: "vouch", key: "vouch 1.1", entry: vouch },
    ])
    expect(bench.step({ type: "wake" })).toEqual([])
    bench.step({ type: "settled", key: "vouch 1.1", result: "refused" })
    bench.now = 300
    expect(types(bench.step({ type: "wake" }))).toEqual(["vouch"])
  })

  test("is not vouched for by a suspect that holds its successor: that one is offered", () => {
    const bench = new Bench("b", refused)
    bench.step({ type: "kept", results: [mine(2)] })
    bench.step({ type: "settled", key: "kept 1.2", result: "refused" })

    expect(bench.step({ type: "caught-up" })).toEqual([])
  })

  test("is not vouched for by whoever is no suspect, has no leader, or sees nothing refused", () => {
    for (const [self, of, leader] of [
      ["c", refused, "a"],
      ["b", refused, null],
      ["b", MULTI, "a"],
    ] as const) {
      expect(new Bench(self, of, leader).step({ type: "caught-up" })).toEqual([])
    }
  })
})
