/**
 * A disk of a few megabytes for one profile, which can be filled. Needs a system that lets us mount one: where it does not, the
 * fault is left out, and the summary says so.
 */

import { execFileSync } from "node:child_process"
import { chmodSync, closeSync, openSync, readdirSync, rmSync, writeSync } from "node:fs"
import { cpSync, mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

export interface Disk {
  /** Null: there is one. Otherwise why not. */
  readonly missing: string | null
  /** Leaves no byte free. */
  fill(): void
  empty(): void
  unmount(): void
}

const SIZE = "size=8m,mode=0700"
const CHUNK = Buffer.alloc(4_096)

/** Mounts it over a directory, whose files it takes along; null: none is wanted. */
export function mountDisk(directory: string | null): Disk {
  if (directory === null) return none("not wanted")
  const copy = mkdtempSync(join(tmpdir(), "quorate-disk-"))
  try {
    cpSync(directory, copy, { recursive: true })
    execFileSync("mount", ["-t", "tmpfs", "-o", SIZE, "quorate-nemesis", directory], {
      stdio: "ignore",
    })
    for (const name of readdirSync(copy)) cpSync(join(copy, name), join(directory, name))
    chmodSync(directory, 0o700)
  } catch {
    unmount(directory)
    return none("no tmpfs can be mounted here (root is needed)")
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
  const ballast = join(directory, "ballast")
  return {
    missing: null,
    fill: () => fill(ballast),
    empty: () => rmSync(ballast, { force: true }),
    unmount: () => unmount(directory),
  }
}

function unmount(directory: string): void {
  try {
    execFileSync("umount", ["-l", directory], { stdio: "ignore" })
  } catch {
    // Nothing is mounted there.
  }
}

function none(missing: string): Disk {
  const nothing = (): void => undefined
  return { missing, fill: nothing, empty: nothing, unmount: nothing }
}

function fill(path: string): void {
  const file = openSync(path, "a", 0o600)
  try {
    for (;;) writeSync(file, CHUNK)
  } catch {
    // It is full.
  } finally {
    closeSync(file)
  }
}
