/**
 * The log in memory: entries after a snapshot, and the configurations among them. Decides what matches and what
 * conflicts. It writes nothing: its owner records every change in the step's write.
 */

import { invariant } from "../base/assert.ts"
import { isOneStep, isWellFormed } from "./membership.ts"
import type { Config, Entry, Index, Snapshot, Term } from "./types.ts"

/** Counted per entry beside its payload, so that empty entries cannot fill a message without bound. */
const ENTRY_OVERHEAD_BYTES = 64

interface PlacedConfig {
  readonly index: Index
  readonly config: Config
}

/** Entries `snapshot.index + 1 ..= lastIndex`, without a hole. */
export class RaftLog {
  #snapshot: Snapshot
  #entries: Entry[]
  /** Oldest first; the first is the snapshot's. The last one rules, committed or not. */
  #configs: PlacedConfig[]

  /** @throws {InvariantError} if the entries have a hole, a falling term or an illegal configuration step. */
  constructor(snapshot: Snapshot, entries: readonly Entry[]) {
    this.#snapshot = snapshot
    this.#entries = []
    this.#configs = [{ index: snapshot.index, config: snapshot.config }]
    this.append(entries)
  }

  get snapshot(): Snapshot {
    return this.#snapshot
  }
  get lastIndex(): Index {
    return this.#snapshot.index + this.#entries.length
  }
  get lastTerm(): Term {
    return this.#entries.at(-1)?.term ?? this.#snapshot.term
  }
  /** The newest configuration in the log, committed or not. */
  get config(): Config {
    return this.#newestConfig().config
  }
  /** Where {@link config} stands. */
  get configIndex(): Index {
    return this.#newestConfig().index
  }

  /** The configuration that ruled when the log ended at `index`. */
  configAt(index: Index): Config {
    const placed = this.#configs.findLast((candidate) => candidate.index <= index)
    return (placed ?? { config: this.#snapshot.config }).config
  }

  /** The entry's term; null when it was compacted away or does not exist yet. */
  termAt(index: Index): Term | null {
    if (index === this.#snapshot.index) return this.#snapshot.term
    return this.#entries[index - this.#snapshot.index - 1]?.term ?? null
  }

  matches(index: Index, term: Term): boolean {
    return this.termAt(index) === term
  }

  /** Raft §5.4.1: is a log that ends so at least as up-to-date as this one? Terms first, then length. */
  isCoveredBy(lastTerm: Term, lastIndex: Index): boolean {
    if (lastTerm !== this.lastTerm) return lastTerm > this.lastTerm
    return lastIndex >= this.lastIndex
  }

  /** Entries `from ..= to`, all of which exist. */
  slice(from: Index, to: Index): readonly Entry[] {
    invariant(from > this.#snapshot.index && to <= this.lastIndex, "slice outside the log")
    const base = this.#snapshot.index + 1
    return this.#entries.slice(from - base, to - base + 1)
  }

  /** Entries from `from` on, as many as fit `bytesMax`, at least one if there is one. */
  batch(from: Index, bytesMax: number): readonly Entry[] {
    invariant(from > this.#snapshot.index, "batch before the log")
    const first = from - this.#snapshot.index - 1
    let end = first
    let bytes = 0
    for (let entry = this.#entries[end]; entry !== undefined; entry = this.#entries[end]) {
      bytes += ENTRY_OVERHEAD_BYTES + (entry.type === "app" ? entry.data.length : 0)
      if (end > first && bytes > bytesMax) break
      end += 1
    }
    return this.#entries.slice(first, end)
  }

  /** The first of `entries` that is not in this log under its own term; null when all are. */
  firstMissing(entries: readonly Entry[]): Index | null {
    return entries.find((entry) => !this.matches(entry.index, entry.term))?.index ?? null
  }

  /** The highest index up to `index` whose term is at most `term`: the logs cannot agree beyond it. */
  agreeableUpTo(index: Index, term: Term): Index {
    for (let at = Math.min(index, this.lastIndex); at > this.#snapshot.index; at -= 1) {
      if ((this.termAt(at) ?? 0) <= term) return at
    }
    return Math.min(index, this.#snapshot.index)
  }

  append(entries: readonly Entry[]): void {
    for (const entry of entries) {
      invariant(entry.index === this.lastIndex + 1, "the log has a hole")
      invariant(entry.term >= this.lastTerm, "the log's terms fall")
      if (entry.type === "config") {
        invariant(isWellFormed(entry.config), "the log holds a malformed configuration")
        this.#configs.push({ index: entry.index, config: entry.config })
      }
      this.#entries.push(entry)
    }
  }

  /** Drops `from` and everything after it, configurations included: the one before rules again. */
  truncate(from: Index): void {
    invariant(from > this.#snapshot.index, "truncation into the snapshot")
    this.#entries.length = Math.min(this.#entries.length, from - this.#snapshot.index - 1)
    this.#configs = this.#configs.filter(({ index }) => index < from)
  }

  /** Puts `snapshot`, an image of this very log, in place of the entries up to its index. */
  compact(snapshot: Snapshot): void {
    invariant(
      this.matches(snapshot.index, snapshot.term),
      "compaction of a log it does not describe",
    )
    const later = this.#configs.filter(({ index }) => index > snapshot.index)
    this.#entries = this.#entries.slice(snapshot.index - this.#snapshot.index)
    this.#configs = [{ index: snapshot.index, config: snapshot.config }, ...later]
    this.#snapshot = snapshot
  }

  /** Puts a foreign `snapshot` in place of the whole log. */
  restore(snapshot: Snapshot): void {
    this.#snapshot = snapshot
    this.#entries = []
    this.#configs = [{ index: snapshot.index, config: snapshot.config }]
  }

  /** Each configuration is one step from the one before; false for a disk that nobody of us wrote. */
  hasLegalSteps(): boolean {
    return this.#configs.every((placed, i) => {
      const before = this.#configs[i - 1]
      return before === undefined || isOneStep(before.config, placed.config)
    })
  }

  #newestConfig(): PlacedConfig {
    const newest = this.#configs.at(-1)
    invariant(newest !== undefined, "a log without a configuration")
    return newest
  }
}
