/**
 * What is said when a store fails. Decides codes and texts; leaves to the caller whether the store may be used again.
 * Texts name the file, never what is in it.
 */

import { InvariantError } from "../core/base/assert.ts"
import { isQuorateError, QuorateError, type QuorateErrorOptions } from "../core/base/errors.ts"

/** A row that no version of ours can have written. Becomes `STORE_UNUSABLE` at the file's border. */
export class DamageError extends Error {
  override readonly name: string = "DamageError"
}

/** `STORE_UNUSABLE` about `path`; `what` completes the sentence "<path> ...". */
export function storeUnusable(
  path: string,
  what: string,
  options: QuorateErrorOptions = {},
): QuorateError {
  return new QuorateError("STORE_UNUSABLE", "store", `${path} ${what}`, options)
}

/** `STORE_FOREIGN` about `path`. */
export function storeForeign(path: string, what: string): QuorateError {
  return new QuorateError("STORE_FOREIGN", "store", `${path} ${what}`, {
    hint: "Nothing was changed. Name another profile directory, or move the file away.",
  })
}

/** `STORE_FENCED` about `path`. */
export function storeFenced(path: string): QuorateError {
  return new QuorateError("STORE_FENCED", "store", `${path} was taken over by a newer host`, {
    hint: "This process no longer runs the member; the newer host does.",
  })
}

/** True for SQLite's "somebody else holds the lock": nothing was read or written. */
export function isBusy(error: unknown): boolean {
  return sqliteCode(error) === 5
}

/** True when SQLite finds that the file contradicts itself. */
export function isDamage(error: unknown): boolean {
  return sqliteCode(error) === 11
}

/** Turns whatever was thrown into what the caller of a store may see. Our own errors pass unchanged. */
export function storeError(path: string, error: unknown): unknown {
  if (isQuorateError(error) || error instanceof InvariantError) return error
  if (error instanceof DamageError)
    return storeUnusable(path, `is damaged: ${error.message}`, damaged(error))
  const code = sqliteCode(error)
  if (code !== null) return sqliteError(path, code, error)
  if (error instanceof Error && "code" in error) {
    // Node refuses integers beyond 2^53, which we never write.
    if (error.code === "ERR_OUT_OF_RANGE") return storeUnusable(path, "is damaged", damaged(error))
    if (error.code === "ERR_INVALID_STATE")
      return new QuorateError("CLOSED", "usage", `${path} is closed`, { cause: error })
    if ("syscall" in error)
      return storeUnusable(path, `cannot be used (${String(error.code)})`, { cause: error })
  }
  return error
}

/** SQLite's primary result code, or null for an error of another origin. */
function sqliteCode(error: unknown): number | null {
  if (!(error instanceof Error) || !("errcode" in error)) return null
  return typeof error.errcode === "number" ? error.errcode & 0xff : null
}

function sqliteError(path: string, code: number, cause: unknown): QuorateError {
  switch (code) {
    case 5:
    case 6:
      return storeUnusable(path, "is locked by another process", { cause })
    case 3:
    case 8:
    case 14:
    case 23:
      return storeUnusable(path, "cannot be opened for writing", {
        cause,
        hint: "Check the owner and the mode of the file and its directory.",
      })
    case 10:
      return storeUnusable(path, "met an input/output error of the disk", { cause })
    case 11:
      return storeUnusable(path, "is damaged", damaged(cause))
    case 13:
      return storeUnusable(path, "does not fit on the disk any more", {
        cause,
        hint: "Free some space and start again.",
      })
    case 26:
      return storeForeign(path, "is not a database")
    default:
      return storeUnusable(path, `cannot be used (SQLite error ${code})`, { cause })
  }
}

function damaged(cause: unknown): QuorateErrorOptions {
  return {
    cause,
    hint: "Nothing was changed. Move the profile directory away and join the cluster again.",
  }
}
