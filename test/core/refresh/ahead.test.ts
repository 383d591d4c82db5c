import { describe, expect, test } from "vitest"

import { Ahead } from "../../../src/core/refresh/ahead.ts"
import { Chain } from "../../../src/core/refresh/chain.ts"
import type { Pair, ResultEntry } from "../../../src/core/refresh/types.ts"
import { LOGIN, pair, result, state } from "./fixtures.ts"

const HEAD = pair(1)
const link = (generation: number, changes: Partial<Pair> = {}): ResultEntry =>
  result(generation, changes) as ResultEntry
const chainOf = (...links: readonly ResultEntry[]): Chain => {
  const chain = new Chain()
  for (const one of links) chain.keep(one)
  return chain
}
const NONE = chainOf()

describe("a pair that this member recorded", () => {
  test("is used by whoever is alone, the newest of its chain", () => {
    const ahead = new Ahead()
    const chain = chainOf(link(2), link(3))

    ahead.update(HEAD, chain, false)
    expect(ahead.pair).toBeNull()
    ahead.update(HEAD, chain, true)
    expect(ahead.pair).toEqual(pair(3))
  })

  test("stays in use when a leader is heard, until the log has it", () => {
    const ahead = new Ahead()
    const chain = chainOf(link(2))
    ahead.update(HEAD, chain, true)

    ahead.update(HEAD, chain, false)
    expect(ahead.pair?.generation).toBe(2)
    ahead.update(pair(2), chain, false)
    expect(ahead.pair).toBeNull()
  })

  test("in use goes when the log goes another way, whether a leader is heard or not", () => {
    for (const alone of [false, true]) {
      const ahead = new Ahead()
      const chain = chainOf(link(2))
      ahead.update(HEAD, chain, true)

      ahead.update(pair(2, { lineage: "other" }), chain, alone)
      expect(ahead.pair).toBeNull()
    }
  })

  // Spent alone, answered when a leader was heard again: the member fell back to the head, whose token was over.
  test("while a leader is heard is not taken into use, and the one in use stays", () => {
    for (const lineage of ["1.3", "1.2"]) {
      const ahead = new Ahead()
      ahead.update(HEAD, chainOf(link(2)), true)

      ahead.update(HEAD, chainOf(link(2), link(3, { lineage })), false)
      expect(ahead.pair?.generation).toBe(2)
    }
  })
})

describe("a pair that a peer showed", () => {
  test("is used while its receiver is alone, and not before", () => {
    const ahead = new Ahead()
    ahead.show(link(2), HEAD)

    ahead.update(HEAD, NONE, false)
    expect(ahead.pair).toBeNull()
    ahead.update(HEAD, NONE, true)
    expect(ahead.pair?.generation).toBe(2)
  })

  // Found by the simulator: the leader that is heard again may not have told this member's log of the pair yet, and the
  // member went back to a token that is spent.
  test("stays in use when a leader is heard again, until the log is as new", () => {
    const ahead = new Ahead()
    ahead.show(link(3), HEAD)
    ahead.update(HEAD, NONE, true)

    ahead.update(HEAD, NONE, false)
    ahead.update(pair(2), NONE, false)
    expect(ahead.pair?.generation).toBe(3)
    ahead.update(pair(3), NONE, false)
    expect(ahead.pair).toBeNull()
    ahead.update(HEAD, NONE, true)
    expect(ahead.pair).toBeNull()
  })

  test("is used only if it is newer than the one that its receiver recorded", () => {
    const ahead = new Ahead()
    const chain = chainOf(link(2), link(3))
    ahead.show(link(2, { lineage: "shown" }), HEAD)
    ahead.update(HEAD, chain, true)
    expect(ahead.pair?.lineage).toBe("1.3")

    ahead.show(link(4, { lineage: "shown" }), HEAD)
    ahead.update(HEAD, chain, true)
    expect(ahead.pair?.lineage).toBe("shown")
  })

  // It stayed the newest, and its token went out again and again.
  test("gives way to the pair that its receiver got for it", () => {
    const ahead = new Ahead()
    ahead.show(link(2), HEAD)
    ahead.update(HEAD, NONE, true)

    ahead.update(HEAD, chainOf(link(3)), false)
    expect(ahead.pair?.generation).toBe(2)
    ahead.update(HEAD, chainOf(link(3)), true)
    expect(ahead.pair?.generation).toBe(3)
    ahead.update(HEAD, chainOf(link(3)), false)
    expect(ahead.pair?.generation).toBe(3)
    ahead.update(pair(2), chainOf(link(3)), false)
    expect(ahead.pair?.generation).toBe(3)
  })

  test("before its receiver is alone leaves the recorded one in use", () => {
    const ahead = new Ahead()
    ahead.update(HEAD, chainOf(link(2)), true)
    ahead.show(link(3, { lineage: "shown" }), HEAD)

    ahead.update(HEAD, chainOf(link(2)), false)
    expect(ahead.pair?.lineage).toBe("1.2")
  })

  // Found by the simulator, seed 3741: it fell back to the head, whose token is spent.
  test("stays in use while a newer one is shown to a receiver that is not alone yet", () => {
    const ahead = new Ahead()
    ahead.show(link(2), HEAD)
    ahead.update(HEAD, NONE, true)
    for (const generation of [3, 4]) {
      ahead.show(link(generation), HEAD)
      ahead.update(HEAD, NONE, false)
      expect(ahead.pair?.generation).toBe(2)
    }

    ahead.update(HEAD, NONE, true)
    expect(ahead.pair?.generation).toBe(4)
    ahead.update(pair(4), NONE, false)
    expect(ahead.pair).toBeNull()
  })

  test("gives way to a newer one, and to no older one", () => {
    const ahead = new Ahead()
    for (const generation of [2, 4, 3]) ahead.show(link(generation), HEAD)
    ahead.update(HEAD, NONE, true)

    expect(ahead.pair?.generation).toBe(4)
  })

  test("of another login, or where there is none, is not taken", () => {
    const ahead = new Ahead()
    ahead.show(link(2, { epoch: 2 }), HEAD)
    ahead.show(link(2), null)
    ahead.show(link(1), HEAD)
    ahead.update(HEAD, NONE, true)

    expect(ahead.pair).toBeNull()
  })

  test("goes with a new login", () => {
    const ahead = new Ahead()
    ahead.show(link(5), HEAD)
    ahead.update(HEAD, NONE, true)

    ahead.update(pair(1, { epoch: 2 }), NONE, true)
    expect(ahead.pair).toBeNull()
    ahead.show(link(2, { epoch: 2 }), pair(1, { epoch: 2 }))
    ahead.update(pair(1, { epoch: 2 }), NONE, true)
    expect(ahead.pair?.epoch).toBe(2)
  })
})

describe("a peer that asks", () => {
  const asked = (generation: number, epoch = 1) => ({ epoch, generation })

  test("is shown the head with its holder's signature, if it is newer", () => {
    const ahead = new Ahead()
    const head = state(LOGIN, { ...link(2), turn: 7 })

    expect(ahead.answer(head, asked(1))).toEqual({
      type: "show",
      result: { ...link(2), turn: 7 },
    })
    expect(ahead.answer(head, asked(2))).toBeNull()
    expect(ahead.answer(head, asked(1, 2))).toBeNull()
  })

  test("is shown the pair in use, which is newer than the head", () => {
    const ahead = new Ahead()
    const chain = chainOf(link(2), link(3))
    ahead.update(HEAD, chain, true)

    expect(ahead.answer(state(LOGIN), asked(1))).toEqual({ type: "show", result: link(3) })
  })

  test("is shown no login, which nobody signed, and nothing where there is none", () => {
    const ahead = new Ahead()

    expect(ahead.answer(state(LOGIN), asked(0))).toBeNull()
    expect(ahead.answer({ ...state(LOGIN), pair: null }, asked(0))).toBeNull()
  })
})
