/** What is known of the other members: who is connected, when they were heard, which pair they have. For status only. */

import type { Config } from "../core/raft/types.ts"
import type { ClusterState, Epoch, Generation, MemberId } from "../core/refresh/types.ts"
import type { Clock } from "../ports/clock.ts"
import type { MemberStatus } from "../ports/coordinator.ts"

interface Known {
  connected: boolean
  seenMs: number | null
  newest: { readonly epoch: Epoch; readonly generation: Generation } | null
}

export class Peers {
  readonly #self: MemberId
  readonly #clock: Clock
  readonly #known = new Map<MemberId, Known>()

  constructor(self: MemberId, clock: Clock) {
    this.#self = self
    this.#clock = clock
  }

  set(id: MemberId, connected: boolean): void {
    const known = this.#of(id)
    known.connected = connected
    if (connected) known.seenMs = this.#clock.wallMs()
  }

  heard(id: MemberId): void {
    this.#of(id).seenMs = this.#clock.wallMs()
  }

  newest(id: MemberId, pair: { readonly epoch: Epoch; readonly generation: Generation }): void {
    this.#of(id).newest = { epoch: pair.epoch, generation: pair.generation }
  }

  connected(): readonly MemberId[] {
    return [...this.#known].filter(([, { connected }]) => connected).map(([id]) => id)
  }

  isConnected(id: MemberId): boolean {
    return this.#known.get(id)?.connected === true
  }

  list(state: ClusterState, config: Config): readonly MemberStatus[] {
    return state.members.map(({ id, name }) => {
      const known = this.#known.get(id)
      const self = id === this.#self
      const told = known?.newest?.epoch === state.epoch ? known.newest.generation : null
      return {
        id,
        name,
        role: config.voters.includes(id) ? "voter" : "learner",
        connected: self || this.isConnected(id),
        generation: self ? (state.pair?.generation ?? 0) : told,
        lastSeenMs: self ? this.#clock.wallMs() : (known?.seenMs ?? null),
        self,
      }
    })
  }

  #of(id: MemberId): Known {
    let known = this.#known.get(id)
    if (known === undefined) {
      known = { connected: false, seenMs: null, newest: null }
      this.#known.set(id, known)
    }
    return known
  }
}
