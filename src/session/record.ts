/**
 * What a profile was set up with, as it lies sealed in its store. Decides when two set-ups differ; a guest reads it beside
 * the host, so this file loads no more than that takes.
 */

import { isDeepStrictEqual } from "node:util"

import { QuorateError } from "../core/base/errors.ts"
import type { ProviderSettings } from "../core/oauth/types.ts"
import { createKeyFile, readKeyFile } from "../machine/key-file.ts"
import type { ProfileDirectory } from "../machine/profile.ts"
import type { AtRest } from "../ports/sealer.ts"
import type { Storage } from "../ports/storage.ts"
import { atRest } from "../seal/at-rest.ts"

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
