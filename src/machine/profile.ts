/**
 * The profile's directory: where it lies by default, what the files in it are called, and when it is refused. Decides
 * nothing about the files' contents.
 */

import { createHash } from "node:crypto"
import { mkdirSync, realpathSync, type Stats, statfsSync, statSync } from "node:fs"
import { homedir } from "node:os"
import { isAbsolute, join } from "node:path"

import { QuorateError } from "../core/base/errors.ts"
import { networkFileSystem } from "./file-system.ts"
import { SOCKET_BYTES_MAX } from "./socket-file.ts"

/** The files of one profile; none of them need exist. */
export interface ProfileDirectory {
  /** Absolute, symbolic links resolved: two names of one directory are one profile. */
  readonly path: string
  /** Raft state and blobs; written by the host alone. */
  readonly stateDb: string
  /** The courier's journal. */
  readonly courierDb: string
  /** Held by the host for its life. Opened by `machineLock` alone. */
  readonly hostLock: string
  /** Held by a courier from go to exit, and by whoever judges its record. Opened by `machineLock` alone. */
  readonly courierLock: string
  /** The 32-byte key, where no keychain keeps it. */
  readonly keyFile: string
  /** The name of the keychain's entry, where one does. */
  readonly keychainFile: string
  /** The founding members and where to reach them, where a person put it. */
  readonly membersFile: string
  /** Where guests find the host: a socket's path, or a named pipe on Windows. */
  readonly socket: string
}

/**
 * Where the profile of this user lies when nobody says otherwise: `$XDG_STATE_HOME/quorate` or
 * `~/.local/state/quorate`, on macOS `~/Library/Application Support/quorate`, on Windows `%LOCALAPPDATA%\quorate`.
 */
export function defaultProfileDirectory(
  env: Readonly<Record<string, string | undefined>> = process.env,
  platform: NodeJS.Platform = process.platform,
  home: string = homedir(),
): string {
  if (platform === "darwin") return join(home, "Library", "Application Support", "quorate")
  if (platform === "win32")
    return join(env["LOCALAPPDATA"] ?? join(home, "AppData", "Local"), "quorate")
  // The XDG base directory specification: a relative path is to be ignored.
  const state = env["XDG_STATE_HOME"] ?? ""
  return join(isAbsolute(state) ? state : join(home, ".local", "state"), "quorate")
}

/**
 * Makes the directory when it is absent (mode 0700) and names its files.
 *
 * @throws QuorateError `STORE_UNUSABLE` naming the directory and the fix: it is no directory, belongs to another user,
 *   is open to others, or lies on a network file system, whose locks do not hold. `USAGE`: the path is too long for a
 *   socket, except on Linux.
 */
export function openProfileDirectory(path: string): ProfileDirectory {
  let real: string
  let stat: Stats
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
    real = realpathSync(path)
    stat = statSync(real)
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown"
    throw unusable(path, `cannot be used (${code})`, "Name another directory.", error)
  }
  if (!stat.isDirectory()) throw unusable(path, "is not a directory", "Name another one.")
  refuseOthers(real, stat, process.getuid?.())
  refuseNetwork(real)
  return profileDirectory(real)
}

/** The names alone, for a directory that was checked. `platform` decides the form of the socket. */
export function profileDirectory(
  path: string,
  platform: NodeJS.Platform = process.platform,
): ProfileDirectory {
  return {
    path,
    stateDb: join(path, "state.db"),
    courierDb: join(path, "courier.db"),
    hostLock: join(path, "host.lock"),
    courierLock: join(path, "courier.lock"),
    keyFile: join(path, "key"),
    keychainFile: join(path, "keychain"),
    membersFile: join(path, "members.json"),
    socket: socketOf(path, platform),
  }
}

/** Refuses a directory that somebody else owns or may enter; `uid` is undefined on Windows, where neither is asked. */
export function refuseOthers(
  path: string,
  stat: { readonly uid: number; readonly mode: number },
  uid: number | undefined,
): void {
  if (uid === undefined) return
  if (stat.uid !== uid)
    throw unusable(path, "belongs to another user", "Name a directory of your own.")
  if ((stat.mode & 0o077) !== 0)
    throw unusable(path, "is open to other users", `Run: chmod 700 ${path}`)
}

function refuseNetwork(path: string): void {
  const name =
    process.platform === "linux"
      ? networkFileSystem(statfsSync(path).type)
      : process.platform === "win32" && path.startsWith("\\\\")
        ? "a network share"
        : null
  if (name === null) return
  throw unusable(
    path,
    `lies on ${name}, where locks do not hold`,
    "Name a directory on a disk of this machine; members on two machines find each other by invitation.",
  )
}

function socketOf(path: string, platform: NodeJS.Platform): string {
  if (platform === "win32") {
    // Pipes have one name space for the whole machine.
    const digest = createHash("sha256").update(path.toLowerCase()).digest("hex").slice(0, 32)
    return `\\\\.\\pipe\\quorate-${digest}`
  }
  const socket = join(path, "socket")
  if (platform === "linux" || Buffer.byteLength(socket) <= SOCKET_BYTES_MAX) return socket
  throw new QuorateError("USAGE", "usage", `the path ${path} is too long for a socket`, {
    hint: `Name a profile directory of at most ${SOCKET_BYTES_MAX - "/socket".length} bytes.`,
  })
}

function unusable(path: string, what: string, hint: string, cause?: unknown): QuorateError {
  return new QuorateError("STORE_UNUSABLE", "store", `the profile directory ${path} ${what}`, {
    cause,
    hint,
  })
}
