/** What a step asks of its driver: the tray turned into effects, the next wake-up and what changed since the last step. */

import { isLoneVoter, isPromotable, type State } from "./state.ts"
import type { Config, Effects, Millis, NodeId, RaftEvent, Role, Term, Write } from "./types.ts"

/** What the last step told the world, to tell only what changed. */
export interface Told {
  readonly role: Role
  readonly term: Term
  readonly leader: NodeId | null
  readonly config: Config
}

/** Takes what the step put on its tray. Messages that depend on unsaved state wait for the newest write. */
export function collect(s: State, before: Told): Effects {
  const { tray } = s
  const write = takeWrite(s)
  const after = s.durability.barrier
  return {
    write,
    send: tray.send.map(({ to, message, gated }) => ({ to, message, after: gated ? after : 0 })),
    restore: tray.restore,
    apply: tray.apply,
    settled: tray.settled,
    events: changes(s, before),
    nextWakeAt: nextWakeAt(s),
  }
}

function takeWrite(s: State): Write | null {
  const { hard, snapshot, truncateFrom, append } = s.tray
  const appends = append.length > 0
  if (!hard && !snapshot && truncateFrom === undefined && !appends) return null
  const seq = s.durability.issue(s.log.lastIndex)
  return { seq, hard, snapshot, truncateFrom, append: appends ? append : undefined }
}

function nextWakeAt(s: State): Millis | null {
  let at = s.role.type === "leader" ? Infinity : campaignAt(s)
  if (s.role.type === "leader") {
    at = Math.min(s.role.heartbeatAt ?? Infinity, s.role.transfer?.until ?? Infinity)
  }
  for (const { until } of s.forwards.values()) at = Math.min(at, until)
  return at === Infinity ? null : at
}

export function told(s: State): Told {
  return { role: s.role.type, term: s.hard.term, leader: s.leader, config: s.log.config }
}

function changes(s: State, before: Told): RaftEvent[] {
  const now = told(s)
  const events: RaftEvent[] = []
  if (now.role !== before.role) events.push({ type: "role", role: now.role, term: now.term })
  if (now.leader !== before.leader) {
    events.push({ type: "leader", leader: now.leader, term: now.term })
  }
  if (now.config !== before.config) {
    events.push({ type: "config", config: s.log.config, index: s.log.configIndex })
  }
  return events
}

/** When a node that does not lead would campaign. A lone voter has nobody to wait for. */
export function campaignAt(s: State): Millis {
  if (!isPromotable(s)) return Infinity
  const waits = s.role.type !== "follower" || s.leader !== null || !isLoneVoter(s)
  return waits ? s.electionAt : s.now
}
