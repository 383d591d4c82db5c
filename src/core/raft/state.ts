/**
 * All that one node knows, and the tray on which a step collects what the driver must do. Every change of durable
 * state goes through a function of this file, so that none of them can miss the write.
 */

import { invariant } from "../base/assert.ts"
import { between, type Random } from "../base/random.ts"
import { Durability } from "./durability.ts"
import { RaftLog } from "./log.ts"
import { isWellFormed } from "./membership.ts"
import type { Progress } from "./progress.ts"
import { TERM_MAX } from "./sanity.ts"
import type {
  Config,
  Entry,
  HardState,
  Index,
  Millis,
  NodeId,
  Persisted,
  ProposalId,
  RaftMessage,
  RaftOptions,
  Settlement,
  Snapshot,
  Term,
  Write,
  WriteSeq,
} from "./types.ts"

export interface Follower {
  readonly type: "follower"
}
export interface PreCandidate {
  readonly type: "pre-candidate"
  readonly votes: Map<NodeId, boolean>
}
export interface Candidate {
  readonly type: "candidate"
  readonly votes: Map<NodeId, boolean>
  /** The own vote counts when this write is durable. */
  readonly selfVoteSeq: WriteSeq
}
export interface Leader {
  readonly type: "leader"
  /** In sorted order; never holds the leader itself. */
  readonly progress: Map<NodeId, Progress>
  /** Local proposals that wait for their entry. */
  readonly pending: Map<Index, ProposalId>
  /** The first entry of its own term; nothing older commits before it (figure 8). */
  readonly noopIndex: Index
  /** How far the peers know its disk. */
  durable: Index
  /** Null: nobody needs one. */
  heartbeatAt: Millis | null
  /** The quorum is not missed before an election timeout from here. */
  graceFrom: Millis
  transfer: { readonly to: NodeId; readonly until: Millis; readonly sent: boolean } | null
}
export type RoleState = Follower | PreCandidate | Candidate | Leader

interface Send {
  readonly to: NodeId
  readonly message: RaftMessage
  /** False: depends on nothing unsaved. */
  readonly gated: boolean
}

/** What one step has asked for so far. */
export interface Tray {
  hard: HardState | undefined
  snapshot: Write["snapshot"]
  truncateFrom: Index | undefined
  append: Entry[]
  send: Send[]
  restore: Snapshot | null
  apply: readonly Entry[]
  settled: { readonly id: ProposalId; readonly result: Settlement; readonly index: Index | null }[]
}

export function emptyTray(): Tray {
  return {
    hard: undefined,
    snapshot: undefined,
    truncateFrom: undefined,
    append: [],
    send: [],
    restore: null,
    apply: [],
    settled: [],
  }
}

export interface State {
  readonly options: RaftOptions
  readonly random: Random
  readonly log: RaftLog
  readonly durability: Durability
  /** As of the last step. */
  now: Millis
  hard: HardState
  role: RoleState
  leader: NodeId | null
  leaderSeenAt: Millis | null
  /** What the leader of `term` is known to have on its disk. */
  leaderDurable: { readonly term: Term; readonly index: Index }
  /** Since when its leader owes this node a word: it was handed a proposal, and was not heard since. Null: it owes none. */
  owedFrom: Millis | null
  /** Until then no vote is given against the leader. */
  loyalUntil: Millis
  electionDelay: Millis
  electionAt: Millis
  commit: Index
  applied: Index
  /** A snapshot on its way to the disk; nothing is applied before it. */
  restoring: { readonly snapshot: Snapshot; readonly seq: WriteSeq } | null
  /** Proposals handed to a leader, and until when this node waits to see them commit. */
  readonly forwards: Map<ProposalId, { readonly until: Millis; readonly accepted: boolean }>
  /** What forwarders were told: a repeated request gets the same answer, whoever leads by then. */
  readonly verdicts: Map<ProposalId, boolean>
  /** Peers that the transport called unreachable. */
  readonly down: Set<NodeId>
  tray: Tray
}

/** @throws {InvariantError} for a disk that this core never wrote, or for options that cannot work. */
export function openState(
  persisted: Persisted,
  options: RaftOptions,
  random: Random,
  now: Millis,
): State {
  const { hard, snapshot, entries } = persisted
  invariant(snapshot.index > 0 || snapshot.term === 0, "the genesis has term 0")
  invariant(snapshot.index === 0 || isWellFormed(snapshot.config), "a snapshot's configuration")
  invariant(options.electionMs > 0 && options.heartbeatMs > 0, "pacing must be positive")
  const log = new RaftLog(snapshot, entries)
  invariant(log.lastTerm <= hard.term, "the log is ahead of the term")
  invariant(log.hasLegalSteps(), "the log changes more than one voter at once")
  const state: State = {
    options,
    random,
    log,
    durability: new Durability(log.lastIndex),
    now,
    hard,
    role: { type: "follower" },
    leader: null,
    leaderSeenAt: null,
    leaderDurable: { term: 0, index: 0 },
    owedFrom: null,
    loyalUntil: now,
    electionDelay: 0,
    electionAt: now,
    commit: snapshot.index,
    applied: snapshot.index,
    restoring: null,
    forwards: new Map(),
    verdicts: new Map(),
    down: new Set(),
    tray: emptyTray(),
  }
  drawElectionDelay(state)
  return state
}

/** A fresh random time-out, starting now (Raft §5.2). */
export function drawElectionDelay(s: State): void {
  s.electionDelay = between(s.random, s.options.electionMs, 2 * s.options.electionMs)
  s.electionAt = s.now + s.electionDelay
}

export function isLoneVoter(s: State): boolean {
  return isLone(s, s.options.self)
}

/** It is a quorum by itself. */
export function isLone(s: State, id: NodeId | null): boolean {
  const { voters } = s.log.config
  return voters.length === 1 && voters[0] === id
}

export function isVoter(s: State): boolean {
  return s.log.config.voters.includes(s.options.self)
}

/**
 * May it campaign? A voter may; so may one whose removal is not committed, because its log can be the only one that
 * is new enough (dissertation §4.2.2).
 */
export function isPromotable(s: State): boolean {
  if (s.hard.term >= TERM_MAX) return false
  if (isVoter(s)) return true
  const { configIndex } = s.log
  if (configIndex <= s.commit) return false
  return s.log.configAt(configIndex - 1).voters.includes(s.options.self)
}

/** Queues a message that leaves when everything this node has decided so far is durable. */
export function sendGated(s: State, to: NodeId, message: RaftMessage): void {
  s.tray.send.push({ to, message, gated: true })
}

/** Queues a message that says nothing unsaved. */
export function sendNow(s: State, to: NodeId, message: RaftMessage): void {
  s.tray.send.push({ to, message, gated: false })
}

export function settle(s: State, id: ProposalId, result: Settlement, index: Index | null): void {
  s.tray.settled.push({ id, result, index })
}

/** Term and vote in one record. Within a term a vote is never taken back. */
export function saveHard(s: State, hard: HardState): void {
  const sameTerm = hard.term === s.hard.term
  invariant(hard.term >= s.hard.term, "the term falls")
  invariant(!sameTerm || s.hard.votedFor === null, "a second vote")
  s.hard = hard
  s.tray.hard = hard
}

export function appendEntries(s: State, entries: readonly Entry[]): void {
  s.log.append(entries)
  for (const entry of entries) s.tray.append.push(entry)
}

export function truncateLog(s: State, from: Index): void {
  invariant(from > s.commit, "a committed entry would be cut")
  invariant(s.tray.append.length === 0, "a truncation follows an append within one write")
  s.log.truncate(from)
  s.durability.forgetAfter(from - 1)
  s.tray.truncateFrom = from
}

/** Replaces the whole log by a leader's snapshot; it is handed out when it is durable. */
export function restoreSnapshot(s: State, snapshot: Snapshot): void {
  invariant(snapshot.index > s.commit, "a snapshot older than the commit index")
  s.durability.forgetAfter(s.commit)
  s.log.restore(snapshot)
  s.commit = snapshot.index
  s.tray.snapshot = { value: snapshot, keepTail: false }
  s.restoring = { snapshot, seq: s.durability.issued + 1 }
}

/** Puts the state machine's image in place of the log before it. */
export function compactLog(s: State, index: Index, data: Uint8Array): void {
  if (index <= s.log.snapshot.index) return
  invariant(index <= s.applied, "compaction beyond what was applied")
  const config: Config = s.log.configAt(index)
  // A joiner that has not met a configuration yet would hand its empty genesis on.
  if (config.voters.length === 0) return
  const term = s.log.termAt(index)
  invariant(term !== null, "compaction beyond the log")
  const snapshot: Snapshot = { index, term, config, data }
  s.log.compact(snapshot)
  s.tray.snapshot = { value: snapshot, keepTail: true }
}
