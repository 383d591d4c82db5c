// The production code in a simulated world; each seed draws its own faults. `npm run simulate` runs many more.
import { expect, test } from "vitest"

import { runSeed } from "../../src/testing/swarm.ts"

const SEEDS = Array.from({ length: 5 }, (_, block) => 1 + block * 4)

test.for(SEEDS)(
  "seed %i and the three after it keep every invariant",
  { timeout: 120_000 },
  async (first) => {
    let refreshes = 0

    for (let seed = first; seed < first + 4; seed += 1) {
      const report = await runSeed(seed)
      expect(report.violations, `seed=${seed}\n${report.trace.join("\n")}`).toEqual([])
      refreshes += report.refreshes
    }

    // A world in which nothing refreshes would prove nothing.
    expect(refreshes).toBeGreaterThan(4)
  },
)

test("a seed has one story", { timeout: 120_000 }, async () => {
  const [once, again] = [await runSeed(18), await runSeed(18)]

  expect(again.hash).toBe(once.hash)
  expect((await runSeed(27)).hash).not.toBe(once.hash)
})
