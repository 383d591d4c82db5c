/** The profile on this machine: directory, file system, key, store. Makes nothing, except a file that goes at once. */

import { randomBytes } from "node:crypto"
import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  realpathSync,
  statfsSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs"
import { join } from "node:path"

import { QuorateError } from "../../core/base/errors.ts"
import { isNetworkMount, mountType, networkFileSystem } from "../../machine/file-system.ts"
import { openProfileDirectory, type ProfileDirectory } from "../../machine/profile.ts"
import { type Inspected, inspectProfile } from "../../session/inspect.ts"
import { notInitialized, openKey } from "../../session/record.ts"
import { keyText } from "../key-text.ts"
import { type Check, check, faultOf } from "./check.ts"

export interface Disk {
  readonly checks: readonly Check[]
  /** Null: it may not be used. */
  readonly directory: ProfileDirectory | null
  /** Null: it cannot be read. */
  readonly inspected: Inspected | null
}

export async function checkDisk(profile: string): Promise<Disk> {
  const checks: Check[] = []
  let directory: ProfileDirectory | null = null
  let inspected: Inspected | null = null
  try {
    if (statSync(profile, { throwIfNoEntry: false }) === undefined) throw notInitialized(profile)
    checks.push(fileSystem(realpathSync(profile)))
    directory = openProfileDirectory(profile)
    checks.push(check("ok", "directory", `${directory.path} is this user's alone`))
  } catch (error) {
    checks.push(faultOf("directory", known(profile, error)))
  }
  if (directory === null) return { checks, directory, inspected }
  try {
    const key = await openKey(directory)
    checks.push(check("ok", "key", keyText(directory)))
    try {
      inspected = inspectProfile(directory, key)
      checks.push(check("ok", "store_readable", `${directory.stateDb} was read whole`))
    } catch (error) {
      checks.push(faultOf("store_readable", error))
    }
  } catch (error) {
    checks.push(faultOf("key", error))
  }
  checks.push(writable(directory.path))
  return { checks, directory, inspected }
}

/** A path that leads nowhere, such as below a file. */
function known(profile: string, error: unknown): unknown {
  if (!(error instanceof Error && "syscall" in error && "code" in error)) return error
  const message = `the profile directory ${profile} cannot be used (${String(error.code)})`
  return new QuorateError("STORE_UNUSABLE", "store", message, { hint: "name another --profile" })
}

/** Locks do not hold on a file system of another machine. */
function fileSystem(path: string): Check {
  const name = "file_system"
  if (process.platform !== "linux") return check("ok", name, "local, as far as the path tells")
  const mounted = mountType(path, mountTable())
  const network = networkFileSystem(statfsSync(path).type)
  const foreign = network ?? (mounted !== null && isNetworkMount(mounted) ? mounted : null)
  if (foreign === null) return check("ok", name, `local (${mounted ?? "of unknown type"})`)
  const hint = "name a directory on a disk of this machine"
  return check("fault", name, `${path} lies on ${foreign}, where locks do not hold`, hint)
}

function mountTable(): string {
  try {
    return readFileSync("/proc/mounts", "utf8")
  } catch {
    return ""
  }
}

/** A full disk and a read-only one are found by writing. */
export function writable(directory: string): Check {
  const name = "store_writable"
  const path = join(directory, `doctor.${randomBytes(6).toString("hex")}`)
  try {
    const descriptor = openSync(path, "wx", 0o600)
    try {
      writeSync(descriptor, Buffer.alloc(4_096))
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
      unlinkSync(path)
    }
    return check("ok", name, "a file was written, synced and removed")
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown"
    const hint = "check the disk's space, and whether it is mounted read-only"
    return check("fault", name, `nothing can be written in ${directory} (${code})`, hint)
  }
}
