/**
 * The profile's 32-byte key in a file, where no keychain is at hand. Decides how it is made and when it is refused;
 * leaves what it seals to the seal room. A key is never overwritten: what it sealed would be lost.
 */

import { randomBytes } from "node:crypto"
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  linkSync,
  openSync,
  readSync,
  unlinkSync,
  writeSync,
} from "node:fs"
import { dirname } from "node:path"

import { isQuorateError, QuorateError } from "../core/base/errors.ts"

const KEY_BYTES = 32

/**
 * Makes a random key, mode 0600, durable on return.
 *
 * @returns the key.
 * @throws QuorateError `KEY_UNUSABLE` naming the file, also when it exists already.
 */
export function createKeyFile(path: string): Uint8Array {
  const key = randomBytes(KEY_BYTES)
  writeOnce(path, key)
  return new Uint8Array(key)
}

/** Makes a file of this user alone, durable on return. @throws QuorateError `KEY_UNUSABLE`, also when it exists already. */
export function writeOnce(path: string, bytes: Uint8Array): void {
  const draft = `${path}.${randomBytes(6).toString("hex")}.new`
  withFile(path, draft, "wx", (descriptor) => {
    writeSync(descriptor, bytes)
    fsyncSync(descriptor)
  })
  try {
    // A link, unlike a rename, refuses to replace a key; and the name never shows half a key.
    linkSync(draft, path)
  } catch (error) {
    if (codeOf(error) === "EEXIST") throw unusable(path, "exists already")
    throw unusable(path, `cannot be made (${codeOf(error)})`, error)
  } finally {
    unlinkSync(draft)
  }
  if (process.platform !== "win32") withFile(path, dirname(path), "r", fsyncSync)
}

/**
 * Reads the key. Only a regular file of this user, closed to everybody else, with exactly 32 bytes is one.
 *
 * @returns null when there is no such file.
 * @throws QuorateError `KEY_UNUSABLE` naming the file and what is wrong with it.
 */
export function readKeyFile(path: string): Uint8Array | null {
  try {
    // A link could lead to a file that somebody else may read or replace.
    return withFile(path, path, constants.O_RDONLY | constants.O_NOFOLLOW, (descriptor) => {
      checkKeyFile(path, descriptor)
      const key = new Uint8Array(KEY_BYTES)
      if (readSync(descriptor, key) !== KEY_BYTES)
        throw unusable(path, "is not readable as a whole")
      return key
    })
  } catch (error) {
    if (error instanceof Error && codeOf(error.cause) === "ENOENT") return null
    throw error
  }
}

function checkKeyFile(path: string, descriptor: number): void {
  const stat = fstatSync(descriptor)
  if (!stat.isFile()) throw unusable(path, "is not a file")
  if (stat.size !== KEY_BYTES) throw unusable(path, `has ${stat.size} bytes, not ${KEY_BYTES}`)
  if (process.getuid === undefined) return
  if (stat.uid !== process.getuid()) throw unusable(path, "belongs to another user")
  if ((stat.mode & 0o077) !== 0)
    throw unusable(path, "is open to other users", undefined, `Run: chmod 600 ${path}`)
}

function withFile<T>(
  path: string,
  opened: string,
  flags: string | number,
  work: (descriptor: number) => T,
): T {
  try {
    const descriptor = openSync(opened, flags, 0o600)
    try {
      return work(descriptor)
    } finally {
      closeSync(descriptor)
    }
  } catch (error) {
    if (isQuorateError(error)) throw error
    throw unusable(path, `cannot be used (${codeOf(error)})`, error)
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown"
}

function unusable(path: string, what: string, cause?: unknown, hint?: string): QuorateError {
  return new QuorateError("KEY_UNUSABLE", "store", `the key file ${path} ${what}`, { cause, hint })
}
