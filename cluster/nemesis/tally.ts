/** What a run came to, counted. Decides how faults and steps are called. */

import type { Hit } from "./moments.ts"
import { STEPS } from "./plan.ts"
import type { Outcome } from "./round.ts"
import { now } from "./world.ts"

/** The step that a fault hit, as the histogram names it. */
const WORDS: Readonly<Record<Hit, string>> = {
  idle: "idle",
  agreeing: "turn being agreed",
  connecting: "holder is connecting",
  posting: "request at the server",
  answered: "answered, not committed",
  replicating: "being replicated",
  after: "after it",
  doubt: "in doubt",
}
const HITS: readonly Hit[] = [...STEPS, "doubt"]

export class Tally {
  readonly openedAt: number = now()
  /** When the first round began, with everybody there and logged in. */
  beganAt: number = Number.NaN
  /** Faults that killed processes -9, one or several at once. */
  kills = 0
  rounds = 0
  faults = 0
  /** Logins that a fault cost which nobody can help. */
  doubts = 0
  readonly #hits = new Map<string, Map<Hit, number>>()
  readonly #convergedMs: number[] = []

  count({ convergedMs, doubt, struck }: Outcome): void {
    this.rounds += 1
    if (doubt) this.doubts += 1
    else this.#convergedMs.push(convergedMs)
    for (const { fault, hit } of struck) {
      const row = this.#hits.get(fault) ?? new Map<Hit, number>()
      row.set(hit, (row.get(hit) ?? 0) + 1)
      this.#hits.set(fault, row)
      this.faults += 1
      if (fault.startsWith("kill")) this.kills += 1
    }
  }

  /** Steps that no fault hit. */
  get empty(): readonly string[] {
    const hit = new Set([...this.#hits.values()].flatMap((row) => [...row.keys()]))
    return STEPS.filter((step) => !hit.has(step)).map((step) => WORDS[step])
  }

  /** The histogram: a row for each step, a column for each kind of fault. */
  histogram(): readonly string[] {
    const faults = [...this.#hits.keys()].toSorted()
    const total = (hit: Hit): number =>
      faults.reduce((sum, fault) => sum + (this.#hits.get(fault)?.get(hit) ?? 0), 0)
    return HITS.flatMap((hit) => {
      const cells = faults.flatMap((fault) => {
        const count = this.#hits.get(fault)?.get(hit) ?? 0
        return count === 0 ? [] : [`${fault} ${count}`]
      })
      return [`  ${WORDS[hit].padEnd(26)}${String(total(hit)).padStart(5)}  ${cells.join(", ")}`]
    })
  }

  converged(): string {
    return spreadOf(this.#convergedMs)
  }
}

/** Nearest rank: a value that was measured, never one in between. */
export function percentile(numbers: readonly number[], share: number): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
}

function spreadOf(numbers: readonly number[]): string {
  const cells = [0.5, 0.95, 1].map((share) => percentile(numbers, share).toFixed(0))
  return `median ${cells[0]} ms, p95 ${cells[1]} ms, max ${cells[2]} ms`
}
