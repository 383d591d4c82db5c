/**
 * One SQLite file of ours: how it is recognised, made, opened, written and given up. Decides durability (WAL, FULL,
 * explicit transactions) and the wording of every failure; leaves tables and their meaning to `sqlite.ts` and
 * `sqlite-journal.ts`.
 */

import { closeSync, fsyncSync, mkdirSync, openSync, statSync } from "node:fs"
import { dirname } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { pathToFileURL } from "node:url"

import { isQuorateError, type QuorateError } from "../core/base/errors.ts"
import { isBusy, storeError, storeForeign, storeUnusable } from "./sqlite-errors.ts"

/** What makes a SQLite file one of ours. */
export interface StoreFormat {
  /** Names the file in messages, for instance "state store". */
  readonly noun: string
  /** SQLite's `application_id`, a positive 32-bit integer: by it a foreign database is known before it is touched. */
  readonly applicationId: number
  /** SQLite's `user_version`. A file with a higher one is refused, not read. */
  readonly version: number
  /** Statements that make the tables. */
  readonly schema: string
  /** How long a transaction waits for another process, in ms. */
  readonly timeoutMs: number
}

/**
 * An open file. After the first failure every method throws that failure again: a failed fsync may have lost pages
 * which a second one would report as clean.
 */
export interface StoreFile {
  /**
   * Runs `work` in one transaction, durable on return.
   *
   * @throws what `work` threw, after a rollback; or QuorateError kind `store` naming the file.
   */
  transaction<T>(work: (db: DatabaseSync) => T): T
  /** Runs `work` without a transaction; it must not write. */
  read<T>(work: (db: DatabaseSync) => T): T
  /**
   * Moves everything to the main file and empties the WAL, so that overwritten bytes leave the disk.
   *
   * @returns false when a reader stood in the way: try again after the next write.
   */
  truncateWal(): boolean
  /** Harmless when closed or failed. */
  close(): void
}

/**
 * Opens the file, or makes it (mode 0600, in a 0700 directory) when it is absent or empty.
 *
 * @throws QuorateError `STORE_FOREIGN`: not ours, and not a byte of it was changed. `STORE_UNUSABLE`: newer, damaged,
 *   or refused by the operating system.
 */
export function openStoreFile(path: string, format: StoreFormat): StoreFile {
  try {
    prepareFile(path)
    refuseForeign(path, format)
    const db = new DatabaseSync(path, { timeout: format.timeoutMs })
    try {
      prepareDatabase(db, path, format)
      syncDirectory(dirname(path))
      return storeFile(db, path, format)
    } catch (error) {
      db.close()
      throw error
    }
  } catch (error) {
    throw storeError(path, error)
  }
}

/**
 * Reads from the file beside whoever writes it; changes nothing but SQLite's own `-shm` and `-wal`.
 *
 * @returns null when the file is absent or was not finished being made.
 * @throws QuorateError like {@link openStoreFile}.
 */
export function readStoreFile<T>(
  path: string,
  format: StoreFormat,
  work: (db: DatabaseSync) => T,
): T | null {
  try {
    const size = sizeOf(path)
    if (size === null || size === 0) return null
    refuseForeign(path, format)
    const db = new DatabaseSync(path, { timeout: format.timeoutMs, readOnly: true })
    try {
      const { applicationId, version } = stampOf(db)
      if (applicationId !== format.applicationId) return null
      refuseNewer(path, format, version)
      return work(db)
    } finally {
      db.close()
    }
  } catch (error) {
    throw storeError(path, error)
  }
}

function storeFile(db: DatabaseSync, path: string, format: StoreFormat): StoreFile {
  let failure: QuorateError | null = null
  /** Says what went wrong; from then on nothing else is said, unless the file was merely busy. */
  const failed = (error: unknown): unknown => {
    const said = storeError(path, error)
    if (isQuorateError(said) && said.kind === "store" && !isBusy(error)) failure = said
    return said
  }
  const guarded = <T>(work: () => T): T => {
    if (failure !== null) throw failure
    try {
      return work()
    } catch (error) {
      throw failed(error)
    }
  }
  const file: StoreFile = {
    transaction: (work) =>
      guarded(() => {
        // Explicit BEGIN and COMMIT: a statement that commits by itself through .get() swallows a failed commit.
        db.exec("BEGIN IMMEDIATE")
        try {
          const result = work(db)
          db.exec("COMMIT")
          return result
        } catch (error) {
          if (db.isTransaction) rollback(db)
          throw error
        }
      }),
    read: (work) => guarded(() => work(db)),
    truncateWal: () => guarded(() => checkpoint(db, format.timeoutMs)),
    close: () => {
      if (db.isOpen) db.close()
    },
  }
  return file
}

/** A reader may have been stopped in the middle of a page: it must not stop the writer for longer than this. */
const CHECKPOINT_WAIT_MS_MAX = 50

function checkpoint(db: DatabaseSync, timeoutMs: number): boolean {
  db.exec(`PRAGMA busy_timeout = ${Math.min(timeoutMs, CHECKPOINT_WAIT_MS_MAX)}`)
  try {
    // Tells in a row, without throwing, that it was busy. Through .all(), so that an error of the disk is told.
    return db.prepare("PRAGMA wal_checkpoint(TRUNCATE)").all()[0]?.["busy"] === 0
  } finally {
    db.exec(`PRAGMA busy_timeout = ${timeoutMs}`)
  }
}

function rollback(db: DatabaseSync): void {
  try {
    db.exec("ROLLBACK")
  } catch {
    // The first error is the one to tell; SQLite rolls back by itself when the file is opened again.
  }
}

/** Makes an absent file with its final mode: SQLite copies the mode to `-wal`, `-shm` and `-journal`. */
function prepareFile(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  try {
    closeSync(openSync(path, "wx", 0o600))
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error
  }
}

/** Null when absent. Never opens the file: closing a descriptor of it would drop this process's SQLite locks. */
function sizeOf(path: string): number | null {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (stat === undefined) return null
  if (!stat.isFile()) throw storeForeign(path, "is not a file")
  return stat.size
}

/** Looks at the stamp without locks, journals or side files: `immutable` promises SQLite that nobody writes. */
function refuseForeign(path: string, format: StoreFormat): void {
  if (sizeOf(path) === 0) return
  const url = pathToFileURL(path)
  url.searchParams.set("immutable", "1")
  const db = new DatabaseSync(url, { readOnly: true })
  try {
    // True for every file of ours, also while somebody writes it: the stamp is in the first page since its first byte.
    if (stampOf(db).applicationId !== format.applicationId)
      throw storeForeign(path, `is a database, but no ${format.noun} of quorate`)
  } finally {
    db.close()
  }
}

function refuseNewer(path: string, format: StoreFormat, version: number): void {
  if (version <= format.version) return
  throw storeUnusable(path, `was written by a newer quorate (format ${version})`, {
    hint: `This one knows format ${format.version}: update it.`,
  })
}

function stampOf(db: DatabaseSync): { applicationId: number; version: number } {
  return {
    applicationId: Number(db.prepare("PRAGMA application_id").get()?.["application_id"]),
    version: Number(db.prepare("PRAGMA user_version").get()?.["user_version"]),
  }
}

function prepareDatabase(db: DatabaseSync, path: string, format: StoreFormat): void {
  db.exec(`PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON;
    PRAGMA secure_delete = ON; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON`)
  if (stampOf(db).applicationId === 0) create(db, format)
  refuseNewer(path, format, stampOf(db).version)
  enterWal(db, path, format)
  // SQLite ignores the errors of a checkpoint that it starts by itself.
  db.exec("PRAGMA wal_autocheckpoint = 0")
  const check = db.prepare("PRAGMA quick_check(1)").all()[0]?.["quick_check"]
  if (check !== "ok") throw storeUnusable(path, "is damaged")
}

/** Stamp and tables appear together; of two processes that find the file empty one makes them. */
function create(db: DatabaseSync, format: StoreFormat): void {
  db.exec("BEGIN EXCLUSIVE")
  try {
    if (stampOf(db).applicationId === 0)
      db.exec(`PRAGMA application_id = ${format.applicationId};
        PRAGMA user_version = ${format.version}; ${format.schema}`)
    db.exec("COMMIT")
  } catch (error) {
    if (db.isTransaction) rollback(db)
    throw error
  }
}

/** The change needs the file for itself, and SQLite does not always wait for that: two first openers may collide. */
function enterWal(db: DatabaseSync, path: string, format: StoreFormat): void {
  const pause = new Int32Array(new SharedArrayBuffer(4))
  for (let waitedMs = 0; ; waitedMs += 10) {
    try {
      const mode = db.prepare("PRAGMA journal_mode = WAL").all()[0]?.["journal_mode"]
      if (mode === "wal") return
      throw storeUnusable(path, "lies on a file system that cannot hold it")
    } catch (error) {
      if (!isBusy(error) || waitedMs >= format.timeoutMs) throw error
      Atomics.wait(pause, 0, 0, 10)
    }
  }
}

/** Makes the file's name durable. Windows has no such call and does not need it. */
function syncDirectory(path: string): void {
  if (process.platform === "win32") return
  const descriptor = openSync(path, "r")
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
