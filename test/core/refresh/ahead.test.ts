// Which pair a member uses that is newer than its log.

import { expect, test } from "vitest"

import { Ahead } from "../../../src/core/refresh/ahead.ts"
import { Chain } from "../../../src/core/refresh/chain.ts"
import type { ResultEntry } from "../../../src/core/refresh/types.ts"
import { pair } from "./fixtures.ts"

const shown = (generation: number): ResultEntry => ({
  type: "result",
  pair: pair(generation),
  turn: null,
  signature: new Uint8Array(),
})

test("a pair that a peer showed is used only by whoever hears no leader", () => {
  const ahead = new Ahead()
  ahead.show(shown(2), pair(1))

  ahead.update(pair(1), new Chain(), false)
  expect(ahead.pair).toBe(null)
  ahead.update(pair(1), new Chain(), true)
  expect(ahead.pair?.generation).toBe(2)
})

// Found by the simulator: a member went back to the old token until the log of the new leader reached it.
test("a shown pair in use stays so until the log has it, also when a leader is heard again", () => {
  const ahead = new Ahead()
  ahead.show(shown(2), pair(1))
  ahead.update(pair(1), new Chain(), true)

  ahead.update(pair(1), new Chain(), false)
  expect(ahead.pair?.generation).toBe(2)
  ahead.update(pair(2, { lineage: "another" }), new Chain(), false)
  expect(ahead.pair).toBe(null)
})

test("a shown pair of another login is dropped", () => {
  const ahead = new Ahead()
  ahead.show(shown(2), pair(1))
  ahead.update(pair(1), new Chain(), true)

  ahead.update(pair(1, { epoch: 2 }), new Chain(), true)
  expect(ahead.pair).toBe(null)
})
