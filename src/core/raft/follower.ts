/** What a node does with a leader's entries and snapshots (Raft §5.3, §7). */

import { isPairMajority } from "./quorum.ts"
import { followLeader } from "./role.ts"
import {
  appendEntries,
  isVoter,
  restoreSnapshot,
  sendGated,
  truncateLog,
  type State,
} from "./state.ts"
import type {
  AppendRequest,
  Entry,
  Index,
  LeaderDurable,
  NodeId,
  SnapshotRequest,
  Term,
} from "./types.ts"

/** Of this term already; anything else was answered by {@link refuseOldTerm}. */
export function receiveAppend(s: State, from: NodeId, request: AppendRequest): void {
  if (!isFromTheLeader(s, from)) return
  followLeader(s, from)
  const { prevIndex, entries } = request
  const match = prevIndex + entries.length
  // Everything committed is in this leader's log (leader completeness), so the comparison starts there at the latest.
  const known = Math.max(0, s.commit - prevIndex)
  if (known > entries.length) {
    accept(s, from, s.commit)
    return
  }
  const base = prevIndex + known
  const baseTerm = entries[known - 1]?.term ?? request.prevTerm
  if (!s.log.matches(base, baseTerm)) {
    const hint = Math.max(s.log.agreeableUpTo(base, baseTerm), s.commit)
    respond(s, from, false, hint, s.log.termAt(hint) ?? 0, prevIndex)
    return
  }
  takeEntries(s, entries.slice(known))
  s.commit = Math.max(s.commit, Math.min(request.commit, match))
  accept(s, from, match)
}

/** Reordered or repeated, it says no less than before. */
export function hearLeaderDurable(s: State, { term, index }: LeaderDurable): void {
  if (s.leaderDurable.term === term && s.leaderDurable.index >= index) return
  s.leaderDurable = { term, index }
  countWithLeader(s)
}

/**
 * An entry of this term is committed when a majority has it on disk (§5.4.2), whoever counts. Where two are a majority,
 * this node counts itself and its leader. An entry of this term here is the leader's own, and the leader never drops it.
 */
export function countWithLeader(s: State): void {
  const { term, index } = s.leaderDurable
  if (s.role.type !== "follower" || term !== s.hard.term) return
  if (!isVoter(s) || !isPairMajority(s.log.config)) return
  const both = Math.min(index, s.durability.index)
  if (both > s.commit && s.log.termAt(both) === term) s.commit = both
}

/** Only a conflict cuts; a late, shorter append must not take acknowledged entries away. */
function takeEntries(s: State, entries: readonly Entry[]): void {
  const missing = s.log.firstMissing(entries)
  if (missing === null) return
  if (missing <= s.log.lastIndex) truncateLog(s, missing)
  appendEntries(
    s,
    entries.filter(({ index }) => index >= missing),
  )
}

export function receiveSnapshot(s: State, from: NodeId, request: SnapshotRequest): void {
  if (!isFromTheLeader(s, from)) return
  followLeader(s, from)
  const { snapshot } = request
  if (snapshot.index > s.commit) {
    if (s.log.matches(snapshot.index, snapshot.term)) {
      // The log has it all and more: the tail stays.
      s.commit = snapshot.index
    } else {
      // Nothing behind a snapshot that does not fit may survive it.
      restoreSnapshot(s, snapshot)
    }
  }
  accept(s, from, s.commit)
}

/** A deposed leader, or one that cannot reach a node that went ahead, learns the term from this. */
export function refuseOldTerm(s: State, to: NodeId, refused: Index): void {
  respond(s, to, false, 0, 0, refused)
}

/** One leader per term: a second one is a liar, and this node does not follow two. */
function isFromTheLeader(s: State, from: NodeId): boolean {
  return s.leader === null || s.leader === from
}

function accept(s: State, to: NodeId, index: Index): void {
  respond(s, to, true, index, 0, 0)
}

function respond(
  s: State,
  to: NodeId,
  ok: boolean,
  index: Index,
  hintTerm: Term,
  refused: Index,
): void {
  sendGated(s, to, {
    type: "append-response",
    term: s.hard.term,
    ok,
    index,
    hintTerm,
    refused,
  })
}
