/** The meaning of a write, as a pure function: what every store must do, and what checkers compare it with. */

import type { Config, Index, Persisted, Term, Write } from "./types.ts"

/** A node that never ran. Every member of a cluster starts from the same `config` and `data`. */
export function genesis(config: Config, data: Uint8Array): Persisted {
  return {
    hard: { term: 0, votedFor: null },
    snapshot: { index: 0, term: 0, config, data },
    entries: [],
  }
}

/** Applies in the fixed order: snapshot, truncation, append, hard state. */
export function applyWrite(before: Persisted, write: Write): Persisted {
  let { snapshot, entries } = before
  if (write.snapshot !== undefined) {
    const { value, keepTail } = write.snapshot
    entries = keepTail ? entries.filter(({ index }) => index > value.index) : []
    snapshot = value
  }
  const cut = write.truncateFrom
  if (cut !== undefined) entries = entries.filter(({ index }) => index < cut)
  if (write.append !== undefined) entries = [...entries, ...write.append]
  return { hard: write.hard ?? before.hard, snapshot, entries }
}

export function lastIndexOf(disk: Persisted): Index {
  return disk.snapshot.index + disk.entries.length
}

/** The entry's term; null when it is compacted away or missing. */
export function termOf(disk: Persisted, index: Index): Term | null {
  if (index === disk.snapshot.index) return disk.snapshot.term
  return disk.entries[index - disk.snapshot.index - 1]?.term ?? null
}
