/**
 * What a parent and a member process say to each other over their channel. Decides the words only. No token crosses it
 * but the first pair, once: a channel is neither an argument nor an environment.
 */

import type { TokenResponse } from "../../src/core/oauth/types.ts"
import type { ProviderOptions, Stage } from "../../src/session/types.ts"

/** What a member may be asked. Each answer is the entry of {@link Answers} of the same name. */
export type Command =
  | {
      readonly type: "open"
      readonly profile: string
      readonly provider: ProviderOptions
      /** How often it looks at its own status and tells of changes, in ms; null: never, so that nothing disturbs. */
      readonly watchMs: number | null
    }
  | { readonly type: "login"; readonly tokens: TokenResponse; readonly issuedAtMs: number }
  /** need: a valid token. force: a newer one. refused: the one it was last given is not accepted any more. */
  | {
      readonly type: "get"
      readonly mode: "need" | "force" | "refused"
      readonly timeoutMs: number
    }
  | { readonly type: "fetch"; readonly url: string }
  | { readonly type: "leader" }
  /** The wall clock of this process is off by so much from now on, in ms; 0: it is right again. */
  | { readonly type: "clock"; readonly offMs: number }
  | { readonly type: "close" }

export interface Answers {
  readonly open: null
  readonly login: { readonly generation: number }
  /** Times are {@link machineMs}. */
  readonly get: {
    readonly epoch: number
    readonly generation: number
    /** SHA-256 of the access token, hexadecimal. */
    readonly hash: string
    readonly source: string
    readonly askedAt: number
    readonly doneAt: number
  }
  readonly fetch: { readonly status: number }
  /** By name; null: none is known. */
  readonly leader: { readonly leader: string | null }
  readonly clock: null
  readonly close: null
}

export interface Request {
  readonly id: number
  readonly command: Command
}

/** A member's own view, by the names of the members. */
export interface Seen {
  readonly stage: Stage
  readonly cause: string | null
  readonly role: string
  readonly quorum: boolean
  readonly epoch: number
  readonly generation: number
  /** Epoch ms; null: no token. */
  readonly expiresAtMs: number | null
  readonly leader: string | null
  readonly holder: string | null
  /** What carries a refresh of this member. */
  readonly courier: "process" | "inline"
  /** Who else is connected to it. */
  readonly peers: readonly string[]
}

export type Event =
  | { readonly type: "seen"; readonly seen: Seen; readonly at: number }
  /** A newer pair is committed here. `here`: this member received it from the server itself. */
  | {
      readonly type: "token"
      readonly epoch: number
      readonly generation: number
      /** SHA-256 of the access token, hexadecimal. */
      readonly hash: string
      readonly here: boolean
      readonly at: number
    }
  | { readonly type: "answer"; readonly id: number; readonly value: Answers[keyof Answers] }
  | {
      readonly type: "refusal"
      readonly id: number
      readonly code: string
      readonly message: string
    }

/** Milliseconds on a clock that all processes of this machine share and nobody sets: the monotonic one. */
export function machineMs(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1_000 + nanoseconds / 1e6
}
