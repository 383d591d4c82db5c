/** Messages between members. Best effort, in order per peer while a connection lives; anything may be lost. */

import type { MemberId, PeerMessage } from "../core/refresh/types.ts"
import type { RaftMessage } from "../core/raft/types.ts"

export type WireMessage = { readonly type: "raft"; readonly message: RaftMessage } | PeerMessage

/** A peer of the members file, or one the log admitted. */
export interface PeerAddress {
  readonly id: MemberId
  /** Multiaddrs to try, in order; empty: it must call us. */
  readonly addresses: readonly string[]
}

export interface TransportHandlers {
  /** Validated; `from` is proven by the connection. */
  message(from: MemberId, message: WireMessage): void
  /** A hello was exchanged, or the stream ended. */
  peer(id: MemberId, up: boolean): void
  /** A peer was turned away; for status and logs. `reason` is a short identifier. */
  refused?(reason: string): void
}

export interface Transport {
  /** Listens and begins to keep a connection to each peer, for ever, 1 s to 60 s apart with jitter. */
  start(handlers: TransportHandlers): Promise<void>
  /** Drops the message when the peer is not connected or its queue is full. */
  send(to: MemberId, message: WireMessage): void
  /** Multiaddrs on which it listens; known after start. */
  addresses(): readonly string[]
  /** Try every peer again at once, e.g. after sleep. */
  kick(): void
  close(): Promise<void>
}
