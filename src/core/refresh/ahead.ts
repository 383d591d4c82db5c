/**
 * Which pair a member uses that is newer than the head: one it recorded while it heard no leader, or one that a peer showed
 * it then. Decides use only; what the log takes in the end is `fold.ts`.
 */

import type { Chain } from "./chain.ts"
import type { ClusterState, Epoch, Generation, Pair, PeerMessage, ResultEntry } from "./types.ts"

export class Ahead {
  #inUse: ResultEntry | null = null
  #shown: ResultEntry | null = null

  /** Null: the head is the newest. */
  get pair(): Pair | null {
    return this.#inUse?.pair ?? null
  }

  /** A peer's pair, with a signature that was checked. Only for whoever hears no leader: nothing says that the log has it. */
  show(result: ResultEntry, head: Pair | null): void {
    if (isNewer(result.pair, this.#shown?.pair ?? head)) this.#shown = result
  }

  /** `alone`: no leader has been heard for long enough. A pair in use stays so until the log has it or goes another way. */
  update(head: Pair | null, chain: Chain, alone: boolean): void {
    if (this.#shown !== null && !isNewer(this.#shown.pair, head)) this.#shown = null
    const tail = chain.tail(head)
    // Whoever is alone may refresh a pair that it was only shown.
    const shown = this.#shown === null ? null : (chain.tail(this.#shown.pair) ?? this.#shown)
    // Also one that was shown: the leader that is heard again may not have told this member's log of it yet.
    const mayUse = alone || (shown !== null && this.#inUse?.pair.lineage === shown.pair.lineage)
    if (mayUse && shown !== null && isNewer(shown.pair, tail?.pair ?? head)) {
      this.#inUse = shown
      return
    }
    const stays = tail !== null && tail.pair.lineage === this.#inUse?.pair.lineage
    this.#inUse = alone || stays ? tail : null
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
