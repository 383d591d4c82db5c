/** What a simulated world tells whoever checks it, as it happens. Decides names only. */

import type { Write } from "../core/raft/types.ts"
import type { AttemptKey } from "../core/refresh/types.ts"
import type { WireMessage } from "../ports/transport.ts"
import type { SimulatedMember } from "./world.ts"

/** One refresh request of a member. */
export interface Sending {
  readonly member: SimulatedMember
  readonly key: AttemptKey
  readonly refreshToken: string
}

/** How a request ended for whoever waited for it. */
export type SendingEnd =
  /** The claim or the connection failed: no byte left. */
  | { readonly type: "unsent" }
  | {
      readonly type: "answered"
      readonly status: number
      readonly refreshToken: string | null
      readonly retryAfterSeconds: number | null
    }
  | { readonly type: "no-answer" }

export interface WorldWatch {
  /** A courier was told to go. */
  carries(sending: Sending): void
  /** Claimed; the first byte leaves now. */
  leaves(sending: Sending): void
  /** The server judged it, whether or not anybody waits for the answer. */
  judged(sending: Sending, status: number): void
  ends(sending: Sending, end: SendingEnd): void
  /** The answer of the request is on the member's disk. */
  recorded(sending: Sending, end: SendingEnd): void
  /** A member ends the token and its family. */
  revokes(member: SimulatedMember, refreshToken: string): void
  /** A second use revoked a family. */
  revoked(family: number, current: string): void
  /** A message leaves a member. */
  message(from: SimulatedMember, to: SimulatedMember, message: WireMessage): void
  /** The bytes of a message that was encoded. */
  bytes(bytes: Uint8Array): void
  /** A write is durable on the member's disk. */
  wrote(member: SimulatedMember, write: Write): void
  /** A process of the member was started, or died. */
  started(member: SimulatedMember): void
  died(member: SimulatedMember): void
}

/** Sees nothing. */
export const BLIND: WorldWatch = {
  carries: () => {},
  leaves: () => {},
  judged: () => {},
  ends: () => {},
  recorded: () => {},
  revokes: () => {},
  revoked: () => {},
  message: () => {},
  bytes: () => {},
  wrote: () => {},
  started: () => {},
  died: () => {},
}
