/**
 * Which pair a member uses that is newer than the head: one it recorded while it heard no leader, or one that a peer showed
 * it then. Decides use only; what the log takes in the end is `fold.ts`.
 */

import { type Chain, isSame } from "./chain.ts"
import type { ClusterState, Epoch, Generation, Pair, PeerMessage, ResultEntry } from "./types.ts"

export class Ahead {
  #inUse: ResultEntry | null = null
  /** The one that the pair in use may hang on, and the newest. */
  #shown: readonly ResultEntry[] = []

  /** Null: the head is the newest. */
  get pair(): Pair | null {
    return this.#inUse?.pair ?? null
  }

  /** A peer's pair, with a signature that was checked. Only for whoever hears no leader: nothing says that the log has it. */
  show(result: ResultEntry, head: Pair | null): void {
    if (!isNewer(result.pair, this.#shown.at(-1)?.pair ?? head)) return
    this.#shown = [...this.#shown.slice(0, 1), result]
  }

  /** `alone`: no leader has been heard for long enough. A pair in use stays so until the log has it or goes another way. */
  update(head: Pair | null, chain: Chain, alone: boolean): void {
    this.#shown = this.#shown.filter(({ pair }) => isNewer(pair, head))
    const own = chain.line(head)
    // What came of a shown pair hangs on that one: without it the pair would be spent again, since it stayed the newest.
    const shown = this.#shown.flatMap((one) => [one, ...chain.line(one.pair)])
    const inUse = this.#inUse
    if (alone) {
      const last = shown.at(-1)
      const tail = own.at(-1) ?? null
      this.#inUse = last !== undefined && isNewer(last.pair, tail?.pair ?? head) ? last : tail
      this.#shown = this.#shown.slice(-1)
    } else if (inUse !== null && ![...own, ...shown].some(({ pair }) => isSame(pair, inUse.pair))) {
      // Not sooner: the leader that is heard again may not have told this member's log of the pair yet.
      this.#inUse = null
    }
  }

  /** Somebody hears no leader and has this pair: what it should see, or null. */
  answer(
    state: ClusterState,
    asked: { readonly epoch: Epoch; readonly generation: Generation },
  ): PeerMessage | null {
    const { pair, proof } = state
    const head: ResultEntry | null =
      pair === null || proof === null ? null : { type: "result", pair, ...proof }
    const result = this.#inUse ?? head
    const newer = result?.pair.epoch === asked.epoch && result.pair.generation > asked.generation
    return newer ? { type: "show", result } : null
  }
}

/** Of the same login, and refreshed since. */
function isNewer(pair: Pair, than: Pair | null): boolean {
  return than !== null && pair.epoch === than.epoch && pair.generation > than.generation
}
