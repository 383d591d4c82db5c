import { describe, expect, test } from "vitest"

import { fold, genesis, KEY_SETS_MAX, REMOVED_MAX } from "../../../src/core/refresh/fold.ts"
import type { LogEntry } from "../../../src/core/refresh/types.ts"
import {
  DOUBT,
  LOGIN,
  member,
  MEMBERS,
  pair,
  provider,
  refusal,
  REJECTED,
  report,
  result,
  state,
  turn,
  UNSPENT,
} from "./fixtures.ts"

const STRICT = provider({ type: "strict" })

describe("login and logout", () => {
  test("a login names the epoch that it replaces, and becomes generation 1", () => {
    const after = state(LOGIN)

    expect(after).toMatchObject({ epoch: 1, pair: { generation: 1 }, turn: null, dead: null })
  })

  test("of two logins at once the second is a no-op", () => {
    expect(refusal(state(LOGIN), { type: "login", pair: pair(1, { lineage: "other" }) })).toBe(
      "wrong-epoch",
    )
  })

  test.each<[string, LogEntry, string]>([
    [
      "an epoch that is not the next",
      { type: "login", pair: pair(1, { epoch: 3 }) },
      "wrong-epoch",
    ],
    [
      "a generation above 1",
      { type: "login", pair: pair(2, { parent: null }) },
      "wrong-generation",
    ],
    ["a parent", { type: "login", pair: pair(1, { parent: "x" }) }, "wrong-parent"],
    ["a stranger", { type: "login", pair: pair(1, { by: "z" }) }, "not-a-member"],
  ])("a login with %s is refused", (_, entry, why) => {
    expect(refusal(genesis("cluster", MEMBERS), entry)).toBe(why)
  })

  test("a login clears what was latched about the old grant", () => {
    const dead = state(LOGIN, turn(), report(2, REJECTED))

    const { state: after } = fold(
      dead,
      { type: "login", pair: pair(1, { epoch: 2 }) },
      { index: 9, signed: true },
    )

    expect(dead.dead).not.toBeNull()
    expect(after).toMatchObject({ epoch: 2, dead: null, turn: null, failures: 0, retry: null })
  })

  test("a logout ends the epoch: no pair, no turn, and a later result of it is refused", () => {
    const after = state(LOGIN, turn(), { type: "logout", epoch: 1 })

    expect(after).toMatchObject({ epoch: 2, pair: null, turn: null })
    expect(refusal(after, result(2))).toBe("no-pair")
    expect(refusal(after, turn())).toBe("no-pair")
  })

  test("a logout that names another epoch, or finds nobody logged in, is refused", () => {
    expect(refusal(state(LOGIN), { type: "logout", epoch: 2 })).toBe("wrong-epoch")
    expect(refusal(genesis("cluster", MEMBERS), { type: "logout", epoch: 0 })).toBe("no-pair")
  })

  test("a result of an epoch that a new login ended is refused", () => {
    const after = state(LOGIN, turn(), { type: "login", pair: pair(1, { epoch: 2 }) })

    expect(refusal(after, result(2))).toBe("wrong-epoch")
  })
})

describe("turns", () => {
  test("a turn is named by the index of its entry", () => {
    const after = state(STRICT, LOGIN, turn("b"))

    expect(after.turn).toEqual({
      number: 3,
      epoch: 1,
      generation: 1,
      holder: "b",
      proposal: "",
      replaces: null,
      doubt: null,
    })
  })

  test("while a turn is open no other opens, whoever asks", () => {
    const open = state(STRICT, LOGIN, turn("b"))

    expect(refusal(open, turn("a"))).toBe("turn-open")
    expect(refusal(open, turn("b"))).toBe("turn-open")
  })

  test.each<[string, LogEntry, string]>([
    ["of another epoch", { ...turn(), epoch: 2 } as LogEntry, "wrong-epoch"],
    ["of a generation that is not the head", turn("a", 2), "wrong-generation"],
    ["by a stranger", turn("z"), "not-a-full-member"],
    ["that replaces one which is not open", turn("a", 1, 7), "not-this-turn"],
  ])("a turn %s is refused", (_, entry, why) => {
    expect(refusal(state(STRICT, LOGIN), entry)).toBe(why)
  })

  test.each(["owner-only", "witness"] as const)(
    "a member that is %s holds no turn",
    (capability) => {
      const members = [...MEMBERS, member("d", capability)]
      const before = fold(genesis("cluster", members), LOGIN, { index: 1, signed: true }).state

      expect(refusal(before, turn("d"))).toBe("not-a-full-member")
    },
  )

  test.each(["strict", "confirm"] as const)("under %s no open turn is taken over", (type) => {
    expect(refusal(state(provider({ type }), LOGIN, turn("a")), turn("b", 1, 3))).toBe(
      "not-allowed",
    )
  })

  test("under grace no open turn is taken over: the first request may still arrive", () => {
    const policy = provider({ type: "grace", windowSeconds: 30, answers: "same" })

    expect(refusal(state(policy, LOGIN, turn("a")), turn("b", 1, 3))).toBe("not-allowed")
  })

  test("without known provider settings no open turn is taken over", () => {
    expect(refusal(state(LOGIN, turn("a")), turn("b", 1, 2))).toBe("not-allowed")
  })

  test.each(["reject", "multi-use", "idempotent"] as const)(
    "under %s an open turn is replaced by one that names it, and its holder is remembered",
    (type) => {
      const after = state(provider({ type }), LOGIN, turn("a"), turn("b", 1, 3))

      expect(after).toMatchObject({
        turn: { number: 4, holder: "b", replaces: 3 },
        spenders: ["a"],
      })
    },
  )

  test("a takeover that names another turn than the open one is refused", () => {
    const before = state(provider({ type: "reject" }), LOGIN, turn("a"))

    expect(refusal(before, turn("b", 1, 2))).toBe("turn-open")
  })

  test("after a dead grant no turn opens", () => {
    expect(refusal(state(LOGIN, turn(), report(2, REJECTED)), turn())).toBe("dead")
  })

  test("a new turn clears the wait and the misconfiguration that kept it away", () => {
    const waiting = state(
      LOGIN,
      turn(),
      report(2, { type: "retry-later", cause: "http_429", notBeforeMs: 9, delayMs: 9 }),
      turn("a", 1, null, false, 9),
    )
    const fixed = state(
      LOGIN,
      turn(),
      report(2, { type: "misconfigured", cause: "invalid_client", atMs: 9 }),
      turn(),
    )

    expect(waiting).toMatchObject({ retry: null, turn: { number: 4 } })
    expect(fixed.misconfigured).toBeNull()
  })
})

describe("results", () => {
  test("a result by parent becomes the head, ends the turn and clears every failure", () => {
    const before = state(STRICT, LOGIN, turn(), report(3, UNSPENT), turn(), report(5, DOUBT))

    const { state: after, verdict } = fold(before, result(2), { index: 9, signed: true })

    expect(verdict).toEqual({ type: "applied" })
    expect(after).toMatchObject({ pair: { generation: 2 }, turn: null, failures: 0, retry: null })
  })

  test("a result without an open turn is accepted: a pair that was received is not thrown away", () => {
    expect(refusal(state(LOGIN), result(2))).toBeNull()
  })

  test("a late result clears a latched relogin of its epoch", () => {
    const dead = state(LOGIN, turn(), report(2, REJECTED))

    expect(fold(dead, result(2), { index: 9, signed: true }).state.dead).toBeNull()
  })

  test.each<[string, LogEntry, string]>([
    ["of another parent", result(2, { parent: "other" }), "wrong-parent"],
    ["of the generation that is the head", result(1, { parent: "1.1" }), "wrong-generation"],
    ["that skips a generation", result(3, { parent: "1.1" }), "wrong-generation"],
    ["of another epoch", result(2, { epoch: 2, parent: "1.1" }), "wrong-epoch"],
    ["of a stranger", result(2, { by: "z" }), "not-a-member"],
  ])("a result %s is refused", (_, entry, why) => {
    expect(refusal(state(LOGIN), entry)).toBe(why)
  })

  test("a result without its holder's signature is refused", () => {
    expect(refusal(state(LOGIN), result(2), { signed: false })).toBe("bad-signature")
  })

  test("the second copy of a result is a no-op", () => {
    expect(refusal(state(LOGIN, result(2)), result(2))).toBe("wrong-generation")
  })

  test("a pair of another account is refused, and so is one that forgets the account", () => {
    const named: LogEntry = { type: "login", pair: pair(1, { subject: "ada" }) }

    expect(refusal(state(named), result(2, { subject: "eve" }))).toBe("wrong-identity")
    expect(refusal(state(named), result(2))).toBe("wrong-identity")
    expect(refusal(state(named), result(2, { subject: "ada" }))).toBeNull()
    expect(state(LOGIN, result(2, { subject: "ada" })).pair?.subject).toBe("ada")
  })

  test("a removed member may still hand in a pair that fits", () => {
    const after = state(LOGIN, turn("b"), { type: "remove", member: "b", holderIsGone: true })

    expect(refusal(after, result(2, { by: "b" }))).toBeNull()
  })
})

describe("reports", () => {
  test("unspent ends the turn and counts as a failure", () => {
    expect(state(LOGIN, turn(), report(2, UNSPENT))).toMatchObject({ turn: null, failures: 1 })
  })

  test("a turn that was asked for before the server was known to be busy is refused", () => {
    const told = { type: "retry-later", cause: "http_429", notBeforeMs: 77, delayMs: 7 } as const
    const busy = [LOGIN, turn(), report(2, told)]

    expect(refusal(state(...busy), turn("c"))).toBe("too-early")
    expect(refusal(state(...busy), turn("c", 1, null, false, 76))).toBe("too-early")
    expect(state(...busy, turn("c", 1, null, false, 77)).turn?.holder).toBe("c")
    expect(state(...busy, turn("c", 1, null, true)).turn?.holder).toBe("c")
  })

  test("retry-later gives the whole cluster one time", () => {
    const told = { type: "retry-later", cause: "http_429", notBeforeMs: 77, delayMs: 7 } as const

    expect(state(LOGIN, turn(), report(2, told))).toMatchObject({
      turn: null,
      failures: 1,
      retry: { notBeforeMs: 77, delayMs: 7, cause: "http_429" },
    })
  })

  test("in doubt keeps the turn open", () => {
    const after = state(LOGIN, turn(), report(2, DOUBT))

    expect(after.turn).toMatchObject({
      number: 2,
      doubt: { cause: "TIMEOUT", spent: false, sinceMs: 5 },
    })
    expect(refusal(after, turn("b"))).toBe("turn-open")
  })

  test("a refusal of a token that only the holder could have spent latches dead for this generation", () => {
    expect(state(LOGIN, turn(), report(2, REJECTED))).toMatchObject({
      turn: null,
      dead: { epoch: 1, generation: 1, cause: "invalid_grant", atMs: 5 },
    })
  })

  test("a refusal after a takeover means spent elsewhere, not dead", () => {
    const before = state(provider({ type: "reject" }), LOGIN, turn("a"), turn("b", 1, 3))

    const after = fold(before, report(4, REJECTED, "b"), { index: 9, signed: true }).state

    expect(after).toMatchObject({ dead: null, refused: { cause: "invalid_grant" }, turn: null })
  })

  test("after spent elsewhere no turn opens: another refusal would only look like a proof", () => {
    const before = state(provider({ type: "reject" }), LOGIN, turn("a"), turn("b", 1, 3))
    const refused = fold(before, report(4, REJECTED, "b"), { index: 9, signed: true }).state

    expect(refusal(refused, turn("a"))).toBe("not-allowed")
    expect(refusal(refused, result(2))).toBeNull()
  })

  test("misconfigured stops without ending the login", () => {
    const told = { type: "misconfigured", cause: "invalid_client", atMs: 3 } as const

    expect(state(LOGIN, turn(), report(2, told))).toMatchObject({
      turn: null,
      dead: null,
      misconfigured: { cause: "invalid_client", atMs: 3 },
    })
  })

  test("a report of another turn or by another member is refused", () => {
    const open = state(LOGIN, turn("a"))

    expect(refusal(open, report(7, UNSPENT))).toBe("not-this-turn")
    expect(refusal(open, report(2, UNSPENT, "b"))).toBe("not-the-holder")
    expect(refusal(state(LOGIN), report(2, UNSPENT))).toBe("not-this-turn")
  })
})

describe("a refused head", () => {
  const REJECT = provider({ type: "reject" })
  const vouch = (by: string, epoch = 1, generation = 1): LogEntry => ({
    type: "vouch",
    member: by,
    epoch,
    generation,
  })
  const mixed = [...MEMBERS, member("d", "owner-only"), member("e", "witness")]
  const told = { cause: "invalid_grant", atMs: 5 }

  test("makes every other full member a suspect where the winner of a second use lives", () => {
    const before = { ...state(REJECT, LOGIN), members: mixed }
    const open = fold(before, turn("a"), { index: 3, signed: true }).state

    expect(fold(open, report(3, REJECTED), { index: 4, signed: true }).state).toMatchObject({
      dead: null,
      refused: { ...told, suspects: ["b", "c"] },
    })
  })

  test("makes a removed holder a suspect there, once, and a holder of two turns not a suspect of itself", () => {
    const removed = state(
      REJECT,
      LOGIN,
      turn("b"),
      turn("c", 1, 3),
      turn("a", 1, 4),
      { type: "remove", member: "b", holderIsGone: true },
      report(5, REJECTED),
    )

    expect(removed.refused?.suspects).toEqual(["c", "b"])
    expect(
      state(REJECT, LOGIN, turn("a"), turn("b", 1, 3), turn("a", 1, 4), report(5, REJECTED)).refused
        ?.suspects,
    ).toEqual(["b", "c"])
  })

  test("makes only earlier holders suspects where a second use ends the login for all", () => {
    const consent = state(STRICT, LOGIN, turn("b"), turn("a", 1, 3, true), report(4, REJECTED))

    expect(consent).toMatchObject({ dead: null, refused: { ...told, suspects: ["b"] } })
    expect(state(STRICT, LOGIN, turn("a"), report(3, REJECTED))).toMatchObject({
      dead: { generation: 1, ...told },
      refused: null,
    })
  })

  test("is dead when the last suspect has vouched, and not before", () => {
    const first = state(REJECT, LOGIN, turn(), report(3, REJECTED), vouch("c"))
    const last = fold(first, vouch("b"), { index: 9, signed: true }).state

    expect(first).toMatchObject({ dead: null, refused: { ...told, suspects: ["b"] } })
    expect(last).toMatchObject({ refused: null, dead: { epoch: 1, generation: 1, ...told } })
  })

  test("is not vouched for twice, by a stranger to the doubt, or for another head", () => {
    const refused = state(REJECT, LOGIN, turn(), report(3, REJECTED), vouch("c"))

    expect(refusal(refused, vouch("c"))).toBe("not-a-member")
    expect(refusal(refused, vouch("a"))).toBe("not-a-member")
    expect(refusal(refused, vouch("b", 2))).toBe("wrong-epoch")
    expect(refusal(refused, vouch("b", 1, 2))).toBe("wrong-generation")
    expect(refusal(state(REJECT, LOGIN), vouch("b"))).toBe("not-allowed")
    expect(refusal({ ...refused, pair: null }, vouch("b"))).toBe("not-allowed")
  })

  test("lives again with a pair of it", () => {
    const refused = state(REJECT, LOGIN, turn(), report(3, REJECTED), result(2, { by: "b" }))

    expect(refused).toMatchObject({ refused: null, dead: null, spenders: [] })
  })
})

test("a person's consent replaces an open turn under any policy, also an unknown one, but names it", () => {
  const open = state(STRICT, LOGIN, turn("a"))

  expect(refusal(open, turn("b", 1, 3, true))).toBeNull()
  expect(refusal(open, turn("b", 1, null, true))).toBe("turn-open")
  expect(refusal(state(LOGIN, turn("a")), turn("b", 1, 2, true))).toBeNull()
})

test("a member that was replaced twice is remembered once", () => {
  const policy = provider({ type: "multi-use" })
  const after = state(policy, LOGIN, turn("a"), turn("a", 1, 3), turn("b", 1, 4), turn("c", 1, 5))

  expect(after.spenders).toEqual(["a", "b"])
})

describe("members, keys and provider", () => {
  const removal = (member: string): LogEntry => ({ type: "remove", member, holderIsGone: true })

  test("removing the holder ends its turn and remembers that it may have spent the token", () => {
    const after = state(LOGIN, turn("b"), { type: "remove", member: "b", holderIsGone: true })

    expect(after).toMatchObject({ turn: null, spenders: ["b"], removed: ["b"] })
    expect(after.members.map(({ id }) => id)).toEqual(["a", "c"])
  })

  test("a holder is removed only where a person said that it is gone, or its policy forgives a second use", () => {
    const unasked: LogEntry = { type: "remove", member: "b", holderIsGone: false }

    expect(refusal(state(LOGIN, turn("b")), unasked)).toBe("holds-turn")
    expect(state(LOGIN, unasked).removed).toEqual(["b"])
    expect(state(provider({ type: "reject" }), LOGIN, turn("b"), unasked).removed).toEqual(["b"])
  })

  test("removing somebody else leaves the turn alone; removing a stranger is refused", () => {
    expect(
      state(LOGIN, turn("b"), { type: "remove", member: "c", holderIsGone: true }).turn?.holder,
    ).toBe("b")
    expect(state(LOGIN, { type: "remove", member: "c", holderIsGone: true })).toMatchObject({
      turn: null,
      spenders: [],
    })
    expect(refusal(state(LOGIN), { type: "remove", member: "z", holderIsGone: true })).toBe(
      "not-a-member",
    )
  })

  test("keys are numbered without a gap: the second of two at once is a no-op", () => {
    const keys = (number: number): LogEntry => ({ type: "keys", keys: { number, wraps: [] } })
    const after = state(keys(1), keys(2))

    expect(after.keys.map(({ number }) => number)).toEqual([1, 2])
    expect(refusal(after, keys(2))).toBe("stale-keys")
    expect(refusal(after, keys(4))).toBe("stale-keys")
  })

  // A snapshot of a larger state could not be read, by no member.
  test("a state grows to what a snapshot may hold, and no further", () => {
    const sets = Array.from({ length: KEY_SETS_MAX - 1 }, (_, at) => ({
      number: at + 1,
      wraps: [],
    }))
    const gone = Array.from({ length: REMOVED_MAX - 1 }, (_, at) => `gone${at}`)
    const almost = { ...state(LOGIN), keys: sets, removed: gone }
    const keys = (number: number): LogEntry => ({ type: "keys", keys: { number, wraps: [] } })
    const after = (entry: LogEntry) => fold(almost, entry, { index: 9, signed: true }).state

    const full = { ...after(keys(KEY_SETS_MAX)), removed: after(removal("c")).removed }

    expect([full.keys.length, full.removed.length]).toEqual([KEY_SETS_MAX, REMOVED_MAX])
    expect(refusal(full, keys(KEY_SETS_MAX + 1))).toBe("too-many")
    expect(refusal(full, removal("b"))).toBe("too-many")
  })

  test("new settings of the same client are taken, those of another account are not", () => {
    const changed = state(STRICT, provider({ type: "reject" }))

    expect(changed.provider?.settings.replayPolicy.type).toBe("reject")
    expect(refusal(state(STRICT), provider({ type: "strict" }, "other"))).toBe("not-allowed")
    const { settings } = provider({ type: "strict" }) as Extract<LogEntry, { type: "provider" }>
    for (const change of [{ issuer: null }, { tokenEndpoint: "https://as.example/token" }]) {
      const other = { ...settings, ...change }
      expect(refusal(state(STRICT), { type: "provider", secretBox: null, settings: other })).toBe(
        "not-allowed",
      )
    }
  })
})
