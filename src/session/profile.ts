/**
 * A profile on its disk: its key, its identity and its record. Decides what a first open makes and what a later one changes;
 * the files' own checks are the rooms'.
 */

import { isDeepStrictEqual } from "node:util"

import type { ProfileDirectory } from "../machine/profile.ts"
import type { AtRest, Identity } from "../ports/sealer.ts"
import type { Storage } from "../ports/storage.ts"
import { createIdentity, openIdentity } from "../seal/identity.ts"
import { nodeCrypto } from "../seal/crypto.ts"
import {
  notInitialized,
  type ProfileRecord,
  readRecord,
  refuseOther,
  sealRecord,
} from "./record.ts"

export { mismatch, notInitialized, readRecord } from "./record.ts"

export interface Profile {
  readonly directory: ProfileDirectory
  readonly atRest: AtRest
  readonly identity: Identity
  readonly record: ProfileRecord
}

/** Loopback alone: a member is reachable from other machines only when somebody says so. */
const LISTEN_DEFAULT: readonly string[] = ["/ip4/127.0.0.1/tcp/0"]

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
    storage.writeBlob("profile", sealRecord(record, sealed))
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
