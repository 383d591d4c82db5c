// The chain of recorded pairs: what hangs on what, also where the server does not rotate.

import { expect, test } from "vitest"

import { Chain } from "../../../src/core/refresh/chain.ts"
import type { Pair, ResultEntry } from "../../../src/core/refresh/types.ts"
import { pair } from "./fixtures.ts"

const link = (of: Pair): ResultEntry => ({
  type: "result",
  pair: of,
  turn: null,
  signature: new Uint8Array(),
})

test("the chain is followed from the head to its last link", () => {
  const chain = new Chain()
  for (const generation of [2, 3]) chain.keep(link(pair(generation)))

  expect(chain.after(pair(1))?.pair.generation).toBe(2)
  expect(chain.tail(pair(1))?.pair.generation).toBe(3)
  expect(chain.tail(pair(3))).toBe(null)
})

// Found by the simulator: the walk never ended, and the application stood still.
test("a pair that kept its refresh token is its own parent's child, and nobody's twice", () => {
  const chain = new Chain()
  chain.keep(link(pair(2, { lineage: "1.1" })))
  chain.keep(link(pair(3, { lineage: "1.1", parent: "1.1" })))

  expect(chain.after(pair(1))?.pair.generation).toBe(2)
  expect(chain.tail(pair(1))?.pair.generation).toBe(3)
})
