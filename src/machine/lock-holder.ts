/** Who has a lock's file open, as far as the operating system tells. For people: nothing is decided by it. */

import { readdirSync, readlinkSync } from "node:fs"

/**
 * The other processes of this user that have `path` open, by their pid. On Linux alone, where /proc tells; a process that
 * tries for the lock has it open for a moment, too.
 */
export function processesWith(path: string): readonly number[] {
  return entriesOf("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((name) => entriesOf(`/proc/${name}/fd`).some((fd) => leadsTo(name, fd, path)))
    .map(Number)
}

function leadsTo(pid: string, fd: string, path: string): boolean {
  try {
    return readlinkSync(`/proc/${pid}/fd/${fd}`) === path
  } catch {
    return false
  }
}

/** Nothing where there is none, of a process of somebody else, and of one that has just ended. */
function entriesOf(directory: string): readonly string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}
