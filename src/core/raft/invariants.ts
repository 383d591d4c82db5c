/**
 * The five properties of Raft (figure 3) and the rules they rest on, checked from outside: a checker is told what every
 * node holds, says and applies, and throws at the first step that cannot be right. For tests, fuzzers and simulators.
 */

import { invariant } from "../base/assert.ts"
import { lastIndexOf, termOf } from "./persisted.ts"
import { majority } from "./quorum.ts"
import type {
  Config,
  Entry,
  Index,
  NodeId,
  Persisted,
  RaftMessage,
  RaftStatus,
  Term,
} from "./types.ts"

/** One node after a step. */
export interface NodeView {
  readonly status: RaftStatus
  /** Counts its restarts: a leader of before a crash is not the leader of after it. */
  readonly run: number
  /** All writes asked for so far, durable or not. The same object as long as nothing was asked for. */
  readonly memory: Persisted
}

interface Committed {
  readonly print: string
  readonly term: Term
  /** The term of the leader that committed it: every later leader must have it. */
  readonly inTerm: Term
}

/** What makes two entries the same. A proposal's id stands for its data. */
export function printEntry(entry: Entry): string {
  switch (entry.type) {
    case "noop":
      return `${entry.index}/${entry.term} noop`
    case "config":
      return `${entry.index}/${entry.term} ${printConfig(entry.config)}`
    case "app":
      return `${entry.index}/${entry.term} ${entry.id}`
    default:
      return entry satisfies never
  }
}

/** Watches a whole cluster through all restarts. `diskOf` gives what a node would find if it crashed now. */
export class SafetyChecker {
  readonly #diskOf: (id: NodeId) => Persisted
  readonly #leaders = new Map<Term, string>()
  readonly #entries = new Map<string, { readonly print: string; readonly prevTerm: Term }>()
  readonly #committed = new Map<Index, Committed>()
  readonly #votes = new Map<string, NodeId>()
  readonly #acked = new Map<NodeId, { readonly term: Term; readonly index: Index }>()
  readonly #seen = new Map<NodeId, NodeView>()

  constructor(diskOf: (id: NodeId) => Persisted) {
    this.#diskOf = diskOf
  }

  /** Everything known to be committed, by print; for checks of what a proposer was told. */
  committed(index: Index): string | undefined {
    return this.#committed.get(index)?.print
  }

  /** Tells what a node is after a step. */
  observe(view: NodeView): void {
    const { self, role } = view.status
    const seen = this.#seen.get(self)
    const before = seen?.run === view.run ? seen : undefined
    if (before !== undefined) checkMonotone(before, view)
    if (before?.memory !== view.memory) {
      checkMirror(view)
      this.#checkEntries(view, before)
    }
    this.#checkAcknowledged(view)
    this.#checkCommit(view, before)
    if (role === "leader") this.#checkLeader(view, before)
    this.#seen.set(self, view)
  }

  /** Tells that a message leaves a node now: what it says must be on that node's disk. */
  released(from: NodeId, to: NodeId, message: RaftMessage): void {
    const disk = this.#diskOf(from)
    const promised = message.type === "vote-response" && message.pre && message.granted
    const term = message.type === "vote" && message.pre ? message.term - 1 : message.term
    invariant(promised || disk.hard.term >= term, `${from} speaks of term ${term} before saving it`)
    if (message.type === "vote" && !message.pre) this.#vote(from, message.term, from)
    if (message.type === "vote-response" && !message.pre && message.granted) {
      this.#vote(from, message.term, to)
    }
    if (message.type === "append-response" && message.ok && disk.hard.term === message.term) {
      invariant(lastIndexOf(disk) >= message.index, `${from} acknowledges what it has not saved`)
      const before = this.#acked.get(from)
      const index =
        before?.term === message.term ? Math.max(before.index, message.index) : message.index
      this.#acked.set(from, { term: message.term, index })
    }
  }

  /** Tells that a node applies an entry. State machine safety: the same everywhere, and durable there. */
  applied(id: NodeId, entry: Entry): void {
    const print = printEntry(entry)
    const committed = this.#committed.get(entry.index)?.print
    invariant(committed === print, `state machine safety: ${id} applies ${print}, not ${committed}`)
    const saved = holds(this.#diskOf(id), entry.index, entry.term)
    invariant(saved, `${id} applies ${print} before saving it`)
  }

  /** A node has one vote per term, also over restarts; campaigning is voting for itself. */
  #vote(voter: NodeId, term: Term, candidate: NodeId): void {
    const key = `${term} ${voter}`
    const earlier = this.#votes.get(key) ?? candidate
    invariant(
      earlier === candidate,
      `${voter} votes for ${earlier} and ${candidate} in term ${term}`,
    )
    this.#votes.set(key, candidate)
    const { hard } = this.#diskOf(voter)
    invariant(
      hard.term > term || (hard.term === term && hard.votedFor === candidate),
      `${voter} votes before saving it`,
    )
  }

  /** Log matching: an index and a term name one entry and one predecessor. */
  #checkEntries(view: NodeView, before: NodeView | undefined): void {
    const { memory } = view
    let prevTerm = memory.snapshot.term
    for (const entry of memory.entries) {
      const known = before === undefined ? undefined : entryAt(before.memory, entry.index)
      if (known !== entry) this.#checkEntry(view.status.self, entry, prevTerm)
      prevTerm = entry.term
    }
  }

  #checkEntry(id: NodeId, entry: Entry, prevTerm: Term): void {
    const print = printEntry(entry)
    const key = `${entry.index}/${entry.term}`
    const known = this.#entries.get(key)
    if (known === undefined) {
      this.#entries.set(key, { print, prevTerm })
      return
    }
    const same = known.print === print && known.prevTerm === prevTerm
    invariant(same, `log matching: ${id} has ${print}, another ${known.print}`)
  }

  /** Within a term an acknowledged entry is not cut off. */
  #checkAcknowledged({ status, memory }: NodeView): void {
    const acked = this.#acked.get(status.self)
    if (acked === undefined || acked.term !== status.term) return
    invariant(lastIndexOf(memory) >= acked.index, `${status.self} cut what it had acknowledged`)
  }

  #checkCommit(view: NodeView, before: NodeView | undefined): void {
    const { status, memory } = view
    const { self, commit } = status
    invariant(commit <= lastIndexOf(memory), `${self} commits beyond its log`)
    const base = memory.snapshot.index
    invariant(commit >= base, `${self} has a snapshot of the uncommitted`)
    const from = Math.max(before?.status.commit ?? 0, base)
    for (const entry of memory.entries.slice(from - base, commit - base)) {
      const print = printEntry(entry)
      const known = this.#committed.get(entry.index)
      if (known === undefined) {
        this.#committed.set(entry.index, { print, term: entry.term, inTerm: status.term })
      } else {
        invariant(known.print === print, `${self} commits ${print}, another ${known.print}`)
      }
    }
    const grew = before !== undefined && commit > before.status.commit
    if (grew && status.role === "leader") this.#checkQuorum(view)
  }

  /** Figure 8 and the quorum itself: a leader commits an entry of its own term that a majority has on disk. */
  #checkQuorum({ status, memory }: NodeView): void {
    const { commit, self, term } = status
    invariant(
      termOf(memory, commit) === term,
      `${self} commits an entry of an older term by counting`,
    )
    const holders = status.config.voters.filter((id) => holds(this.#diskOf(id), commit, term))
    const needed = majority(status.config.voters.length)
    invariant(holders.length >= needed, `${self} commits ${commit} held by ${holders.join()} only`)
  }

  #checkLeader(view: NodeView, before: NodeView | undefined): void {
    const { status, memory } = view
    const name = `${status.self}.${view.run}`
    const leader = this.#leaders.get(status.term) ?? name
    invariant(leader === name, `election safety: ${leader} and ${name} lead term ${status.term}`)
    if (before?.status.role === "leader" && before.status.term === status.term) {
      checkAppendOnly(before, view)
      checkConfigChange(before, view)
      return
    }
    this.#leaders.set(status.term, name)
    this.#checkElected(status.config, status.self, status.term)
    for (const [index, committed] of this.#committed) {
      if (committed.inTerm >= status.term || index <= memory.snapshot.index) continue
      const has = termOf(memory, index) === committed.term
      invariant(has, `leader completeness: ${status.self} lacks ${committed.print}`)
    }
  }

  /** Nobody leads without the saved votes of a majority of its own voters. */
  #checkElected(config: Config, leader: NodeId, term: Term): void {
    const votes = config.voters.filter((id) => this.#votes.get(`${term} ${id}`) === leader)
    const own =
      config.voters.includes(leader) && !votes.includes(leader) ? this.#ownVote(leader, term) : 0
    const enough = votes.length + own >= majority(config.voters.length)
    invariant(enough, `${leader} leads term ${term} with the votes of ${votes.join()} only`)
  }

  /** A lone voter asks nobody, so its vote is seen on its disk alone. */
  #ownVote(leader: NodeId, term: Term): number {
    const { hard } = this.#diskOf(leader)
    return hard.term === term && hard.votedFor === leader ? 1 : 0
  }
}

function entryAt(disk: Persisted, index: Index): Entry | undefined {
  return disk.entries[index - disk.snapshot.index - 1]
}

/** In the log, or under a snapshot, which holds committed entries only. */
function holds(disk: Persisted, index: Index, term: Term): boolean {
  return disk.snapshot.index >= index || termOf(disk, index) === term
}

/** What the node says of its log is what it asked its disk to hold. */
function checkMirror({ status, memory }: NodeView): void {
  const { self, lastIndex, snapshotIndex, config } = status
  invariant(lastIndex === lastIndexOf(memory), `${self} has another log in memory than on disk`)
  invariant(snapshotIndex === memory.snapshot.index, `${self} has another snapshot on disk`)
  invariant(
    printConfig(config) === printConfig(newestConfig(memory)),
    `${self} follows another configuration`,
  )
}

/** Dissertation §4.1 and the 2015 correction: one voter at a time, one change at a time, after a commit in this term. */
function checkConfigChange(before: NodeView, after: NodeView): void {
  if (before.memory === after.memory) return
  const { self, commit, term } = before.status
  const added = after.memory.entries.filter(
    ({ type, index }) => type === "config" && index > lastIndexOf(before.memory),
  )
  if (added.length === 0) return
  const pending = before.memory.entries.some(
    ({ type, index }) => type === "config" && index > commit,
  )
  invariant(!pending && added.length === 1, `${self} changes an uncommitted configuration`)
  invariant(termOf(before.memory, commit) === term, `${self} changes members before it committed`)
  const safe = quorumsOverlap(before.status.config.voters, after.status.config.voters)
  invariant(safe, `${self} changes too many voters at once`)
}

/** Has every majority of one a voter in common with every majority of the other? */
function quorumsOverlap(a: readonly NodeId[], b: readonly NodeId[]): boolean {
  const common = a.filter((id) => b.includes(id)).length
  // Two majorities that avoid each other take their strangers first.
  const fromA = Math.max(0, majority(a.length) - (a.length - common))
  const fromB = Math.max(0, majority(b.length) - (b.length - common))
  return fromA + fromB > common
}

function newestConfig(disk: Persisted): Config {
  const newest = disk.entries.findLast(({ type }) => type === "config")
  return newest?.type === "config" ? newest.config : disk.snapshot.config
}

function printConfig({ voters, learners }: Config): string {
  return `${voters.join()}|${learners.join()}`
}

function checkMonotone(before: NodeView, after: NodeView): void {
  const { self } = after.status
  invariant(after.status.term >= before.status.term, `the term of ${self} falls`)
  invariant(after.status.commit >= before.status.commit, `the commit index of ${self} falls`)
  invariant(after.status.applied >= before.status.applied, `${self} unapplies`)
  invariant(after.status.applied <= after.status.commit, `${self} applies the uncommitted`)
}

/** Leader append-only: within a term a leader's entries stay, compaction apart. */
function checkAppendOnly(before: NodeView, after: NodeView): void {
  if (before.memory === after.memory) return
  const kept = before.memory.entries.every(
    (entry) =>
      entry.index <= after.memory.snapshot.index || entryAt(after.memory, entry.index) === entry,
  )
  invariant(kept, `leader append-only: ${after.status.self} changed its log`)
}
