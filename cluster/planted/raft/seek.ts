/** Runs the fuzzer until it finds something, and says what, as one JSON line. Started by ../run.ts in a patched copy. */

import { fuzz } from "../../../test/helpers/raft/fuzz.ts"

const seeds = Number(process.argv[2] ?? 200)

function seek(): { seed: number | null; rule: string } {
  for (let seed = 1; seed <= seeds; seed += 1) {
    try {
      fuzz(seed)
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error)
      return { seed, rule: text.replace(/^seed=\d+ /, "").slice(0, 120) }
    }
  }
  return { seed: null, rule: "" }
}

process.stdout.write(`${JSON.stringify(seek())}\n`)
