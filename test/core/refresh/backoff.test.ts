import { expect, test } from "vitest"

import { backoffCeilingMs, backoffMs } from "../../../src/core/refresh/backoff.ts"

test("a pause is at most a second after the first failure, twice as long after each other, and never above a minute", () => {
  const ceilings = [1, 2, 3, 4, 5, 6, 7, 8, 99].map((failures) => backoffCeilingMs(failures))

  expect(ceilings).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60].map((seconds) => seconds * 1_000))
  expect(backoffCeilingMs(0)).toBe(1_000)
})

test("a pause is drawn from the whole range: members that failed together do not come back together", () => {
  expect([0, 0.25, 0.5, 1].map((drawn) => backoffMs(3, () => drawn))).toEqual([
    0, 1_000, 2_000, 4_000,
  ])
})
