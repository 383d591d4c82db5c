// The production code in a simulated world; each seed draws its own faults. `npm run simulate` runs many more.

import { expect, test } from "vitest"

import { runSeeds } from "../../cluster/simulate/pool.ts"
import { runSeed } from "../../src/testing/swarm.ts"

/** A story counts when enough happened in it; so many of those that count are run. */
const COUNTING = 1_000
const SEEDS_MAX = 1_300
const WORKERS = 2

test(`${COUNTING} seeds in which something happened keep every invariant`, async () => {
  const { coverage, violations } = await runSeeds({
    from: 1,
    seeds: SEEDS_MAX,
    counting: COUNTING,
    workers: WORKERS,
  })

  const found = violations.map(({ seed, trace, violations: what }) =>
    [`npm run simulate -- --replay ${seed}`, ...trace, ...what].join("\n"),
  )
  expect(found).toEqual([])
  expect(coverage.counting).toBeGreaterThanOrEqual(COUNTING)
}, 1_200_000)

test("a seed has one story, in any order of running", { timeout: 300_000 }, async () => {
  const seeds = Array.from({ length: 25 }, (_, at) => 20 + at)
  const hashes = new Map<number, string>()
  for (const seed of seeds) hashes.set(seed, (await runSeed(seed)).hash)

  for (const seed of seeds.toReversed()) expect((await runSeed(seed)).hash).toBe(hashes.get(seed))

  expect(new Set(hashes.values()).size).toBe(seeds.length)
})
