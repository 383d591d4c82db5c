/** Text that a person brings along: from a file, or from stdin as `-`. Decides how much is read and which secret is refused. */

import { closeSync, fstatSync, openSync, readFileSync } from "node:fs"
import { addAbortSignal } from "node:stream"

import { QuorateError } from "../core/base/errors.ts"
import { usage } from "./failure.ts"

/** Token responses are a few kilobytes; whoever names a larger file has named the wrong one. */
const BYTES_MAX = 1_048_576

/**
 * Reads all of `source`.
 *
 * @param option - what the person wrote it after, for messages.
 * @throws QuorateError kind `usage`; the signal's reason.
 */
export async function readInput(
  option: string,
  source: string,
  signal: AbortSignal,
): Promise<string> {
  return source === "-" ? readStdin(option, signal) : readFile(option, source)
}

async function readStdin(option: string, signal: AbortSignal): Promise<string> {
  signal.throwIfAborted()
  const pieces: Uint8Array[] = []
  let bytes = 0
  try {
    for await (const piece of addAbortSignal(signal, process.stdin)) {
      const chunk = piece as Uint8Array
      bytes += chunk.length
      if (bytes > BYTES_MAX) throw tooLong(option)
      pieces.push(chunk)
    }
  } catch (error) {
    signal.throwIfAborted()
    throw error
  }
  return Buffer.concat(pieces).toString("utf8")
}

function readFile(option: string, path: string, isSecret = false): string {
  try {
    const descriptor = openSync(path, "r")
    try {
      const stat = fstatSync(descriptor)
      if (isSecret && process.platform !== "win32" && (stat.mode & 0o007) !== 0) {
        throw usage(`${option}: ${path} is open to other users`, `run: chmod 600 ${path}`)
      }
      if (stat.size > BYTES_MAX) throw tooLong(option)
      return readFileSync(descriptor, "utf8")
    } finally {
      closeSync(descriptor)
    }
  } catch (error) {
    if (error instanceof QuorateError) throw error
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown"
    throw usage(`${option}: ${path} cannot be read (${code})`, "name a file, or - for stdin")
  }
}

/** Reads the one line of a secret's file, which must be closed to other users. @throws QuorateError kind `usage`. */
export function readSecret(option: string, path: string): string {
  const secret = readFile(option, path, true).replace(/\r?\n$/, "")
  if (secret === "") throw usage(`${option}: ${path} is empty`)
  if (/[\r\n]/.test(secret))
    throw usage(`${option}: ${path} must hold the secret alone, on one line`)
  return secret
}

function tooLong(option: string): QuorateError {
  return usage(`${option}: longer than ${BYTES_MAX} bytes`)
}
