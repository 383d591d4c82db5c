// Random histories, every step checked. A failure prints `seed=N`; FUZZ_SEED=N replays it with its last steps.
import { expect, test } from "vitest"
import { fuzz } from "../../helpers/raft/fuzz.ts"

const BLOCK = 500
const BLOCKS: readonly number[] = [1, 1 + BLOCK, 1 + 2 * BLOCK, 1 + 3 * BLOCK]
const replay = process.env["FUZZ_SEED"]

test.runIf(replay !== undefined)("the seed of FUZZ_SEED keeps Raft's properties", () => {
  const result = fuzz(Number(replay), true)

  expect(result.committed).toBeGreaterThan(0)
})

test.skipIf(replay !== undefined).for(BLOCKS)(
  `%i and the ${BLOCK - 1} seeds after it keep Raft's properties and serve again after chaos`,
  { timeout: 120_000 },
  (first) => {
    let committed = 0

    for (let seed = first; seed < first + BLOCK; seed += 1) committed += fuzz(seed).committed

    // Chaos that lets nothing commit would prove nothing.
    expect(committed / BLOCK).toBeGreaterThan(10)
  },
)

test("a seed has one history", () => {
  const seeds = [1, 7, 42, 1234]

  const once = seeds.map((seed) => fuzz(seed))
  const again = seeds.map((seed) => fuzz(seed, true))

  expect(again).toEqual(once)
  expect(new Set(once.map(({ hash }) => hash)).size).toBe(seeds.length)
})
