/** What a leader sends, what it learns from the answers, and when it may call an entry committed (Raft §5.3, §5.4.2). */

import { peersOf } from "./membership.ts"
import { acknowledge, isFree, newProgress, refuse, type Progress } from "./progress.ts"
import { isPairMajority, majorityValue } from "./quorum.ts"
import { becomeFollower } from "./role.ts"
import { isLoneVoter, isVoter, sendNow, type Leader, type State } from "./state.ts"
import type { AppendResponse, Entry, Index, Millis, NodeId } from "./types.ts"

/** An answer of this term. */
export function receiveAppendResponse(s: State, from: NodeId, response: AppendResponse): void {
  if (s.role.type !== "leader") return
  const progress = s.role.progress.get(from)
  if (progress === undefined) return
  progress.heardAt = s.now
  if (!response.ok) {
    refuse(progress, response.refused, s.log.agreeableUpTo(response.index, response.hintTerm))
  } else if (response.index <= s.log.lastIndex) {
    acknowledge(progress, response.index)
  }
}

/** Keeps one {@link Progress} per peer of the ruling configuration, in sorted order. */
export function followConfig(s: State, leader: Leader): void {
  const before = new Map(leader.progress)
  leader.progress.clear()
  for (const id of peersOf(s.log.config, s.options.self)) {
    leader.progress.set(id, before.get(id) ?? newProgress(s.log.lastIndex, s.now))
  }
}

/** What the ruling configuration's voters reached, by any measure. */
function reachedByQuorum(
  s: State,
  leader: Leader,
  own: number,
  measure: (progress: Progress) => number,
): number {
  const values = s.log.config.voters.map((id) => {
    if (id === s.options.self) return own
    const progress = leader.progress.get(id)
    return progress === undefined ? 0 : measure(progress)
  })
  return majorityValue(values)
}

/** Counting replicas commits entries of the own term only; older ones follow (figure 8). */
export function advanceCommit(s: State, leader: Leader): void {
  const reached = reachedByQuorum(s, leader, s.durability.index, ({ match }) => match)
  if (reached > s.commit && s.log.termAt(reached) === s.hard.term) s.commit = reached
}

/** When a quorum was last heard by this leader. */
export function quorumHeardAt(s: State, leader: Leader, now: Millis): Millis {
  return reachedByQuorum(s, leader, now, ({ heardAt }) => heardAt)
}

/** The transport reached the peer anew: what was under way is lost, what it knows is unknown. */
export function probeAgain(leader: Leader, id: NodeId): void {
  const progress = leader.progress.get(id)
  if (progress === undefined) return
  progress.inflight = null
  progress.commit = 0
  progress.noticed = 0
  progress.durable = 0
}

/** Tells the voters that still write, when the news may complete a majority of two. */
export function tellDurable(s: State, leader: Leader): void {
  const { index } = s.durability
  if (index <= leader.durable) return
  leader.durable = index
  const { config } = s.log
  if (!isVoter(s) || !isPairMajority(config) || s.log.termAt(index) !== s.hard.term) return
  for (const [to, progress] of leader.progress) {
    if (index <= progress.match || progress.inflight === null || !config.voters.includes(to))
      continue
    progress.durable = index
    sendNow(s, to, { type: "leader-durable", term: s.hard.term, index })
  }
}

/** Sends what each peer lacks, entries or knowledge of the commit index, unless it still owes an answer. */
export function pump(s: State, leader: Leader): void {
  for (const [to, progress] of leader.progress) {
    const entries = progress.next <= s.log.lastIndex && isFree(progress)
    const news = progress.commit < s.commit && progress.inflight === null
    if (entries || news) sendNext(s, to, progress, true)
    else notice(s, to, progress)
  }
}

/**
 * Tells a peer of a commit although it still owes an answer to entries: its disk may be the slowest, and its application
 * waits for nothing but this. A peer that never got the entries refuses, which is stale by then and changes nothing.
 */
function notice(s: State, to: NodeId, progress: Progress): void {
  const { inflight } = progress
  if (inflight?.type !== "append" || !inflight.holds) return
  const commit = Math.min(s.commit, inflight.last)
  const { noticed, durable } = progress
  // What it was told of the leader's disk will do, as soon as its own has as much.
  if (commit <= Math.max(progress.commit, noticed, durable, inflight.commit)) return
  if (s.log.termAt(inflight.last) === null) return
  progress.noticed = sendAppend(s, to, inflight.last, [])
}

function sendNext(s: State, to: NodeId, progress: Progress, withEntries: boolean): void {
  const prev = progress.next - 1
  if (s.log.termAt(prev) === null) {
    sendSnapshot(s, to, progress)
    return
  }
  const entries = withEntries ? s.log.batch(progress.next, s.options.appendBytesMax) : []
  const commit = sendAppend(s, to, prev, entries)
  const last = prev + entries.length
  const inStep = withEntries && last === progress.match
  progress.inflight = { type: "append", last, commit, holds: !inStep }
}

function sendSnapshot(s: State, to: NodeId, progress: Progress): void {
  const { snapshot } = s.log
  progress.inflight = { type: "snapshot", index: snapshot.index, sentAt: s.now }
  sendNow(s, to, { type: "snapshot", term: s.hard.term, snapshot })
}

/** The commit index in a message never passes what the message itself proves to be in the log. */
function sendAppend(s: State, to: NodeId, prevIndex: Index, entries: readonly Entry[]): Index {
  const prevTerm = s.log.termAt(prevIndex) ?? 0
  const commit = Math.min(s.commit, prevIndex + entries.length)
  sendNow(s, to, { type: "append", term: s.hard.term, prevIndex, prevTerm, entries, commit })
  return commit
}

/** Says that the leader lives; to a peer that owes an answer, asks again without entries. */
export function sendHeartbeat(s: State, to: NodeId, progress: Progress): void {
  const { inflight } = progress
  if (inflight?.type !== "snapshot") {
    sendNext(s, to, progress, inflight === null)
  } else if (progress.heardAt > inflight.sentAt) {
    // It answers, but not to the snapshot: that was lost.
    sendSnapshot(s, to, progress)
  } else {
    sendAppend(s, to, 0, [])
  }
}

export function broadcastHeartbeat(s: State, leader: Leader): void {
  leader.heartbeatAt = s.now + s.options.heartbeatMs
  for (const [to, progress] of leader.progress) sendHeartbeat(s, to, progress)
}

/** A leader that no quorum answers stops being one, so that its followers' loyalty ends too (openraft#2080). */
export function checkQuorum(s: State, leader: Leader): void {
  const since = Math.max(quorumHeardAt(s, leader, s.now), leader.graceFrom)
  if (s.now - since >= s.options.electionMs) becomeFollower(s, s.hard.term)
}

/** Voters need to hear from their leader; a lone voter's learners only while they lack something. */
export function armHeartbeat(s: State, leader: Leader): void {
  const needed =
    !isLoneVoter(s) ||
    [...leader.progress].some(
      ([id, progress]) => !s.down.has(id) && isMissingSomething(s, progress),
    )
  if (!needed) leader.heartbeatAt = null
  else leader.heartbeatAt ??= s.now + s.options.heartbeatMs
}

function isMissingSomething(s: State, progress: Progress): boolean {
  return progress.match < s.log.lastIndex || progress.commit < s.commit
}
