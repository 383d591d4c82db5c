/**
 * Whether a token that was read without a session is what the caller asks for. The same rule as a session's own, which
 * decides everything that this one leaves open.
 */

import { createHash } from "node:crypto"

import type { CachedToken } from "../session/cached.ts"

export interface Wish {
  readonly minTtlMs: number
  readonly rejected: string | null
}

/** True when `token` need not be refreshed for this caller. */
export function serves(token: CachedToken, wish: Wish): boolean {
  const { leftMs } = token
  return leftMs > 0 && leftMs >= wish.minTtlMs && !isRejected(token.accessToken, wish.rejected)
}

function isRejected(accessToken: string, rejected: string | null): boolean {
  if (rejected === null) return false
  if (!rejected.startsWith("sha256:")) return rejected === accessToken
  const digest = createHash("sha256").update(accessToken).digest("hex")
  return rejected.slice("sha256:".length).toLowerCase() === digest
}
