// The chain of recorded pairs: what hangs on what, also where the server does not rotate.

import { expect, test } from "vitest"

import { Chain } from "../../../src/core/refresh/chain.ts"
import type { Pair, ResultEntry } from "../../../src/core/refresh/types.ts"
import { LOGIN, pair, result, state } from "./fixtures.ts"

const link = (of: Pair): ResultEntry => ({
  type: "result",
  pair: of,
  turn: null,
  signature: new Uint8Array(),
})

const generations = (chain: Chain, from: number): readonly number[] =>
  chain.line(pair(from)).map((one) => one.pair.generation)

test("the chain is followed from the head to its last link", () => {
  const chain = new Chain()
  for (const generation of [2, 3]) chain.keep(link(pair(generation)))

  expect(generations(chain, 1)).toEqual([2, 3])
  expect(generations(chain, 3)).toEqual([])
  expect(chain.line(null)).toEqual([])
})

// Found by the simulator: the walk never ended, and the application stood still.
test("a pair that kept its refresh token is its own parent's child, and nobody's twice", () => {
  const chain = new Chain()
  chain.keep(link(pair(2, { lineage: "1.1" })))
  chain.keep(link(pair(3, { lineage: "1.1", parent: "1.1" })))

  expect(generations(chain, 1)).toEqual([2, 3])
})

test("only what hangs on the pair by its parent is its child, and of several the one kept last", () => {
  const chain = new Chain()
  chain.keep(link(pair(2, { parent: "other" })))
  expect(chain.after(pair(1))).toBeNull()

  for (const lineage of ["first", "second"]) chain.keep(link(pair(2, { lineage })))
  chain.keep(link(pair(2, { lineage: "first" })))
  expect(chain.after(pair(1))?.pair.lineage).toBe("second")
})

test("what the log refuses is dropped, and its siblings are not", () => {
  const chain = new Chain()
  const [first, second] = ["first", "second"].map((lineage) => link(pair(2, { lineage })))
  for (const one of [first, second]) if (one !== undefined) chain.keep(one)
  if (second !== undefined) chain.drop(second)
  chain.drop(link(pair(3, { lineage: "first" })))
  chain.drop(link(pair(2, { lineage: "first", epoch: 2 })))

  expect(chain.after(pair(1))?.pair.lineage).toBe("first")
})

test("what the head has made history goes, and what belongs to a later login stays", () => {
  const chain = new Chain()
  for (const generation of [2, 3]) chain.keep(link(pair(generation)))
  const later = link(pair(1, { epoch: 2, generation: 2, parent: "2.1" }))
  chain.keep(later)

  chain.prune(state(LOGIN, result(2)))
  expect(generations(chain, 1)).toEqual([])
  expect(generations(chain, 2)).toEqual([3])
  chain.prune({ ...state(LOGIN), epoch: 1, pair: null })
  expect(generations(chain, 2)).toEqual([])
  expect(chain.after(pair(1, { epoch: 2 }))).toBe(later)
  chain.prune({ ...state(LOGIN), epoch: 3, pair: pair(1, { epoch: 3 }) })
  expect(chain.after(pair(1, { epoch: 2 }))).toBeNull()
})
