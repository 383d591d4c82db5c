/**
 * Raft's five properties, seen from outside: from what members write and from what they say to each other. The core's own
 * checker looks inside a node and is used for fuzzing; this one watches whole members, which show no more than that.
 */

import { isDeepStrictEqual } from "node:util"

import { printEntry, SafetyChecker } from "../core/raft/invariants.ts"
import { lastIndexOf, termOf } from "../core/raft/persisted.ts"
import { majority } from "../core/raft/quorum.ts"
import type {
  AppendRequest,
  Entry,
  Index,
  Persisted,
  RaftMessage,
  SnapshotRequest,
  Term,
  Write,
} from "../core/raft/types.ts"
import { decodeState } from "../wire/entries.ts"
import { persistedOf, votersOf } from "./log-reader.ts"
import type { SimulatedMember } from "./world.ts"

interface Committed {
  readonly print: string
  readonly term: Term
  /** Of the leader that said so: every later one must have it. */
  readonly inTerm: Term
}

export class RaftWitness {
  readonly #members: readonly SimulatedMember[]
  readonly #checker: SafetyChecker
  readonly #leaders = new Map<Term, SimulatedMember>()
  readonly #entries = new Map<string, { readonly print: string; readonly prevTerm: Term }>()
  readonly #committed = new Map<Index, Committed>()
  readonly #snapshots = new Map<Index, Uint8Array>()
  /** Terms of the entries that a member appended, by index. */
  readonly #held = new Map<SimulatedMember, Map<Index, Term>>()
  #commit: Index = 0

  constructor(members: readonly SimulatedMember[]) {
    this.#members = members
    this.#checker = new SafetyChecker((id) => {
      const member = members.find((one) => one.id === id)
      return persistedOf(member)
    })
  }

  /** Its disk was put back: the image may hold entries that were cut since, and none of those that came after. */
  forget(member: SimulatedMember): void {
    const { entries } = persistedOf(member)
    this.#held.set(member, new Map(entries.map(({ index, term }) => [index, term])))
  }

  /** A message leaves now. @throws InvariantError when it says what is not durable, or a second vote. */
  message(from: SimulatedMember, to: SimulatedMember, message: RaftMessage): string | null {
    this.#checker.released(from.id, to.id, message)
    if (message.type !== "append" && message.type !== "snapshot") return null
    return this.#led(from, message) ?? this.#commits(from, message)
  }

  /** Election safety and leader completeness. */
  #led(from: SimulatedMember, { term }: AppendRequest | SnapshotRequest): string | null {
    const leader = this.#leaders.get(term)
    if (leader === from) return null
    if (leader !== undefined) return `m${leader.at} and m${from.at} both lead term ${term}`
    this.#leaders.set(term, from)
    const disk = persistedOf(from)
    for (const [index, { inTerm, print, term: entryTerm }] of this.#committed) {
      if (inTerm >= term || index <= disk.snapshot.index) continue
      if (termOf(disk, index) !== entryTerm) return `m${from.at} leads ${term} without ${print}`
    }
    return null
  }

  /** State machine safety: one entry per committed index, held by a quorum. */
  #commits(from: SimulatedMember, message: AppendRequest | SnapshotRequest): string | null {
    const { term } = message
    const commit = message.type === "append" ? message.commit : message.snapshot.index
    if (commit <= this.#commit) return null
    const disk = persistedOf(from)
    for (let index = this.#commit + 1; index <= commit; index += 1) {
      const entry = disk.entries[index - disk.snapshot.index - 1]
      if (entry === undefined) continue
      this.#committed.set(index, { print: printEntry(entry), term: entry.term, inTerm: term })
    }
    this.#commit = commit
    const holders = this.#members.filter((member) => holds(persistedOf(member), commit, disk))
    const voters = votersOf(disk)
    const among = holders.filter(({ id }) => voters.includes(id))
    return among.length >= majority(voters.length)
      ? null
      : `m${from.at} commits ${commit}, which only ${among.length} of ${voters.length} voters hold`
  }

  /** Log matching, append-only leaders, equal state machines; a committed entry stays as it is. */
  wrote(member: SimulatedMember, write: Write): string | null {
    const disk = persistedOf(member)
    if (write.truncateFrom !== undefined) {
      const wrong = this.#cuts(member, write.truncateFrom)
      if (wrong !== null) return wrong
    }
    for (const entry of write.append ?? []) {
      const wrong = this.#matches(member, entry, termOf(disk, entry.index - 1))
      if (wrong !== null) return wrong
    }
    return write.snapshot === undefined ? null : this.#images(member, write.snapshot.value)
  }

  #cuts(member: SimulatedMember, from: Index): string | null {
    const { term } = persistedOf(member).hard
    if (this.#leaders.get(term) === member)
      return `m${member.at} leads term ${term} and cuts its log`
    for (const [index, heldTerm] of this.#held.get(member) ?? []) {
      if (index < from) continue
      if (this.#committed.get(index)?.term === heldTerm)
        return `m${member.at} cuts entry ${index}, which is committed`
      this.#held.get(member)?.delete(index)
    }
    return null
  }

  #matches(member: SimulatedMember, entry: Entry, prevTerm: Term | null): string | null {
    let held = this.#held.get(member)
    if (held === undefined) this.#held.set(member, (held = new Map()))
    held.set(entry.index, entry.term)
    const print = printEntry(entry)
    const name = `${entry.index}/${entry.term}`
    const known = this.#entries.get(name)
    if (known === undefined) {
      if (prevTerm !== null) this.#entries.set(name, { print, prevTerm })
      return null
    }
    const same = known.print === print && (prevTerm === null || known.prevTerm === prevTerm)
    return same ? null : `log matching: m${member.at} has ${print}, another ${known.print}`
  }

  #images(
    member: SimulatedMember,
    { index, data }: { readonly index: Index; readonly data: Uint8Array },
  ): string | null {
    const known = this.#snapshots.get(index) ?? data
    this.#snapshots.set(index, known)
    const same = Buffer.compare(known, data) === 0 || isDeepStrictEqual(read(known), read(data))
    return same ? null : `m${member.at} has another state after entry ${index}`
  }
}

/** The order of an object's members is no part of the state. */
function read(image: Uint8Array): unknown {
  return image.length === 0 ? null : decodeState(image)
}

/** In the log with the same term as in `other`, or under a snapshot, which holds committed entries only. */
function holds(disk: Persisted, index: Index, other: Persisted): boolean {
  if (disk.snapshot.index >= index) return true
  const term = termOf(other, index)
  // The leader that says so may have it in memory alone, while a majority of others has it on disk.
  return term === null ? lastIndexOf(disk) >= index : termOf(disk, index) === term
}
