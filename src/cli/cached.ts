/**
 * The token of a profile as its store shows it, without hosting the member and without loading schemas or the network.
 * Decides whether it serves a call; a call that it does not serve is the session's.
 */

import { createHash } from "node:crypto"

import { openProfileDirectory } from "../machine/profile.ts"
import { readKeyFile } from "../machine/key-file.ts"
import { atRest } from "../seal/at-rest.ts"
import { notInitialized } from "../session/profile.ts"
import { publicToken, type Token } from "../session/types.ts"
import { openView } from "../session/view.ts"
import { sqliteView } from "../storage/sqlite.ts"

/**
 * The newest token that a host wrote down; null: none.
 *
 * @throws QuorateError `NOT_INITIALIZED`; kind `store` when the files cannot be used.
 */
export function readCachedToken(profile: string): Token | null {
  const directory = openProfileDirectory(profile)
  const key = readKeyFile(directory.keyFile)
  if (key === null) throw notInitialized(directory.path)
  const view = sqliteView(directory.stateDb)
  const bytes = view.readBlob("view")
  if (bytes === null) {
    if (view.readBlob("profile") === null) throw notInitialized(directory.path)
    return null
  }
  const token = openView(bytes, atRest(key))
  return token && publicToken(token, "cache")
}

export interface Wish {
  readonly minTtlMs: number
  readonly rejected: string | null
}

/** True when `token` is what the caller asks for, as a session decides it. */
export function serves(token: Token, wish: Wish, nowMs: number): boolean {
  const leftMs = token.expiresAt - nowMs
  return leftMs > 0 && leftMs >= wish.minTtlMs && !isRejected(token.accessToken, wish.rejected)
}

function isRejected(accessToken: string, rejected: string | null): boolean {
  if (rejected === null) return false
  if (!rejected.startsWith("sha256:")) return rejected === accessToken
  const digest = createHash("sha256").update(accessToken).digest("hex")
  return rejected.slice("sha256:".length).toLowerCase() === digest
}
