/**
 * Where a profile's 32-byte key is kept: in the keychain, or in a file. Decides it once, when the key is made; afterwards the
 * profile remembers it (`key`, or `keychain` with the name of the entry), and a key that is not there is an error, never a
 * reason for another place.
 */

import { randomBytes } from "node:crypto"
import { existsSync, readFileSync } from "node:fs"

import { isQuorateError, QuorateError } from "../core/base/errors.ts"
import { createKeyFile, readKeyFile, writeOnce } from "./key-file.ts"
import type * as Keychain from "./keychain.ts"
import type { ProfileDirectory } from "./profile.ts"

export type KeyPlace = "keychain" | "file"

/** Where the profile's key is kept; null: it has none yet. @throws QuorateError `KEY_UNUSABLE` when both places are named. */
export function keyPlace({ keyFile, keychainFile, path }: ProfileDirectory): KeyPlace | null {
  const inKeychain = existsSync(keychainFile)
  if (!existsSync(keyFile)) return inKeychain ? "keychain" : null
  if (!inKeychain) return "file"
  throw unusable(`${path} has a key file and names a keychain's entry`, BOTH)
}

const BOTH = "remove the one that does not belong there"

/**
 * Reads the profile's key; null: it has none yet.
 *
 * @throws QuorateError `KEY_UNUSABLE`, `KEYCHAIN_LOCKED`, `KEYCHAIN_UNAVAILABLE`.
 */
export async function readKey(directory: ProfileDirectory): Promise<Uint8Array | null> {
  const place = keyPlace(directory)
  // What may lie there instead of a file is the reader's to refuse.
  if (place !== "keychain") return readKeyFile(directory.keyFile)
  const account = accountOf(directory.keychainFile)
  const { readKeychain } = await keychain()
  return readKeychain(account)
}

/**
 * Makes the profile's key, durable on return. Where nothing is `wanted` the keychain keeps it, or the file on a machine that
 * has no keychain; one that is locked is no reason to do without it.
 *
 * @throws QuorateError like {@link readKey}.
 */
export async function createKey(
  directory: ProfileDirectory,
  wanted: KeyPlace | null,
): Promise<Uint8Array> {
  if (wanted === "file") return createKeyFile(directory.keyFile)
  const key = new Uint8Array(randomBytes(32))
  const account = randomBytes(16).toString("hex")
  try {
    const { writeKeychain } = await keychain()
    await writeKeychain(account, key)
  } catch (error) {
    const isMissing = isQuorateError(error) && error.code === "KEYCHAIN_UNAVAILABLE"
    if (wanted === null && isMissing) return createKeyFile(directory.keyFile)
    throw error
  }
  writeOnce(directory.keychainFile, Buffer.from(`${account}\n`))
  return key
}

/** Most processes read a file: what it takes to ask a keychain is loaded where one is asked. */
function keychain(): Promise<typeof Keychain> {
  return import("./keychain.ts")
}

function accountOf(path: string): string {
  const text = readFileSync(path, "utf8").trim()
  if (/^[0-9a-f]{32}$/.test(text)) return text
  throw unusable(`${path} names no entry of the keychain`)
}

function unusable(message: string, hint?: string): QuorateError {
  return new QuorateError("KEY_UNUSABLE", "store", message, { hint })
}
