// When a stage is looked at again.

import { expect, test } from "vitest"

import { StageWatch } from "../../src/coordination/stage-watch.ts"
import type { Clock } from "../../src/ports/clock.ts"

// Found by the simulator: 1e-12 ms before the token's end the member looked again and again, and time stood still.
test("a token that ends within less than a moment is looked at once more, and time passes", () => {
  const deadlines: number[] = []
  const clock = {
    nowMs: () => 1e9,
    wallMs: () => 0,
    uptimeMs: () => 1e9,
    timer: (atMs: number) => {
      deadlines.push(atMs)
      return () => {}
    },
  } as unknown as Clock
  const watch = new StageWatch(
    clock,
    () => ({ stage: "ready", cause: null }),
    () => {},
  )

  watch.look(1e9 + 1e-6)

  expect(deadlines).toEqual([1e9 + 1])
})
