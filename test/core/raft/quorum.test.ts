// Counting, against an oracle that counts by hand (openraft#1802, etcd quorum/quick_test.go).
import fc from "fast-check"
import { expect, test } from "vitest"
import { majority, majorityValue, tally } from "../../../src/core/raft/quorum.ts"

const values = fc.array(fc.nat(20), { maxLength: 9 })

/** The highest value that more than half of all reached, tried one by one. */
function oracle(reached: readonly number[]): number {
  let highest = 0
  for (let value = 0; value <= 20; value += 1) {
    if (reached.filter((one) => one >= value).length * 2 > reached.length) highest = value
  }
  return highest
}

test("the majority value is the highest that more than half reached", () => {
  fc.assert(
    fc.property(values, (reached) => {
      expect(majorityValue(reached)).toBe(oracle(reached))
    }),
    { seed: 1 },
  )
})

test("the majority value depends on no order and leaves its argument alone", () => {
  fc.assert(
    fc.property(values, (reached) => {
      const before = [...reached]
      const reversed = majorityValue([...reached].reverse())

      expect(majorityValue(reached)).toBe(reversed)
      expect(reached).toEqual(before)
    }),
    { seed: 2 },
  )
})

test("more for one voter never means less for all", () => {
  fc.assert(
    fc.property(values, fc.nat(8), (reached, which) => {
      const more = reached.map((value, i) => (i === which ? value + 1 : value))

      expect(majorityValue(more)).toBeGreaterThanOrEqual(majorityValue(reached))
    }),
    { seed: 3 },
  )
})

test("two majorities always meet", () => {
  for (let count = 1; count < 20; count += 1) expect(2 * majority(count)).toBeGreaterThan(count)
})

test("an election is won by more than half, lost when that is out of reach, else open", () => {
  const voters = ["a", "b", "c", "d", "e"]
  const votes = fc.array(fc.tuple(fc.constantFrom(...voters, "x", "y"), fc.boolean()))
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), votes, (size, cast) => {
      const electorate = voters.slice(0, size)
      const map = new Map(cast)
      const yes = electorate.filter((id) => map.get(id) === true).length
      const no = electorate.filter((id) => map.get(id) === false).length

      const expected = yes * 2 > size ? "won" : (size - no) * 2 > size ? "open" : "lost"
      expect(tally(electorate, map)).toBe(expected)
    }),
    { seed: 4 },
  )
})
