/**
 * Who can reach whom in a simulated network: one-way cuts and partitions. Decides nothing about time or loss.
 */

import type { MemberId } from "../core/refresh/types.ts"

export interface Topology {
  /** True: what `from` sends can reach `to`. */
  open(from: MemberId, to: MemberId): boolean
  cut(from: MemberId, to: MemberId): void
  heal(from: MemberId, to: MemberId): void
  /** Ends every cut and partition. */
  healAll(): void
  /** Members of different groups cannot talk; whoever is in no group is alone. */
  partition(groups: readonly (readonly MemberId[])[]): void
}

/** Everybody reaches everybody at first. */
export function topology(): Topology {
  const cuts = new Set<string>()
  let groups: readonly ReadonlySet<MemberId>[] | null = null
  return {
    open(from, to) {
      if (cuts.size > 0 && cuts.has(lineName(from, to))) return false
      if (groups === null) return true
      return groups.some((group) => group.has(from) && group.has(to))
    },
    cut: (from, to) => void cuts.add(lineName(from, to)),
    heal: (from, to) => void cuts.delete(lineName(from, to)),
    healAll() {
      cuts.clear()
      groups = null
    },
    partition(next) {
      groups = next.map((group) => new Set(group))
    },
  }
}

/** Names one direction between two members. */
function lineName(from: MemberId, to: MemberId): string {
  return `${from} ${to}`
}
