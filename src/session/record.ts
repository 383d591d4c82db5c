/**
 * What a profile was set up with, as it lies sealed in its store. Decides when two set-ups differ; a guest reads it beside
 * the host, so this file loads no more than that takes.
 */

import { isDeepStrictEqual } from "node:util"

import { QuorateError } from "../core/base/errors.ts"
import type { ProviderSettings } from "../core/oauth/types.ts"
import { createKey, type KeyPlace, keyPlace, readKey } from "../machine/profile-key.ts"
import type { ProfileDirectory } from "../machine/profile.ts"
import type { AtRest } from "../ports/sealer.ts"
import type { Storage } from "../ports/storage.ts"
import { atRest } from "../seal/at-rest.ts"
import { sqliteView } from "../storage/sqlite.ts"

/** What `init` or the first open fixed. Sealed, since it may hold a client secret. */
export interface ProfileRecord {
  readonly version: 1
  /** 32 hexadecimal digits, for a cluster founded here. */
  readonly clusterId: string
  readonly name: string
  readonly listen: readonly string[]
  /** Null: known from the log alone. */
  readonly provider: {
    readonly settings: ProviderSettings
    readonly clientSecret: string | null
  } | null
}

const CONTEXT = "profile"

/** What the profile's store is sealed with. @throws QuorateError kind `store`; `NOT_INITIALIZED` when there is no key yet. */
export async function openKey(
  directory: ProfileDirectory,
  wanted: KeyPlace | null = null,
): Promise<AtRest> {
  refuseOtherPlace(directory, wanted)
  const key = await readKey(directory)
  if (key === null) throw keyMissing(directory)
  return atRest(key)
}

/** The same, and makes a key for a new profile. The caller holds the profile's lock. */
export async function openOrCreateKey(
  directory: ProfileDirectory,
  wanted: KeyPlace | null,
): Promise<AtRest> {
  refuseOtherPlace(directory, wanted)
  const key = await readKey(directory)
  if (key !== null) return atRest(key)
  // A second key would not open what the lost one sealed.
  if (hasRecord(directory)) throw keyMissing(directory)
  return atRest(await createKey(directory, wanted))
}

/** @throws QuorateError `ALREADY_INITIALIZED` when the profile's key is kept elsewhere than is `wanted`. */
function refuseOtherPlace(directory: ProfileDirectory, wanted: KeyPlace | null): void {
  const place = keyPlace(directory)
  if (wanted === null || place === null || place === wanted) return
  const message = `the key of ${directory.path} is kept in the ${place}, not in the ${wanted}`
  throw new QuorateError("ALREADY_INITIALIZED", "usage", message, {
    hint: "say the same as the first time, or name another --profile",
  })
}

function keyMissing(directory: ProfileDirectory): QuorateError {
  if (!hasRecord(directory)) return notInitialized(directory.path)
  const message = `${directory.path} has lost its key: neither ${directory.keyFile} nor ${directory.keychainFile} is there`
  return new QuorateError("KEY_UNUSABLE", "store", message, {
    hint: "restore it; without it the store cannot be opened, and a new --profile must log in",
  })
}

function hasRecord({ stateDb }: ProfileDirectory): boolean {
  return sqliteView(stateDb).readBlob("profile") !== null
}

/** @throws QuorateError `NOT_INITIALIZED`. */
export function notInitialized(path: string): QuorateError {
  return new QuorateError("NOT_INITIALIZED", "login", `${path} holds no profile yet`, {
    hint: "run `quorate init --issuer URL --client-id ID` first",
  })
}

/** The record, or null when the profile was never set up. @throws QuorateError `KEY_UNUSABLE`. */
export function readRecord(
  storage: Pick<Storage, "readBlob">,
  sealed: AtRest,
): ProfileRecord | null {
  const bytes = storage.readBlob("profile")
  if (bytes === null) return null
  return JSON.parse(Buffer.from(sealed.open(bytes, CONTEXT)).toString("utf8")) as ProfileRecord
}

/** The blob `profile`. */
export function sealRecord(record: ProfileRecord, sealed: AtRest): Uint8Array {
  return sealed.seal(Buffer.from(JSON.stringify(record), "utf8"), CONTEXT)
}

/** @throws QuorateError `PROVIDER_MISMATCH` naming the field in which `provider` is not the profile's own. */
export function refuseOther(
  known: ProfileRecord,
  provider: ProfileRecord["provider"],
  path: string,
): void {
  const field = mismatch(known, { provider })
  if (field === null) return
  throw new QuorateError("PROVIDER_MISMATCH", "usage", `${path} was set up with another ${field}`, {
    hint: "use the same settings, or another --profile",
  })
}

/** The first field in which two set-ups differ; null when they agree or nothing was said. */
export function mismatch(
  known: ProfileRecord,
  wanted: Pick<ProfileRecord, "provider">,
): string | null {
  const provider = wanted.provider
  if (provider === null || known.provider === null) return null
  const fields = Object.keys(provider.settings) as (keyof ProviderSettings)[]
  const differs = fields.find(
    (field) => !isDeepStrictEqual(provider.settings[field], known.provider?.settings[field]),
  )
  if (differs !== undefined) return differs
  return provider.clientSecret === known.provider.clientSecret ? null : "clientSecret"
}
