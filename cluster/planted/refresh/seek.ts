/** Runs simulated stories until one breaks a rule, and says which, as one JSON line. Started by ../run.ts in a patched copy. */

import { runSeeds } from "../../simulate/pool.ts"

const seeds = Number(process.argv[2] ?? 2_000)
const { violations } = await runSeeds({ from: 1, seeds, workers: 2 })
const found = violations[0]
const rule = found?.violations[0]?.split("\n")[0] ?? ""
process.stdout.write(`${JSON.stringify({ seed: found?.seed ?? null, rule })}\n`)
