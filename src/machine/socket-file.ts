/**
 * The profile's socket as a file. Decides whether it may be used, and by which name: one may be too long for a socket, where
 * every other file takes it.
 */

import { closeSync, constants, lstatSync, openSync } from "node:fs"
import { basename, dirname } from "node:path"
import { setTimeout as pause } from "node:timers/promises"

import { QuorateError } from "../core/base/errors.ts"

/** Longest path of a Unix socket, in bytes: 103 on macOS, 107 on Linux, each with a final zero byte. */
export const SOCKET_BYTES_MAX = 103
/** A host in a worker thread closes its socket to others only after it has made it. */
const MODE_MS = 100

export interface SocketName {
  readonly path: string
  /** The name means nothing after this. */
  release(): void
}

/** A name that fits: on Linux one through the directory, which may lie however deep. */
export function socketName(path: string): SocketName {
  if (process.platform !== "linux" || Buffer.byteLength(path) <= SOCKET_BYTES_MAX) {
    return { path, release: () => {} }
  }
  const directory = openSync(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY)
  return {
    path: `/proc/self/fd/${directory}/${basename(path)}`,
    release: () => closeSync(directory),
  }
}

/**
 * Looks at what lies at `path` before anybody speaks to it; nothing may lie there.
 *
 * @throws QuorateError `STORE_UNUSABLE`: it is no socket, of another user, or open to others.
 */
export async function refuseForeignSocket(path: string): Promise<void> {
  const problem = problemOf(path)
  if (problem === null) return
  await pause(MODE_MS)
  const still = problemOf(path)
  if (still === null) return
  throw new QuorateError("STORE_UNUSABLE", "store", `${path} ${still}`, {
    hint: "somebody else has put it there: find out who, then remove it",
  })
}

function problemOf(path: string): string | null {
  if (process.getuid === undefined) return null
  const stat = lstatSync(path, { throwIfNoEntry: false })
  if (stat === undefined) return null
  if (!stat.isSocket()) return "is not a socket"
  if (stat.uid !== process.getuid()) return "belongs to another user"
  return (stat.mode & 0o077) === 0 ? null : "is open to other users"
}
