/** Reads what the members' disks say about the refresh protocol. Decides nothing; each entry is decoded once. */

import { type Head, isOlder } from "../core/refresh/head.ts"
import { majority } from "../core/raft/quorum.ts"
import type { Entry, Persisted } from "../core/raft/types.ts"
import type { ClusterState, LogEntry } from "../core/refresh/types.ts"
import { decodeEntry, decodeState } from "../wire/entries.ts"
import type { SimulatedMember } from "./world.ts"

const NOTHING: Persisted = {
  hard: { term: 0, votedFor: null },
  snapshot: { index: 0, term: 0, config: { voters: [], learners: [] }, data: new Uint8Array() },
  entries: [],
}

/** What the member would find if its machine died now. */
export function persistedOf(member: SimulatedMember | undefined): Persisted {
  return member?.disk.durable().persisted ?? NOTHING
}

/** The head that an entry makes; null: none. */
function headOf(entry: LogEntry | null): Head | null {
  if (entry?.type === "result" || entry?.type === "login") return entry.pair
  return entry?.type === "logout" ? { epoch: entry.epoch + 1, generation: 0 } : null
}

export class LogReader {
  /** A proposal's id stands for its data. */
  readonly #entries = new Map<string, LogEntry | null>()
  readonly #states = new WeakMap<Uint8Array, ClusterState>()

  entry(entry: Entry): LogEntry | null {
    if (entry.type !== "app") return null
    const name = `${entry.index} ${entry.id}`
    let read = this.#entries.get(name)
    if (read === undefined) {
      try {
        read = decodeEntry(entry.data)
      } catch {
        read = null
      }
      this.#entries.set(name, read)
    }
    return read
  }

  /** The entry in place `index` of the member's log; `compacted` when a snapshot covers it. */
  at(member: SimulatedMember, index: number): LogEntry | "compacted" | null {
    const disk = persistedOf(member)
    if (index <= disk.snapshot.index) return "compacted"
    const entry = disk.entries[index - disk.snapshot.index - 1]
    return entry === undefined ? null : this.entry(entry)
  }

  /** Logins that entries on the member's disk end by name. */
  ended(member: SimulatedMember): readonly number[] {
    const read = persistedOf(member).entries.map((entry) => this.entry(entry))
    return read.flatMap((entry) => (entry?.type === "logout" ? [entry.epoch] : []))
  }

  /** Whether the member's disk holds the pair, or a state that came after it. */
  holdsHead(member: SimulatedMember, head: Head): boolean {
    const disk = persistedOf(member)
    const { data } = disk.snapshot
    const state = data.length === 0 ? null : this.#state(data)
    const held = { epoch: state?.epoch ?? 0, generation: state?.pair?.generation ?? 0 }
    if (!isOlder(held, head)) return true
    return disk.entries.some((entry) => {
      const made = headOf(this.entry(entry))
      return made !== null && !isOlder(made, head)
    })
  }

  #state(data: Uint8Array): ClusterState {
    let state = this.#states.get(data)
    if (state === undefined) {
      state = decodeState(data)
      this.#states.set(data, state)
    }
    return state
  }
}

export function votersOf(disk: Persisted): readonly string[] {
  const newest = disk.entries.findLast(({ type }) => type === "config")
  return newest?.type === "config" ? newest.config.voters : disk.snapshot.config.voters
}

/** Do more than half of the voters, as `member` knows them, pass? */
export function quorumPasses(
  members: readonly SimulatedMember[],
  member: SimulatedMember,
  passes: (one: SimulatedMember) => boolean,
): boolean {
  const voters = votersOf(persistedOf(member))
  const count = members.filter((one) => voters.includes(one.id) && passes(one)).length
  return count >= majority(voters.length)
}
