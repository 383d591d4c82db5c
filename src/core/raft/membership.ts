/**
 * Rules of membership: what a configuration looks like and which one may follow which (dissertation §4.1).
 * Where a configuration lies in the log, and that it rules from there on, is the log's business.
 */

import type { Config, NodeId } from "./types.ts"

function isStrictlySorted(ids: readonly NodeId[]): boolean {
  return ids.every((id, i) => i === 0 || (ids[i - 1] ?? "") < id)
}

/** Sorted, disjoint and with at least one voter. */
export function isWellFormed(config: Config): boolean {
  return (
    config.voters.length > 0 &&
    isStrictlySorted(config.voters) &&
    isStrictlySorted(config.learners) &&
    !config.learners.some((id) => config.voters.includes(id))
  )
}

/** The same members in the one order that every node iterates in. */
export function sortedConfig(config: Config): Config {
  return { voters: [...config.voters].sort(), learners: [...config.learners].sort() }
}

/**
 * At most one voter comes or goes, so that any majority before and any majority after share a voter.
 * Without voters nobody knows yet who votes (a joiner's genesis), and anything may follow.
 */
export function isOneStep(before: Config, after: Config): boolean {
  if (before.voters.length === 0) return true
  const gone = before.voters.filter((id) => !after.voters.includes(id)).length
  const come = after.voters.filter((id) => !before.voters.includes(id)).length
  return gone + come <= 1
}

/** Everybody but `self` that a leader sends to, in sorted order. */
export function peersOf(config: Config, self: NodeId): readonly NodeId[] {
  return [...config.voters, ...config.learners].filter((id) => id !== self).sort()
}
