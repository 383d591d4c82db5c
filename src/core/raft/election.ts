/** Elections: campaigning, voting and counting (Raft §5.2, §5.4.1; pre-vote: dissertation §9.6). */

import { becomeFollower } from "./role.ts"
import { peersOf } from "./membership.ts"
import { newProgress, type Progress } from "./progress.ts"
import { tally } from "./quorum.ts"
import {
  appendEntries,
  drawElectionDelay,
  isPromotable,
  isVoter,
  saveHard,
  sendGated,
  type State,
} from "./state.ts"
import type { NodeId, VoteRequest, VoteResponse } from "./types.ts"

/** Asks first whether an election could be won, so that nobody's term moves for nothing. */
export function preCampaign(s: State): void {
  if (!mayCampaign(s)) return
  becomeFollower(s, s.hard.term)
  const votes = new Map<NodeId, boolean>()
  // Nothing is promised by a pre-vote, so the own one needs no write.
  if (isVoter(s)) votes.set(s.options.self, true)
  s.role = { type: "pre-candidate", votes }
  requestVotes(s, true, false)
  countPreVotes(s)
}

/** A real election: a new term and the own vote, which counts when it is durable. */
export function campaign(s: State, transfer: boolean): void {
  if (!mayCampaign(s)) return
  becomeFollower(s, s.hard.term)
  saveHard(s, { term: s.hard.term + 1, votedFor: s.options.self })
  s.role = { type: "candidate", votes: new Map(), selfVoteSeq: s.durability.issued + 1 }
  requestVotes(s, false, transfer)
}

function mayCampaign(s: State): boolean {
  return s.role.type !== "leader" && isPromotable(s)
}

function requestVotes(s: State, pre: boolean, transfer: boolean): void {
  const term = pre ? s.hard.term + 1 : s.hard.term
  const { lastIndex, lastTerm } = s.log
  for (const to of s.log.config.voters) {
    if (to === s.options.self) continue
    sendGated(s, to, { type: "vote", pre, term, lastIndex, lastTerm, transfer })
  }
}

/** True while a leader is known to live: a node that was away must not depose it (dissertation §4.2.3). */
function isLoyal(s: State): boolean {
  return s.role.type === "leader" || (s.leader !== null && s.now < s.loyalUntil)
}

/** Answers by the caller's claim and the own log; membership is the candidate's business (etcd#10998). */
export function receiveVoteRequest(s: State, from: NodeId, request: VoteRequest): void {
  if (request.term < s.hard.term || (isLoyal(s) && !request.transfer)) {
    answer(s, from, request, false)
    return
  }
  if (request.pre) {
    // Changes nothing here: neither term nor vote nor timer.
    const electable = request.term > s.hard.term
    answer(s, from, request, electable && s.log.isCoveredBy(request.lastTerm, request.lastIndex))
    return
  }
  if (request.term > s.hard.term) becomeFollower(s, request.term)
  const free = s.hard.votedFor === from || (s.hard.votedFor === null && s.leader === null)
  const granted = free && s.log.isCoveredBy(request.lastTerm, request.lastIndex)
  if (granted) {
    if (s.hard.votedFor === null) saveHard(s, { term: s.hard.term, votedFor: from })
    s.electionAt = s.now + s.electionDelay
  }
  answer(s, from, request, granted)
}

function answer(s: State, to: NodeId, request: VoteRequest, granted: boolean): void {
  const term = granted ? request.term : s.hard.term
  sendGated(s, to, { type: "vote-response", pre: request.pre, term, granted })
}

/** The response's term is not above the own one, unless it is a granted pre-vote. */
export function receiveVoteResponse(s: State, from: NodeId, response: VoteResponse): void {
  const { pre, term, granted } = response
  if (s.role.type === "pre-candidate" && pre) {
    if (term !== (granted ? s.hard.term + 1 : s.hard.term)) return
    s.role.votes.set(from, granted)
    countPreVotes(s)
  } else if (s.role.type === "candidate" && !pre) {
    if (term !== s.hard.term) return
    s.role.votes.set(from, granted)
    countVotes(s)
  }
}

function countPreVotes(s: State): void {
  if (s.role.type !== "pre-candidate") return
  const result = tally(s.log.config.voters, s.role.votes)
  if (result === "won") campaign(s, false)
  if (result === "lost") becomeFollower(s, s.hard.term)
}

/** Counts the own vote as soon as a restart could not take it back. */
export function countSelfVote(s: State): void {
  if (s.role.type !== "candidate" || s.role.selfVoteSeq > s.durability.written) return
  if (s.role.votes.has(s.options.self)) return
  s.role.votes.set(s.options.self, true)
  countVotes(s)
}

function countVotes(s: State): void {
  if (s.role.type !== "candidate") return
  const result = tally(s.log.config.voters, s.role.votes)
  if (result === "won") becomeLeader(s)
  if (result === "lost") becomeFollower(s, s.hard.term)
}

function becomeLeader(s: State): void {
  const noopIndex = s.log.lastIndex + 1
  const progress = new Map<NodeId, Progress>()
  for (const id of peersOf(s.log.config, s.options.self)) {
    progress.set(id, newProgress(noopIndex, s.now))
  }
  s.role = {
    type: "leader",
    progress,
    pending: new Map(),
    noopIndex,
    durable: 0,
    heartbeatAt: null,
    graceFrom: s.now,
    transfer: null,
  }
  s.leader = s.options.self
  drawElectionDelay(s)
  appendEntries(s, [{ type: "noop", index: noopIndex, term: s.hard.term }])
}
