/** The way back to follower, and what is forgotten on it. Why somebody steps down is decided elsewhere. */

import { drawElectionDelay, saveHard, settle, type State } from "./state.ts"
import type { NodeId, Term } from "./types.ts"

/** Proposals that wait at a leader may still commit under another one. */
function releasePending(s: State): void {
  if (s.role.type !== "leader") return
  for (const [index, id] of s.role.pending) settle(s, id, "unknown", index)
}

/** Within a term the vote stays (Raft §5.2); only a higher term clears it. */
export function becomeFollower(s: State, term: Term): void {
  releasePending(s)
  if (term > s.hard.term) saveHard(s, { term, votedFor: null })
  s.role = { type: "follower" }
  s.leader = null
  drawElectionDelay(s)
}

/** A leader of this term spoke: whoever campaigned in it lost. */
export function followLeader(s: State, leader: NodeId): void {
  if (s.role.type !== "follower") becomeFollower(s, s.hard.term)
  s.leader = leader
  s.leaderSeenAt = s.now
  s.owedFrom = null
  s.loyalUntil = s.now + s.options.electionMs
  s.electionAt = s.now + s.electionDelay
}
