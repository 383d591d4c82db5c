/**
 * What members tell each other of the newest pair, and of the time its life is counted by. Decides whose clock counts: the
 * server's, or else that of the member who received the pair.
 */

import type { MemberId, PeerMessage } from "../core/refresh/types.ts"
import type { Transport } from "../ports/transport.ts"
import type { Peers } from "./peers.ts"
import type { Replica } from "./replica.ts"
import type { ServerClock } from "./server-clock.ts"
import type { SleepWatch } from "./sleep-watch.ts"

export interface NewestParts {
  readonly self: MemberId
  readonly transport: Transport | null
  readonly peers: Peers
  readonly replica: Replica
  readonly server: ServerClock
  readonly sleep: SleepWatch
}

export class Newest {
  readonly #parts: NewestParts

  constructor(parts: NewestParts) {
    this.#parts = parts
  }

  /** @param loggingIn a pair of ours is about to come: its life will count by our clock, unless that only guesses. */
  tell(to: readonly MemberId[], loggingIn = false): void {
    const { replica, self, server, transport } = this.#parts
    const { epoch, pair } = replica.state
    // A machine that was started with another clock guesses: a peer that believed it would take a wait for over.
    const counts = server.sure && (loggingIn || server.learnt || pair?.by === self)
    const serverMs = counts ? server.nowMs() : null
    const generation = pair?.generation ?? 0
    for (const id of to) transport?.send(id, { type: "newest", epoch, generation, serverMs })
  }

  /** True: the time is another now, and with it the end of the token that this member has. @throws QuorateError kind `store`. */
  heard(from: MemberId, message: Extract<PeerMessage, { type: "newest" }>): boolean {
    const { peers, replica, server, sleep } = this.#parts
    peers.newest(from, message)
    // After a sleep the message may be as old as the sleep was long.
    if (message.serverMs === null || sleep.justWoke) return false
    if (!server.adopt(message.serverMs)) return false
    replica.retime()
    return replica.token !== null
  }
}
