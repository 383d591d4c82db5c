/**
 * A profile as it lies on its disk, read beside whoever hosts it. Takes no part in the cluster and changes nothing; for
 * people who want to know what is wrong.
 */

import { QuorateError } from "../core/base/errors.ts"
import type { ProviderSettings } from "../core/oauth/types.ts"
import type { ClusterState, LogEntry, Pair } from "../core/refresh/types.ts"
import type { ProfileDirectory } from "../machine/profile.ts"
import type { AtRest } from "../ports/sealer.ts"
import { sqliteView } from "../storage/sqlite.ts"
import { decodeEntry, decodeState } from "../wire/entries.ts"
import { FrameError } from "../wire/errors.ts"
import { notInitialized, openKey, type ProfileRecord, readRecord } from "./record.ts"

/** The authorization server and the client, with what proves it. Holds a secret. */
export type KnownProvider = NonNullable<ProfileRecord["provider"]>

/** What `init` was told. @throws QuorateError `NOT_INITIALIZED`, `USAGE` when it was told nothing; kind `store`. */
export async function providerOf(directory: ProfileDirectory): Promise<KnownProvider> {
  const key = await openKey(directory)
  const record = readRecord(sqliteView(directory.stateDb), key)
  if (record === null) throw notInitialized(directory.path)
  if (record.provider !== null) return record.provider
  const message = `${directory.path} knows its provider from other members alone`
  throw new QuorateError("USAGE", "usage", message, {
    hint: "log in on the member that was set up with `quorate init`",
  })
}

export interface Inspected {
  /** As the cluster agreed, else as `init` was told; null: not known here yet. */
  readonly provider: ProviderSettings | null
  /** Lifetimes of the newest pair that was written down, in ms; null: nobody has logged in. */
  readonly lifetimes: {
    readonly accessMs: number
    /** Null: the server did not say. */
    readonly refreshMs: number | null
  } | null
}

/** Reads all of the store. @throws QuorateError `NOT_INITIALIZED`, `KEY_UNUSABLE`; kind `store` where it is damaged. */
export function inspectProfile(directory: ProfileDirectory, sealed: AtRest): Inspected {
  const view = sqliteView(directory.stateDb)
  const record = readRecord(view, sealed)
  if (record === null) throw notInitialized(directory.path)
  const persisted = view.load()
  const state = stateOf(persisted?.snapshot.data ?? new Uint8Array(), directory.stateDb)
  let pair: Pair | null = state?.pair ?? null
  let provider = state?.provider?.settings ?? record.provider?.settings ?? null
  for (const entry of persisted?.entries ?? []) {
    const decoded = entry.type === "app" ? readable(entry.data) : null
    if (decoded?.type === "login" || decoded?.type === "result") pair = newer(pair, decoded.pair)
    if (decoded?.type === "logout") pair = null
    if (decoded?.type === "provider") provider = decoded.settings
  }
  const lifetimes = pair && { accessMs: pair.lifetimeMs, refreshMs: pair.refreshLifetimeMs }
  return { provider, lifetimes }
}

/** Null: nothing was compacted yet. */
function stateOf(snapshot: Uint8Array, path: string): ClusterState | null {
  try {
    return snapshot.length === 0 ? null : decodeState(snapshot)
  } catch (error) {
    if (!(error instanceof FrameError)) throw error
    throw new QuorateError("STORE_UNUSABLE", "store", `${path} holds a state of another version`, {
      hint: "update this program",
    })
  }
}

/** A late result of an older pair changes nothing. */
function newer(known: Pair | null, next: Pair): Pair {
  if (known === null || next.epoch > known.epoch) return next
  return next.epoch === known.epoch && next.generation > known.generation ? next : known
}

/** Null: of a newer version, which the fold ignores, too. */
function readable(data: Uint8Array): LogEntry | null {
  try {
    return decodeEntry(data)
  } catch (error) {
    if (error instanceof FrameError) return null
    throw error
  }
}
