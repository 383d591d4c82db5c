/**
 * Pairs that this member received and the log may not have: a chain that hangs on the head. Decides which link is next and
 * which are history; who may use a link before it is committed is the agent's.
 */

import { isOlder } from "./head.ts"
import type { ClusterState, Pair, ResultEntry } from "./types.ts"

export class Chain {
  #links: readonly ResultEntry[] = []

  /** Takes a pair in, once. */
  keep(result: ResultEntry): void {
    const known = this.#links.some(({ pair }) => isSame(pair, result.pair))
    if (!known) this.#links = [...this.#links, result]
  }

  /** The log will not have it: it stays in the journal, and is not offered for ever. */
  drop({ pair }: ResultEntry): void {
    this.#links = this.#links.filter((link) => !isSame(link.pair, pair))
  }

  /** What the head has made history goes. */
  prune({ pair: head, epoch }: ClusterState): void {
    const generation = head?.generation ?? Infinity
    this.#links = this.#links.filter(({ pair }) => isOlder({ epoch, generation }, pair))
  }

  /** The link whose parent is this pair; of several the one that was kept last. */
  after(pair: Pair | null): ResultEntry | null {
    if (pair === null) return null
    const next = this.#links.findLast(
      // By generation too: a server that does not rotate gives a pair the lineage of its parent.
      ({ pair: link }) =>
        link.epoch === pair.epoch &&
        link.generation === pair.generation + 1 &&
        link.parent === pair.lineage,
    )
    return next ?? null
  }

  /** What hangs on this pair, each link on the one before. */
  line(from: Pair | null): readonly ResultEntry[] {
    const next = this.after(from)
    return next === null ? [] : [next, ...this.line(next.pair)]
  }
}

/** Two results of one attempt differ in their seals, not in the pair that they name. */
export function isSame(a: Pair, b: Pair): boolean {
  return a.epoch === b.epoch && a.generation === b.generation && a.lineage === b.lineage
}
