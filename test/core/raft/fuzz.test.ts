// Random histories, every step checked. A failure prints `seed=N`; FUZZ_SEED=N replays it with its last steps.
import { expect, test } from "vitest"
import { fuzz } from "../../helpers/raft/fuzz.ts"

const replay = process.env["FUZZ_SEED"]
const BLOCK = replay === undefined ? 500 : 1
const FIRSTS: readonly number[] =
  replay === undefined ? [1, 1 + BLOCK, 1 + 2 * BLOCK, 1 + 3 * BLOCK] : [Number(replay)]

test.for(FIRSTS)(
  `%i and the ${BLOCK - 1} seeds after it keep Raft's properties and serve again after chaos`,
  { timeout: 120_000 },
  (first) => {
    let committed = 0

    for (let seed = first; seed < first + BLOCK; seed += 1) {
      committed += fuzz(seed, replay !== undefined).committed
    }

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
