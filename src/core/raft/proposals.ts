/** Proposals, here and on behalf of followers, changes of the configuration, and what became of each. */

import { isOneStep, isWellFormed, sortedConfig } from "./membership.ts"
import { followConfig } from "./replication.ts"
import { appendEntries, isVoter, sendGated, settle, type Leader, type State } from "./state.ts"
import type { Config, Entry, ForwardRequest, ForwardResponse, NodeId, ProposalId } from "./types.ts"

/** How long a forwarder waits, in election time-outs: enough for one lost leader and the next one's first commit. */
const FORWARD_TIMEOUTS = 3
/** Answers kept for repeated requests; older ones are forgotten first. */
const VERDICTS_MAX = 1024

export function propose(s: State, id: ProposalId, data: Uint8Array): void {
  if (s.role.type === "leader") {
    if (mayAccept(s, s.role)) s.role.pending.set(appendApp(s, id, data), id)
    else settle(s, id, "refused", null)
  } else if (s.leader !== null) {
    s.forwards.set(id, { until: forwardUntil(s), accepted: false })
    s.owedFrom ??= s.now
    sendGated(s, s.leader, { type: "forward", term: s.hard.term, id, data })
  } else {
    settle(s, id, "refused", null)
  }
}

function forwardUntil(s: State): number {
  return s.now + FORWARD_TIMEOUTS * s.options.electionMs
}

/** A leader on its way out, or one that is no voter any more, starts nothing new. */
function mayAccept(s: State, leader: Leader): boolean {
  const uncommitted = s.log.lastIndex - s.commit
  return leader.transfer === null && isVoter(s) && uncommitted < s.options.pendingMax
}

function appendApp(s: State, id: ProposalId, data: Uint8Array): number {
  const index = s.log.lastIndex + 1
  appendEntries(s, [{ type: "app", index, term: s.hard.term, id, data }])
  return index
}

/**
 * Of any term. A refusal is final: neither this nor a repeated copy of the request is ever appended here. It rests
 * on memory, so a transport must not carry a request over a restart of the receiver.
 */
export function receiveForward(s: State, from: NodeId, request: ForwardRequest): void {
  let accepted = s.verdicts.get(request.id)
  if (accepted === undefined) {
    accepted = s.role.type === "leader" && s.role.progress.has(from) && mayAccept(s, s.role)
    if (accepted) appendApp(s, request.id, request.data)
    rememberVerdict(s, request.id, accepted)
  }
  sendGated(s, from, { type: "forward-response", term: s.hard.term, id: request.id, accepted })
}

function rememberVerdict(s: State, id: ProposalId, accepted: boolean): void {
  s.verdicts.set(id, accepted)
  if (s.verdicts.size <= VERDICTS_MAX) return
  const [oldest] = s.verdicts.keys()
  if (oldest !== undefined) s.verdicts.delete(oldest)
}

/** Acceptance settles nothing: only the committed entry does. */
export function receiveForwardResponse(s: State, response: ForwardResponse): void {
  const forward = s.forwards.get(response.id)
  if (forward === undefined || forward.accepted) return
  if (response.accepted) {
    s.forwards.set(response.id, { ...forward, accepted: true })
  } else {
    s.forwards.delete(response.id)
    settle(s, response.id, "refused", null)
  }
}

/** It may commit later; nobody here waits for it any more. */
export function giveUpForwards(s: State): void {
  for (const [id, { until }] of s.forwards) {
    if (s.now < until) continue
    s.forwards.delete(id)
    settle(s, id, "unknown", null)
  }
}

/** Time that passed asleep does not count against the leader. */
export function renewForwards(s: State): void {
  if (s.owedFrom !== null) s.owedFrom = s.now
  for (const [id, forward] of s.forwards) {
    s.forwards.set(id, { ...forward, until: forwardUntil(s) })
  }
}

/**
 * One membership step. The leader must have committed in its own term first (raft-dev 2015, the single-server bug),
 * and the step before must be committed.
 */
export function changeConfig(s: State, id: ProposalId, wanted: Config): void {
  const config = sortedConfig(wanted)
  const { role, log, commit } = s
  const allowed =
    role.type === "leader" &&
    role.transfer === null &&
    isVoter(s) &&
    commit >= role.noopIndex &&
    log.configIndex <= commit &&
    isWellFormed(config) &&
    isOneStep(log.config, config)
  if (!allowed) {
    settle(s, id, "refused", null)
    return
  }
  const index = log.lastIndex + 1
  appendEntries(s, [{ type: "config", index, term: s.hard.term, config }])
  role.pending.set(index, id)
  followConfig(s, role)
}

/** Hands out what is committed and durable here, after the snapshot that precedes it. */
export function handOut(s: State): void {
  if (s.restoring !== null) {
    if (s.restoring.seq > s.durability.written) return
    s.tray.restore = s.restoring.snapshot
    s.applied = s.restoring.snapshot.index
    s.restoring = null
  }
  const upTo = Math.min(s.commit, s.durability.index)
  if (upTo <= s.applied) return
  s.tray.apply = s.log.slice(s.applied + 1, upTo)
  s.applied = upTo
  for (const entry of s.tray.apply) settleCommitted(s, entry)
}

function settleCommitted(s: State, entry: Entry): void {
  const own = s.role.type === "leader" ? s.role.pending.get(entry.index) : undefined
  if (own !== undefined && s.role.type === "leader") {
    s.role.pending.delete(entry.index)
    settle(s, own, "committed", entry.index)
  }
  if (entry.type === "app" && s.forwards.delete(entry.id)) {
    settle(s, entry.id, "committed", entry.index)
  }
}
