/** Handing leadership over (dissertation §3.10): on request, or because the leader is no voter any more. */

import { becomeFollower } from "./role.ts"
import { isVoter, sendNow, type Leader, type State } from "./state.ts"
import type { NodeId } from "./types.ts"

/** Proposals are refused until the target leads or an election time-out passed. */
export function startTransfer(s: State, wanted: NodeId | undefined): void {
  if (s.role.type !== "leader") return
  const to = wanted ?? furthestVoter(s, s.role)
  if (to === null || !s.log.config.voters.includes(to) || !s.role.progress.has(to)) return
  if (s.role.transfer?.to === to) return
  s.role.transfer = { to, until: s.now + s.options.electionMs, sent: false }
}

function furthestVoter(s: State, leader: Leader): NodeId | null {
  let furthest: NodeId | null = null
  let match = -1
  for (const id of s.log.config.voters) {
    const progress = leader.progress.get(id)
    if (progress === undefined || progress.match <= match) continue
    furthest = id
    match = progress.match
  }
  return furthest
}

/** The target campaigns as soon as it has the whole log. */
export function advanceTransfer(s: State, leader: Leader): void {
  const { transfer } = leader
  if (transfer === null || transfer.sent) return
  if (leader.progress.get(transfer.to)?.match !== s.log.lastIndex) return
  sendNow(s, transfer.to, { type: "timeout-now", term: s.hard.term })
  leader.transfer = { ...transfer, sent: true }
}

export function abortLateTransfer(s: State, leader: Leader): void {
  if (leader.transfer !== null && s.now >= leader.transfer.until) leader.transfer = null
}

/** A removed leader replicates until its removal is committed and handed out, then makes room (dissertation §4.2.2). */
export function retireIfRemoved(s: State, leader: Leader): void {
  if (isVoter(s) || s.log.configIndex > s.applied) return
  const to = furthestVoter(s, leader)
  if (to !== null) sendNow(s, to, { type: "timeout-now", term: s.hard.term })
  becomeFollower(s, s.hard.term)
}
