/**
 * The machine's locks (`host.lock`, `courier.lock`): a SQLite transaction that never ends. Decides only who holds the
 * file; leaves to the callers what the holder may do. The operating system frees the lock when its process dies, and
 * nobody steals it from a process that sleeps.
 *
 * POSIX drops a process's locks on a file when it closes any descriptor of it: nothing but `node:sqlite` may open it.
 */

import { closeSync, openSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"

import { isQuorateError, QuorateError } from "../core/base/errors.ts"
import type { MachineLock } from "../ports/machine-lock.ts"

/** "quol". Never changes. */
const APPLICATION_ID = 0x71756f6c

/**
 * A lock on the file at `path`, which is made (mode 0600) when absent. Never blocks. Two handles exclude each other,
 * also within one process. When several try in the same instant, all of them may be told false: try again, after a
 * pause of random length.
 *
 * @throws QuorateError `STORE_UNUSABLE`, from here or from `tryAcquire`, naming the file: it cannot be opened, is
 *   damaged, or belongs to somebody else.
 */
export function machineLock(path: string): MachineLock {
  const db = unlessUnusable(path, () => {
    makeFile(path)
    return new DatabaseSync(path, { timeout: 0 })
  })
  // Nobody takes the stamp away.
  let stamped = false
  const release = (): void => {
    if (db.isOpen && db.isTransaction) db.exec("ROLLBACK")
  }
  return {
    tryAcquire: () => {
      if (!db.isOpen) throw new QuorateError("CLOSED", "usage", `the lock ${path} is closed`)
      if (db.isTransaction) return true
      return unlessUnusable(path, () => {
        if (!begin(db)) return false
        stamped ||= isStamped(db)
        return stamped || stamp(db, path)
      })
    },
    release,
    close: () => {
      release()
      if (db.isOpen) db.close()
    },
  }
}

/** False: somebody else holds it. */
function begin(db: DatabaseSync): boolean {
  try {
    db.exec("BEGIN EXCLUSIVE")
    return true
  } catch (error) {
    if (sqliteCode(error) === 5) return false
    throw error
  }
}

function isStamped(db: DatabaseSync): boolean {
  return db.prepare("PRAGMA application_id").get()?.["application_id"] === APPLICATION_ID
}

/**
 * Writes the first page once. Without it every acquisition would write one, beside a journal that a killed holder
 * leaves behind. Between stamp and lock another process may be faster.
 */
function stamp(db: DatabaseSync, path: string): boolean {
  const tables = db.prepare("SELECT count(*) AS tables FROM sqlite_schema").get()?.["tables"]
  const version = db.prepare("PRAGMA user_version").get()?.["user_version"]
  if (tables !== 0 || version !== 0) {
    db.exec("ROLLBACK")
    throw unusable(path, "is a database of somebody else, not a lock")
  }
  db.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = 1; COMMIT`)
  return begin(db)
}

/** With its final mode from the start: SQLite would let others read it. */
function makeFile(path: string): void {
  try {
    closeSync(openSync(path, "wx", 0o600))
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error
  }
}

function unlessUnusable<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (isQuorateError(error) || !(error instanceof Error)) throw error
    const code = sqliteCode(error)
    if (code === null && !("syscall" in error)) throw error
    const what = code === 26 ? "is not a lock of quorate" : `cannot be used: ${error.message}`
    throw unusable(path, what, error)
  }
}

function unusable(path: string, what: string, cause?: Error): QuorateError {
  return new QuorateError("STORE_UNUSABLE", "store", `${path} ${what}`, {
    cause,
    hint: "Check the owner and the mode of the profile directory, or name another one.",
  })
}

/** SQLite's primary result code, or null for an error of another origin. */
function sqliteCode(error: unknown): number | null {
  if (!(error instanceof Error) || !("errcode" in error)) return null
  return typeof error.errcode === "number" ? error.errcode & 0xff : null
}
