/**
 * `npm run simulate -- --seeds N --minutes M --from S --replay SEED --workers W`: many seeds of the simulated world, with
 * progress and what they covered. Decides how many and what is printed; a seed's story is src/testing/swarm.ts. Exits 1 on
 * a violation, after printing the seed and its trace.
 */

import { availableParallelism } from "node:os"
import { parseArgs } from "node:util"

import { runSeed } from "../src/testing/swarm.ts"
import { type Coverage, coverageLines, progressLine } from "./simulate/coverage.ts"
import { runSeeds, type Violation } from "./simulate/pool.ts"

const PROGRESS_MS = 5_000
const USAGE = `Runs seeds of the simulated world and says what they covered; a violation prints its seed and trace, and ends with 1.

Usage: npm run simulate -- [options]
  --seeds N     how many seeds (default 100; with --minutes as many as fit)
  --minutes M   stop after so many minutes
  --from S      the first seed (default 1)
  --workers W   how many at once (default one per core)
  --replay S    run this seed alone and print its trace
`

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

function integer(text: string | undefined, field: string, fallback: number): number {
  const value = text === undefined ? fallback : Number(text)
  if (Number.isInteger(value) && value > 0) return value
  return misused(`--${field} must be a positive integer, not ${JSON.stringify(text)}`)
}

function misused(problem: string): never {
  process.stderr.write(`simulate: ${problem}\n\n${USAGE}`)
  process.exit(2)
}

async function replay(seed: number): Promise<number> {
  const report = await runSeed(seed)
  print(report.trace.join("\n"))
  const verdict = report.violations.join("; ") || "no violation"
  print(`seed=${report.seed} hash=${report.hash} ${verdict}`)
  return report.violations.length === 0 ? 0 : 1
}

function failed({ seed, violations, trace }: Violation): void {
  print(trace.join("\n"))
  print(`seed=${seed}: ${violations.join("; ")}`)
  print(`replay it: npm run simulate -- --replay ${seed}`)
}

function given() {
  const text = { type: "string" } as const
  const options = {
    seeds: text,
    minutes: text,
    from: text,
    replay: text,
    workers: text,
    help: { type: "boolean" },
  } as const
  try {
    return parseArgs({ options }).values
  } catch (error) {
    return misused(error instanceof Error ? error.message : String(error))
  }
}

async function main(): Promise<number> {
  const values = given()
  if (values.help === true) {
    process.stdout.write(USAGE)
    return 0
  }
  if (values.replay !== undefined) return replay(integer(values.replay, "replay", 1))
  const timed = values.minutes !== undefined
  const startedMs = performance.now()
  let printedMs = startedMs
  const { coverage, violations } = await runSeeds({
    from: integer(values.from, "from", 1),
    seeds: integer(values.seeds, "seeds", timed ? 1_000_000_000 : 100),
    workers: integer(values.workers, "workers", availableParallelism()),
    forMs: timed ? integer(values.minutes, "minutes", 1) * 60_000 : undefined,
    progress: (now: Coverage) => {
      if (performance.now() - printedMs < PROGRESS_MS) return
      printedMs = performance.now()
      print(progressLine(now, printedMs - startedMs))
    },
  })
  for (const violation of violations) failed(violation)
  print(progressLine(coverage, performance.now() - startedMs))
  for (const line of coverageLines(coverage)) print(line)
  if (violations.length === 0) print("no violation")
  return violations.length === 0 ? 0 : 1
}

process.exitCode = await main()
