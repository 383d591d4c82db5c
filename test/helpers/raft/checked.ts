/** A safety checker and the disks it looks at, without any core: for tests that show it what no core would do. */

import { SafetyChecker, type NodeView } from "../../../src/core/raft/invariants.ts"
import { genesis } from "../../../src/core/raft/persisted.ts"
import type { Entry, Persisted, RaftStatus, Role } from "../../../src/core/raft/types.ts"
import { grantOf, log, members, NO_DATA, voteOf } from "./lab.ts"

export interface World {
  readonly checker: SafetyChecker
  readonly disks: Map<string, Persisted>
}

export function world(config = "abc", disks: Record<string, Persisted> = {}): World {
  const map = new Map(Object.entries(disks))
  const fallback = genesis(members(config), NO_DATA)
  return { disks: map, checker: new SafetyChecker((id) => map.get(id) ?? fallback) }
}

export function disk(
  term: number,
  entries: readonly Entry[],
  votedFor: string | null = null,
): Persisted {
  return { ...genesis(members("abc"), NO_DATA), hard: { term, votedFor }, entries }
}

export function view(
  id: string,
  role: Role,
  memory: Persisted,
  more: Partial<RaftStatus> = {},
): NodeView {
  const newest = memory.entries.findLast(({ type }) => type === "config")
  const config = newest?.type === "config" ? newest.config : memory.snapshot.config
  const status: RaftStatus = {
    self: id,
    role,
    term: memory.hard.term,
    leader: null,
    commit: 0,
    applied: 0,
    lastIndex: memory.snapshot.index + memory.entries.length,
    snapshotIndex: memory.snapshot.index,
    config,
    quorum: false,
    leaderSeenAt: null,
    ...more,
  }
  return { status, run: 1, memory }
}

/** `a` leads term 1 over its entries with the votes of `a` and `b`. */
export function led(entries: readonly Entry[] = log([1])): World & { readonly memory: Persisted } {
  const memory = disk(1, entries, "a")
  const { checker, disks } = world("abc", { a: memory, b: disk(1, [], "a") })
  checker.released("a", "b", voteOf(1))
  checker.released("b", "a", grantOf(1))
  checker.observe(view("a", "leader", memory))
  return { checker, disks, memory }
}
