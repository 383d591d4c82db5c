/** A pair as the log holds it: two sealed boxes, and what may be known without opening them. Decides the form alone. */

import type { TokenResponse } from "../core/oauth/types.ts"
import type { MemberId, Pair } from "../core/refresh/types.ts"
import type { Crypto, Keyring } from "../ports/sealer.ts"
import { boxContext } from "./replica.ts"

/** Assumed when the server does not say: the most common value, and refreshed well before it ends. */
const ASSUMED_LIFETIME_MS = 3_600_000

export interface PairParts {
  readonly epoch: number
  readonly generation: number
  readonly parent: string | null
  readonly refreshToken: string
  readonly tokens: TokenResponse
  readonly issuedAtMs: number
  readonly resent: boolean
  readonly by: MemberId
}

/** A pair as the log holds it: two boxes, and what may be known without opening them. */
export function sealPair(
  clusterId: string,
  keyring: Keyring,
  crypto: Crypto,
  parts: PairParts,
): Pair {
  const { tokens } = parts
  const access = JSON.stringify({ accessToken: tokens.accessToken, tokenType: tokens.tokenType })
  const bytes = (text: string): Uint8Array => Buffer.from(text, "utf8")
  return {
    epoch: parts.epoch,
    generation: parts.generation,
    parent: parts.parent,
    lineage: crypto.lineage(clusterId, parts.refreshToken),
    accessBox: keyring.seal(bytes(access), boxContext(clusterId, parts, "access")),
    refreshBox: keyring.seal(bytes(parts.refreshToken), boxContext(clusterId, parts, "refresh")),
    issuedAtMs: parts.issuedAtMs,
    lifetimeMs:
      tokens.expiresInSeconds === null ? ASSUMED_LIFETIME_MS : tokens.expiresInSeconds * 1_000,
    refreshLifetimeMs:
      tokens.refreshExpiresInSeconds === null ? null : tokens.refreshExpiresInSeconds * 1_000,
    scope: tokens.scope,
    subject: tokens.subject,
    resent: parts.resent,
    by: parts.by,
  }
}
