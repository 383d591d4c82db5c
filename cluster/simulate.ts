/**
 * `npm run simulate -- --seeds N --minutes M --from S --replay SEED`: many seeds of the simulated world, with progress and
 * what they covered. Decides how many and what is printed; a seed's story is src/testing/swarm.ts. Exits 1 on a violation,
 * after printing the seed and its trace.
 */

import { parseArgs } from "node:util"

import { runSeed, type SwarmReport } from "../src/testing/swarm.ts"

interface Coverage {
  seeds: number
  counting: number
  refreshes: number
  leaderChanges: number
  simulatedMs: number
  doubts: number
  readonly faults: Record<string, number>
}

const PROGRESS_MS = 5_000

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

function integer(text: string | undefined, field: string, fallback: number): number {
  const value = text === undefined ? fallback : Number(text)
  if (Number.isInteger(value) && value > 0) return value
  process.stderr.write(
    `simulate: --${field} must be a positive integer, not ${JSON.stringify(text)}\n`,
  )
  process.exit(2)
}

function add(coverage: Coverage, report: SwarmReport): void {
  const faults = Object.values(report.faults).reduce((sum, count) => sum + count, 0)
  coverage.seeds += 1
  // A story in which little happened proves little: it is run and not counted.
  if (report.refreshes >= 2 && report.leaderChanges >= 1 && faults >= 3) coverage.counting += 1
  coverage.refreshes += report.refreshes
  coverage.leaderChanges += report.leaderChanges
  coverage.simulatedMs += report.simulatedMs
  coverage.doubts += report.doubt ? 1 : 0
  for (const [name, count] of Object.entries(report.faults)) {
    coverage.faults[name] = (coverage.faults[name] ?? 0) + count
  }
}

function line(coverage: Coverage, startedMs: number): string {
  const seconds = (performance.now() - startedMs) / 1_000
  const hours = coverage.simulatedMs / 3_600_000
  return (
    `${coverage.seeds} seeds (${coverage.counting} counting), ${coverage.refreshes} refreshes, ` +
    `${coverage.leaderChanges} leader changes, ${coverage.doubts} left in doubt, ` +
    `${hours.toFixed(1)} h simulated, ${(hours / seconds).toFixed(2)} h/s`
  )
}

function failed(report: SwarmReport): void {
  print(report.trace.join("\n"))
  print(`seed=${report.seed}: ${report.violations.join("; ")}`)
  print(`replay it: npm run simulate -- --replay ${report.seed}`)
}

async function main(): Promise<number> {
  const text = { type: "string" } as const
  const { values } = parseArgs({
    options: { seeds: text, minutes: text, from: text, replay: text },
  })
  if (values.replay !== undefined) {
    const report = await runSeed(integer(values.replay, "replay", 1))
    print(report.trace.join("\n"))
    print(
      `seed=${report.seed} hash=${report.hash} ${report.violations.join("; ") || "no violation"}`,
    )
    return report.violations.length === 0 ? 0 : 1
  }
  const seeds = integer(values.seeds, "seeds", values.minutes === undefined ? 100 : 1_000_000)
  const endMs = performance.now() + integer(values.minutes, "minutes", 1_000_000) * 60_000
  const from = integer(values.from, "from", 1)
  const startedMs = performance.now()
  const coverage: Coverage = {
    seeds: 0,
    counting: 0,
    refreshes: 0,
    leaderChanges: 0,
    simulatedMs: 0,
    doubts: 0,
    faults: {},
  }
  let printedMs = startedMs
  for (let seed = from; seed < from + seeds && performance.now() < endMs; seed += 1) {
    const report = await runSeed(seed)
    add(coverage, report)
    if (report.violations.length > 0) {
      failed(report)
      return 1
    }
    if (performance.now() - printedMs > PROGRESS_MS) {
      printedMs = performance.now()
      print(line(coverage, startedMs))
    }
  }
  print(line(coverage, startedMs))
  print(
    `faults: ${Object.entries(coverage.faults)
      .map(([name, count]) => `${name} ${count}`)
      .join(", ")}`,
  )
  print("no violation")
  return 0
}

process.exitCode = await main()
