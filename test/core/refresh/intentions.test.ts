import { expect, test } from "vitest"

import { Intentions } from "../../../src/core/refresh/intentions.ts"

const intentions = (drawn = 0): Intentions => new Intentions(() => drawn)

test("a proposal that is under way is not made again, whatever the others do", () => {
  const known = intentions()

  expect(known.begin("a", 0)).toBe(0)
  expect(known.begin("a", 9_999)).toBe(Infinity)
  expect(known.begin("b", 9_999)).toBe(0)
})

test("one that was committed and is still wanted is made again a second later", () => {
  const known = intentions()
  known.begin("a", 0)
  known.settled("a", "committed", 500)

  expect(known.begin("a", 1_499)).toBe(1_500)
  expect(known.begin("a", 1_500)).toBe(0)
  expect(known.begin("a", 1_500)).toBe(Infinity)
})

test("one that was refused is made again after 50 to 300 ms, so that two members do not meet twice", () => {
  const pauses = [0, 0.5, 0.999].map((drawn) => {
    const known = intentions(drawn)
    known.settled("a", "refused", 1_000)
    return known.begin("a", 1_000)
  })

  expect(pauses).toEqual([1_050, 1_175, 1_299])
})

test("when the head moves, pauses are forgotten, and what is under way is not", () => {
  const known = intentions()
  known.begin("under way", 0)
  known.settled("paused", "committed", 0)
  known.clear()

  expect(known.begin("under way", 0)).toBe(Infinity)
  expect(known.begin("paused", 0)).toBe(0)
})
