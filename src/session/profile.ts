/**
 * A profile on its disk: its key, its identity and what it was set up with. Decides what a first open makes and when a later
 * one is refused because it says something else; the files' own checks are the rooms'.
 */

import { isDeepStrictEqual } from "node:util"

import { QuorateError } from "../core/base/errors.ts"
import type { ProviderSettings } from "../core/oauth/types.ts"
import { createKeyFile, readKeyFile } from "../machine/key-file.ts"
import type { ProfileDirectory } from "../machine/profile.ts"
import type { AtRest, Identity } from "../ports/sealer.ts"
import type { Storage } from "../ports/storage.ts"
import { atRest } from "../seal/at-rest.ts"
import { createIdentity, openIdentity } from "../seal/identity.ts"
import { nodeCrypto } from "../seal/crypto.ts"

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

export interface Profile {
  readonly directory: ProfileDirectory
  readonly atRest: AtRest
  readonly identity: Identity
  readonly record: ProfileRecord
}

const CONTEXT = "profile"
/** Loopback alone: a member is reachable from other machines only when somebody says so. */
const LISTEN_DEFAULT: readonly string[] = ["/ip4/127.0.0.1/tcp/0"]

/** The profile's key. @throws QuorateError `KEY_UNUSABLE`, `NOT_INITIALIZED` when there is none and `create` is false. */
export function openKey(directory: ProfileDirectory, create: boolean): AtRest {
  const key = readKeyFile(directory.keyFile)
  if (key !== null) return atRest(key)
  if (!create) throw notInitialized(directory.path)
  return atRest(createKeyFile(directory.keyFile))
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

export interface Wanted {
  readonly name: string
  /** Null: not said, keep what is. */
  readonly listen: readonly string[] | null
  readonly provider: ProfileRecord["provider"]
}

/**
 * Opens the profile in the store, or sets it up when it is new and `wanted` names a provider.
 *
 * @throws QuorateError `NOT_INITIALIZED`, `PROVIDER_MISMATCH` naming the field, `KEY_UNUSABLE`.
 */
export function openProfile(
  directory: ProfileDirectory,
  storage: Storage,
  sealed: AtRest,
  wanted: Wanted,
): Profile {
  const known = readRecord(storage, sealed)
  if (known === null && wanted.provider === null) throw notInitialized(directory.path)
  const record = known === null ? founded(wanted) : reopened(known, wanted, directory.path)
  const blob = storage.readBlob("identity")
  const made = blob === null ? createIdentity(sealed) : null
  if (made !== null) storage.writeBlob("identity", made.sealed)
  const identity = made?.identity ?? openIdentity(blob ?? new Uint8Array(), sealed)
  if (!isDeepStrictEqual(record, known)) {
    storage.writeBlob("profile", sealed.seal(Buffer.from(JSON.stringify(record), "utf8"), CONTEXT))
  }
  return { directory, atRest: sealed, identity, record }
}

function founded(wanted: Wanted): ProfileRecord {
  return {
    version: 1,
    clusterId: Buffer.from(nodeCrypto.randomBytes(16)).toString("hex"),
    name: wanted.name,
    listen: wanted.listen ?? LISTEN_DEFAULT,
    provider: wanted.provider,
  }
}

function reopened(known: ProfileRecord, wanted: Wanted, path: string): ProfileRecord {
  refuseOther(known, wanted.provider, path)
  return { ...known, listen: wanted.listen ?? known.listen }
}

/** @throws QuorateError `PROVIDER_MISMATCH` naming the field in which `provider` is not the profile's own. */
export function refuseOther(
  known: ProfileRecord,
  provider: Wanted["provider"],
  path: string,
): void {
  const field = mismatch(known, { provider })
  if (field === null) return
  throw new QuorateError("PROVIDER_MISMATCH", "usage", `${path} was set up with another ${field}`, {
    hint: "use the same settings, or another --profile",
  })
}

/** The first field in which two set-ups differ; null when they agree or nothing was said. */
export function mismatch(known: ProfileRecord, wanted: Pick<Wanted, "provider">): string | null {
  const provider = wanted.provider
  if (provider === null || known.provider === null) return null
  const fields = Object.keys(provider.settings) as (keyof ProviderSettings)[]
  const differs = fields.find(
    (field) => !isDeepStrictEqual(provider.settings[field], known.provider?.settings[field]),
  )
  if (differs !== undefined) return differs
  return provider.clientSecret === known.provider.clientSecret ? null : "clientSecret"
}
