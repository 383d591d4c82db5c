/**
 * Remembers the answer of a refresh for the policies that repeat it: `grace` with the same pair, and `idempotent`.
 * Decides whether a request is the same one again; whether the family still lives is the store's to say.
 */

import { createHash } from "node:crypto"
import type { ReplayPolicy } from "../../core/oauth/types.ts"

/** The JSON object of a token response. */
export type Reply = Readonly<Record<string, unknown>>

/** What identifies a request: its form, its `Authorization` header and its `Idempotency-Key`. */
export interface RequestIdentity {
  readonly refreshToken: string
  readonly body: string
  readonly authorization: string
  readonly idempotencyKey: string | null
}

export type Recall =
  /** Never seen, or not to be repeated: the grant decides. */
  | { readonly type: "unknown" }
  /** The first one is answered, or will be. Null: it came to nothing, and the grant decides. */
  | { readonly type: "held"; readonly reply: Promise<Reply | null> }
  /** The key was used for another request (draft-ietf-httpapi-idempotency-key-header-07 §2.7: 422). */
  | { readonly type: "mismatch" }

export interface Replies {
  recall(policy: ReplayPolicy, request: RequestIdentity): Recall
  /** Starts to remember. The caller must call the returned function once, with null when there was no success. */
  hold(policy: ReplayPolicy, request: RequestIdentity): (reply: Reply | null) => void
}

interface Held {
  readonly fingerprint: string
  readonly reply: Promise<Reply | null>
  /** Null while the first request is on its way. */
  answeredAtMs: number | null
}

export function createReplies(): Replies {
  const held = new Map<string, Held>()

  return {
    recall(policy, request) {
      const name = nameOf(policy, request)
      const entry = name === null ? undefined : held.get(name)
      if (entry === undefined) return { type: "unknown" }
      if (entry.fingerprint !== fingerprintOf(request)) {
        return policy.type === "idempotent" ? { type: "mismatch" } : { type: "unknown" }
      }
      if (policy.type === "grace" && entry.answeredAtMs !== null) {
        const age = Date.now() - entry.answeredAtMs
        if (age >= policy.windowSeconds * 1000) return { type: "unknown" }
      }
      return { type: "held", reply: entry.reply }
    },
    hold(policy, request) {
      const name = nameOf(policy, request)
      if (name === null) return () => {}
      let settle: (reply: Reply | null) => void = () => {}
      const reply = new Promise<Reply | null>((resolve) => {
        settle = resolve
      })
      const entry: Held = { fingerprint: fingerprintOf(request), reply, answeredAtMs: null }
      held.set(name, entry)
      return (result) => {
        entry.answeredAtMs = Date.now()
        if (result === null) held.delete(name)
        settle(result)
      }
    },
  }
}

function nameOf(policy: ReplayPolicy, request: RequestIdentity): string | null {
  if (policy.type === "idempotent" && request.idempotencyKey !== null) {
    return `key:${request.idempotencyKey}`
  }
  return policy.type === "grace" && policy.answers === "same"
    ? `token:${request.refreshToken}`
    : null
}

function fingerprintOf(request: RequestIdentity): string {
  return createHash("sha256").update(`${request.authorization}\n${request.body}`).digest("hex")
}
