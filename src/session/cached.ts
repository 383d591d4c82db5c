/**
 * The token of a profile as its store shows it: no host, no member, no schemas, no network. For processes that live
 * shorter than any of these take to load.
 */

import { statSync } from "node:fs"

import { openProfileDirectory } from "../machine/profile.ts"
import { sqliteView } from "../storage/sqlite.ts"
import { notInitialized, openKey } from "./record.ts"
import { systemClock } from "../machine/clock.ts"
import { publicToken, type Token } from "./types.ts"
import { leftMs, openView } from "./view.ts"

export interface CachedToken extends Token {
  /** How long it still lives, as far as can be told without a host; negative: it has ended. */
  readonly leftMs: number
}

/**
 * The newest token that a host wrote down, valid or not; null: nobody is logged in. A host writes it a moment after it
 * has served its callers. Makes nothing, not even the directory.
 *
 * @throws QuorateError `NOT_INITIALIZED`; kind `store` when the profile's files cannot be used.
 */
export async function readCachedToken(profile: string): Promise<CachedToken | null> {
  if (statSync(profile, { throwIfNoEntry: false }) === undefined) throw notInitialized(profile)
  const directory = openProfileDirectory(profile)
  const key = await openKey(directory)
  const view = sqliteView(directory.stateDb)
  const bytes = view.readBlob("view")
  if (bytes !== null) {
    const token = openView(bytes, key)
    return token && { ...publicToken(token, "cache"), leftMs: leftMs(token, systemClock) }
  }
  if (view.readBlob("profile") === null) throw notInitialized(directory.path)
  return null
}
