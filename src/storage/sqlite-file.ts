/**
 * One SQLite file of ours: how it is recognised, made, opened, written and given up. Decides durability (WAL, FULL,
 * explicit transactions) and the wording of every failure; leaves tables and their meaning to `sqlite.ts` and
 * `sqlite-journal.ts`.
 */

import { randomBytes } from "node:crypto"
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, rmSync, statSync } from "node:fs"
import { dirname } from "node:path"
import { DatabaseSync, type StatementSync } from "node:sqlite"
import { pathToFileURL } from "node:url"

import { isQuorateError, type QuorateError } from "../core/base/errors.ts"
import { isBusy, isDamage, storeError, storeForeign, storeUnusable } from "./sqlite-errors.ts"

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

/** Where a store gets its statements from: each text is compiled once, which takes longer than running it. */
export type Statements = Pick<DatabaseSync, "prepare">

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
  transaction<T>(work: (db: Statements) => T): T
  /** Runs `work` without a transaction; it must not write. */
  read<T>(work: (db: Statements) => T): T
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
 * Opens the file, or makes it (mode 0600, in a 0700 directory) when it is absent.
 *
 * @throws QuorateError `STORE_FOREIGN`: not ours, and not a byte of it was changed. `STORE_UNUSABLE`: newer, damaged,
 *   or refused by the operating system.
 */
export function openStoreFile(path: string, format: StoreFormat): StoreFile {
  try {
    if (sizeOf(path) === null) create(path, format)
    refuseForeign(path, format)
    const db = new DatabaseSync(path, { timeout: format.timeoutMs })
    try {
      prepare(db, path, format)
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
 * @returns null when the file is absent.
 * @throws QuorateError like {@link openStoreFile}.
 */
export function readStoreFile<T>(
  path: string,
  format: StoreFormat,
  work: (db: Statements) => T,
): T | null {
  try {
    if (sizeOf(path) === null) return null
    refuseForeign(path, format)
    const db = new DatabaseSync(path, { timeout: format.timeoutMs, readOnly: true })
    try {
      refuseNewer(db, path, format)
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
  const statements = compiledOnce(db)
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
          const result = work(statements)
          db.exec("COMMIT")
          return result
        } catch (error) {
          if (db.isTransaction) rollback(db)
          throw error
        }
      }),
    read: (work) => guarded(() => work(statements)),
    truncateWal: () => guarded(() => checkpoint(db, format.timeoutMs)),
    close: () => {
      if (db.isOpen) db.close()
    },
  }
  return file
}

/** A store has some twenty texts, all of them constants. */
function compiledOnce(db: DatabaseSync): Statements {
  const known = new Map<string, StatementSync>()
  return {
    prepare: (sql) => {
      const statement = known.get(sql) ?? db.prepare(sql)
      known.set(sql, statement)
      return statement
    },
  }
}

/** A reader may have been stopped in the middle of a page: it must not stop the writer for longer than this. */
const CHECKPOINT_WAIT_MS_MAX = 50

function checkpoint(db: DatabaseSync, timeoutMs: number): boolean {
  db.exec(`PRAGMA busy_timeout = ${Math.min(timeoutMs, CHECKPOINT_WAIT_MS_MAX)}`)
  try {
    // Tells in a row, without throwing, that it was busy. Through .all(), so that an error of the disk is told.
    const isDone = db.prepare("PRAGMA wal_checkpoint(TRUNCATE)").all()[0]?.["busy"] === 0
    if (isDone) startWal(db)
    return isDone
  } finally {
    db.exec(`PRAGMA busy_timeout = ${timeoutMs}`)
  }
}

/** The first commit in an empty WAL syncs its header too, once more: better now than when somebody waits for a commit. */
function startWal(db: DatabaseSync): void {
  const version = Number(db.prepare("PRAGMA user_version").get()?.["user_version"])
  try {
    db.exec(`BEGIN IMMEDIATE; PRAGMA user_version = ${version}; COMMIT`)
  } catch (error) {
    if (db.isTransaction) rollback(db)
    // Then somebody else starts it.
    if (!isBusy(error)) throw error
  }
}

function rollback(db: DatabaseSync): void {
  try {
    db.exec("ROLLBACK")
  } catch {
    // The first error is the one to tell; SQLite rolls back by itself when the file is opened again.
  }
}

/**
 * Makes the file whole under another name and links it into place: whoever dies here leaves no half of it, and of two
 * makers the first one wins.
 */
function create(path: string, format: StoreFormat): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const draft = `${path}.${randomBytes(6).toString("hex")}.new`
  // With its final mode from the start: SQLite copies it to `-wal`, `-shm` and `-journal`.
  closeSync(openSync(draft, "wx", 0o600))
  try {
    const db = new DatabaseSync(draft)
    try {
      db.exec(`${DURABILITY}; BEGIN; PRAGMA application_id = ${format.applicationId};
        PRAGMA user_version = ${format.version}; ${format.schema}; COMMIT; PRAGMA journal_mode = WAL`)
    } finally {
      db.close()
    }
    linkSync(draft, path)
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error
  } finally {
    rmSync(`${draft}-journal`, { force: true })
    rmSync(draft)
  }
  syncDirectory(dirname(path))
}

/** Null when absent. Never opens the file: closing a descriptor of it would drop this process's SQLite locks. */
function sizeOf(path: string): number | null {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (stat === undefined) return null
  if (!stat.isFile()) throw storeForeign(path, "is not a file")
  return stat.size
}

function refuseForeign(path: string, format: StoreFormat): void {
  if (applicationIdAt(path) === format.applicationId) return
  throw storeForeign(path, `is no ${format.noun} of quorate`)
}

/** Looks without locks, journals or side files: `immutable` promises SQLite that nobody writes. */
function applicationIdAt(path: string): number {
  const url = pathToFileURL(path)
  url.searchParams.set("immutable", "1")
  try {
    return peek(url)
  } catch (error) {
    // Somebody writes, or was killed at it: the first page tells more pages than there are. Look again with the WAL.
    if (!isDamage(error)) throw error
    return peek(path)
  }
}

function peek(path: string | URL): number {
  const db = new DatabaseSync(path, { readOnly: true })
  try {
    return Number(db.prepare("PRAGMA application_id").get()?.["application_id"])
  } finally {
    db.close()
  }
}

function refuseNewer(db: DatabaseSync, path: string, format: StoreFormat): void {
  const version = Number(db.prepare("PRAGMA user_version").get()?.["user_version"])
  if (version <= format.version) return
  throw storeUnusable(path, `was written by a newer quorate (format ${version})`, {
    hint: `This one knows format ${format.version}: update it.`,
  })
}

/** A commit is on the disk when it returns, and what is overwritten is gone. */
const DURABILITY = `PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON;
  PRAGMA secure_delete = ON`

function prepare(db: DatabaseSync, path: string, format: StoreFormat): void {
  // SQLite ignores the errors of a checkpoint that it starts by itself: we start them.
  db.exec(`${DURABILITY}; PRAGMA wal_autocheckpoint = 0; PRAGMA trusted_schema = OFF;
    PRAGMA cell_size_check = ON`)
  refuseNewer(db, path, format)
  const mode = db.prepare("PRAGMA journal_mode = WAL").all()[0]?.["journal_mode"]
  if (mode !== "wal") throw storeUnusable(path, "lies on a file system that cannot hold it")
  const check = db.prepare("PRAGMA quick_check(1)").all()[0]?.["quick_check"]
  if (check !== "ok") throw storeUnusable(path, "is damaged")
}

/** Makes a name durable. Windows has no such call and does not need it. */
function syncDirectory(path: string): void {
  if (process.platform === "win32") return
  const descriptor = openSync(path, "r")
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
