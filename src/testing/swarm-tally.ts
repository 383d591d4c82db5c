/** Counts what a story covered: a story in which little happened proves little. Decides nothing. */

import type { LogEntry } from "../core/refresh/types.ts"
import type { SendReason } from "./swarm-invariants.ts"

export type Counts = Record<string, number>

export function count(counts: Counts, name: string, by = 1): void {
  counts[name] = (counts[name] ?? 0) + by
}

export class Tally {
  readonly faults: Counts = {}
  readonly stages: Counts = {}
  readonly sends: Counts = {}
  /** How doubts began and ended: `opened`, `pair`, `refused`, `takeover`, `new-epoch`. */
  readonly doubts: Counts = {}
  leaderChanges = 0
  #leader: string | null = null
  readonly #entries = new Set<string>()
  #doubtful = false

  sent(reason: SendReason): void {
    count(this.sends, reason)
  }

  stage(stage: string, cause: string | null): void {
    const told = stage === "relogin" ? `${stage}:${cause}` : stage
    count(this.stages, told)
  }

  leader(leader: string | null): void {
    if (leader === null || leader === this.#leader) return
    this.#leader = leader
    this.leaderChanges += 1
  }

  /** An entry as the first member wrote it, committed or not. */
  entry(id: string, entry: LogEntry): void {
    if (this.#entries.has(id)) return
    this.#entries.add(id)
    if (entry.type === "report" && entry.report.type === "in-doubt") {
      if (!this.#doubtful) count(this.doubts, "opened")
      this.#doubtful = true
      return
    }
    if (!this.#doubtful) return
    const end = endOf(entry)
    if (end === null) return
    count(this.doubts, end)
    this.#doubtful = false
  }
}

function endOf(entry: LogEntry): string | null {
  switch (entry.type) {
    case "result":
      return "pair"
    case "report":
      return entry.report.type === "rejected" ? "refused" : null
    case "turn":
      return entry.replaces === null ? null : "takeover"
    case "login":
    case "logout":
      return "new-epoch"
    case "provider":
    case "keys":
    case "remove":
    case "vouch":
      return null
    default:
      return entry satisfies never
  }
}
