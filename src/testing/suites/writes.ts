/** Writes for the storage suite: plain entries, and any write that fits a state. Decides nothing about what is checked. */

import { below, type Random } from "../../core/base/random.ts"
import { lastIndexOf, termOf } from "../../core/raft/persisted.ts"
import type { AppEntry, Persisted, Write } from "../../core/raft/types.ts"

/** Entries `from` to `to` of one term. */
export function apps(from: number, to: number, term: number): AppEntry[] {
  return Array.from({ length: to - from + 1 }, (_, offset) => {
    const index = from + offset
    return { type: "app", index, term, id: `p${index}`, data: Uint8Array.of(index, term) }
  })
}

/** A write that fits `state`, with some of its parts. */
export function randomWrite(random: Random, state: Persisted, seq: number): Write {
  const term = state.hard.term + below(random, 2)
  const last = lastIndexOf(state)
  const first = state.snapshot.index + 1
  const at = first + below(random, last - first + 1)
  const compacts = last >= first && random() < 0.3
  const base = compacts ? at : state.snapshot.index
  const cut = base + 1 + below(random, last - base + 1)
  const truncates = random() < 0.3
  const from = truncates ? Math.min(cut, last + 1) : last + 1
  const value = {
    ...state.snapshot,
    index: at,
    term: termOf(state, at) ?? 0,
    data: Uint8Array.of(seq),
  }
  return {
    seq,
    hard: { term, votedFor: term > state.hard.term ? "b" : state.hard.votedFor },
    snapshot: compacts ? { value, keepTail: true } : undefined,
    truncateFrom: truncates ? cut : undefined,
    append: apps(from, from - 1 + below(random, 4), term),
  }
}
