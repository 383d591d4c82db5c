/** What many stories covered, and how it reads. A story in which little happened proves little: it is run and not counted. */

import type { SwarmReport } from "../../src/testing/swarm.ts"

type Counts = Readonly<Record<string, number>>

export interface Coverage {
  readonly seeds: number
  /** Stories with at least 2 refreshes, 1 leader change and 3 faults. */
  readonly counting: number
  readonly refreshes: number
  readonly leaderChanges: number
  readonly simulatedMs: number
  readonly policies: Counts
  readonly faults: Counts
  readonly stages: Counts
  readonly sends: Counts
  readonly doubts: Counts
  /** The longest way from the last fault to a cluster that is well. */
  readonly healedMs: number
}

export function nothing(): Coverage {
  return {
    seeds: 0,
    counting: 0,
    refreshes: 0,
    leaderChanges: 0,
    simulatedMs: 0,
    policies: {},
    faults: {},
    stages: {},
    sends: {},
    doubts: {},
    healedMs: 0,
  }
}

export function isCounting({ refreshes, leaderChanges, faults }: SwarmReport): boolean {
  const many = Object.values(faults).reduce((sum, one) => sum + one, 0)
  return refreshes >= 2 && leaderChanges >= 1 && many >= 3
}

export function covered(before: Coverage, report: SwarmReport): Coverage {
  return {
    seeds: before.seeds + 1,
    counting: before.counting + (isCounting(report) ? 1 : 0),
    refreshes: before.refreshes + report.refreshes,
    leaderChanges: before.leaderChanges + report.leaderChanges,
    simulatedMs: before.simulatedMs + report.simulatedMs,
    policies: sum(before.policies, { [report.policy]: 1 }),
    faults: sum(before.faults, report.faults),
    stages: sum(before.stages, report.stages),
    sends: sum(before.sends, report.sends),
    doubts: sum(before.doubts, report.doubts),
    healedMs: Math.max(before.healedMs, report.healedMs),
  }
}

/** One line. */
export function progressLine(coverage: Coverage, elapsedMs: number): string {
  const { seeds, counting, refreshes, leaderChanges, simulatedMs } = coverage
  const seconds = elapsedMs / 1_000
  const hours = simulatedMs / 3_600_000
  return (
    `${seeds} seeds (${counting} counting), ${refreshes} refreshes, ${leaderChanges} leader changes, ` +
    `${hours.toFixed(1)} h simulated, ${(hours / seconds).toFixed(2)} h/s, ${(seeds / seconds).toFixed(1)} seeds/s`
  )
}

/** One line for each kind of thing that happened. */
export function coverageLines(coverage: Coverage): readonly string[] {
  const { policies, faults, stages, sends, doubts, healedMs } = coverage
  return [
    `policies: ${list(policies)}`,
    `faults: ${list(faults)}`,
    `stages: ${list(stages)}`,
    `sends: ${list(sends)}`,
    `doubts: ${list(doubts)}`,
    `longest recovery: ${(healedMs / 1_000).toFixed(0)} s`,
  ]
}

function sum(a: Counts, b: Counts): Counts {
  const all = { ...a }
  for (const [name, count] of Object.entries(b)) all[name] = (all[name] ?? 0) + count
  return all
}

function list(counts: Counts): string {
  return Object.entries(counts)
    .toSorted(([, a], [, b]) => b - a)
    .map(([name, count]) => `${name} ${count}`)
    .join(", ")
}
