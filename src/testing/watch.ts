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

/** Tells both. */
export function both(a: WorldWatch, b: WorldWatch): WorldWatch {
  return {
    carries: (sending) => (a.carries(sending), b.carries(sending)),
    leaves: (sending) => (a.leaves(sending), b.leaves(sending)),
    judged: (sending, status) => (a.judged(sending, status), b.judged(sending, status)),
    ends: (sending, end) => (a.ends(sending, end), b.ends(sending, end)),
    recorded: (sending, end) => (a.recorded(sending, end), b.recorded(sending, end)),
    revoked: (family, current) => (a.revoked(family, current), b.revoked(family, current)),
    revokes: (member, token) => (a.revokes(member, token), b.revokes(member, token)),
    message: (from, to, message) => (a.message(from, to, message), b.message(from, to, message)),
    bytes: (bytes) => (a.bytes(bytes), b.bytes(bytes)),
    wrote: (member, write) => (a.wrote(member, write), b.wrote(member, write)),
    started: (member) => (a.started(member), b.started(member)),
    died: (member) => (a.died(member), b.died(member)),
  }
}
