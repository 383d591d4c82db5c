/**
 * What a host and the courier it started say to each other, over the one pipe between them. Decides the frames. Answers do
 * not pass here: they lie sealed in the journal before anybody is told.
 */

import type { PreparedRequest } from "../core/oauth/types.ts"
import type { AttemptKey } from "../core/refresh/types.ts"
import { encodeFrame, FrameDecoder } from "../wire/frame.ts"

/** Where the courier works and for whom. Nothing of it is secret. */
export interface Warm {
  readonly type: "warm"
  readonly journal: string
  readonly lock: string
  /** Held by whoever hosts the profile. */
  readonly hostLock: string
  /** The member's public key: answers are sealed to it. */
  readonly encryptionKey: Uint8Array
  /** Without a go it is gone after this, in ms. */
  readonly idleMs: number
  /** The arguments of a Node that opens the profile and commits what is recorded, for when nobody is there. None: nobody can. */
  readonly committer: readonly string[]
}

export type ToCourier =
  | Warm
  /** Connect to there, and send nothing. */
  | { readonly type: "dial"; readonly url: string }
  /** `atMs`: when it was said, by the machine's uptime. */
  | {
      readonly type: "go"
      readonly key: AttemptKey
      readonly request: PreparedRequest
      readonly atMs: number
    }

export type FromCourier =
  | { readonly type: "ready" }
  /** No byte left, and none will in this attempt. */
  | { readonly type: "unsent"; readonly cause: string }
  /** The record is durable and the lock is free. */
  | { readonly type: "answered" }

export function frameOfPipe(said: ToCourier | FromCourier): Uint8Array {
  return encodeFrame(said)
}

/** Takes what comes through the pipe apart: both ends are programs of one version, which start each other. */
export class PipeReader<T extends ToCourier | FromCourier> {
  readonly #decoder = new FrameDecoder()

  /** @throws FrameError */
  push(chunk: Uint8Array): readonly T[] {
    return this.#decoder.push(chunk) as T[]
  }
}
