/**
 * A profile's `state.db`: hard state, log, snapshot and blobs in SQLite. Decides tables, fencing and what a readable
 * state is; leaves durability and failures to `sqlite-file.ts` and the rules of a write to `check.ts`.
 */

import { invariant, InvariantError } from "../core/base/assert.ts"
import { QuorateError } from "../core/base/errors.ts"
import type { Entry, HardState, Index, Persisted, Snapshot, Write } from "../core/raft/types.ts"
import type { BlobName, Storage } from "../ports/storage.ts"
import { checkPersisted, checkWrite, type LogView } from "./check.ts"
import { DamageError, storeFenced } from "./sqlite-errors.ts"
import { openStoreFile, readStoreFile, type Statements, type StoreFormat } from "./sqlite-file.ts"
import {
  decodeEntry,
  decodeHard,
  decodeSnapshot,
  encodeEntry,
  encodeHard,
  encodeSnapshot,
  integerOf,
} from "./sqlite-rows.ts"

/** "quos". Never changes. */
const APPLICATION_ID = 0x71756f73

const FORMAT: StoreFormat = {
  noun: "state store",
  applicationId: APPLICATION_ID,
  version: 1,
  // Only a host writes, and it is alone by its lock; a second is enough for a reader or a recovery in the way.
  timeoutMs: 1000,
  schema: `
    CREATE TABLE fence (id INTEGER PRIMARY KEY CHECK (id = 1), number INTEGER NOT NULL) STRICT;
    CREATE TABLE hard (id INTEGER PRIMARY KEY CHECK (id = 1), term INTEGER NOT NULL, voted_for TEXT,
      crc INTEGER NOT NULL) STRICT;
    CREATE TABLE snapshot (id INTEGER PRIMARY KEY CHECK (id = 1), position INTEGER NOT NULL,
      term INTEGER NOT NULL, config TEXT NOT NULL, data BLOB NOT NULL, crc INTEGER NOT NULL) STRICT;
    CREATE TABLE log (position INTEGER PRIMARY KEY, term INTEGER NOT NULL, type TEXT NOT NULL,
      proposal TEXT, config TEXT, data BLOB, crc INTEGER NOT NULL) STRICT;
    CREATE TABLE blob (name TEXT PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
    INSERT INTO fence VALUES (1, 0);`,
}

/** The WAL is emptied after so many commits even when nothing was compacted; bounds its size to about a megabyte. */
const COMMITS_PER_CHECKPOINT = 200

/**
 * Opens `state.db` as its host, making it when absent, and fences off every handle opened before.
 *
 * The caller holds the host's lock. Every method is durable when it returns; after an I/O error or a fence each one
 * throws the same error again.
 *
 * @throws QuorateError `STORE_FOREIGN` or `STORE_UNUSABLE`, naming the file, which is left as it was.
 */
export function sqliteStorage(path: string): Storage {
  const file = openStoreFile(path, FORMAT)
  const fence = file.transaction((db) => {
    db.prepare("UPDATE fence SET number = number + 1").run()
    return fenceOf(db)
  })
  // What an earlier run left in the WAL leaves the disk now.
  let isErased = file.truncateWal()
  let commits = 0

  const write = (work: (db: Statements) => void, replacing: boolean): void => {
    file.transaction((db) => {
      if (fenceOf(db) !== fence) throw storeFenced(path)
      work(db)
    })
    commits += 1
    if (!replacing && isErased && commits < COMMITS_PER_CHECKPOINT) return
    isErased = file.truncateWal()
    commits = 0
  }
  return {
    load: () => file.read(load),
    bootstrap: (persisted) => {
      checkPersisted(persisted)
      write((db) => insertGenesis(db, path, persisted), false)
    },
    commit: (step) => write((db) => applyWrite(db, step), step.snapshot !== undefined),
    readBlob: (name) => file.read((db) => blobOf(db, name)),
    writeBlob: (name, bytes) =>
      write((db) => {
        db.prepare("INSERT OR REPLACE INTO blob (name, bytes) VALUES (?, ?)").run(name, bytes)
      }, true),
    close: () => file.close(),
  }
}

/** What a process without the host's role may read. */
export interface StorageView {
  /**
   * The newest durable blob of that name, also while a host writes; null when there is none, or no store.
   *
   * @throws QuorateError `STORE_FOREIGN` or `STORE_UNUSABLE`, naming the file.
   */
  readBlob(name: BlobName): Uint8Array | null
  /**
   * The Raft state as of one moment, also while a host writes; null when there is none, or no store.
   *
   * @throws QuorateError `STORE_FOREIGN` or `STORE_UNUSABLE`, naming the file.
   */
  load(): Persisted | null
}

/** A read-only view of the `state.db` at `path`. Opens and closes it at each read, so it holds nothing. */
export function sqliteView(path: string): StorageView {
  return {
    readBlob: (name) => readStoreFile(path, FORMAT, (db) => blobOf(db, name)),
    load: () =>
      readStoreFile(path, FORMAT, (db) => {
        // Closing ends it. Without it a host's write between two tables would look like damage.
        db.prepare("BEGIN").run()
        return load(db)
      }),
  }
}

function fenceOf(db: Statements): number {
  return integerOf(db.prepare("SELECT number FROM fence").get() ?? {}, "number")
}

function blobOf(db: Statements, name: BlobName): Uint8Array | null {
  const bytes = db.prepare("SELECT bytes FROM blob WHERE name = ?").get(name)?.["bytes"]
  return bytes instanceof Uint8Array ? bytes : null
}

function hardOf(db: Statements): HardState | null {
  const row = db.prepare("SELECT * FROM hard").get()
  return row === undefined ? null : decodeHard(row)
}

function load(db: Statements): Persisted | null {
  const hard = hardOf(db)
  const row = db.prepare("SELECT * FROM snapshot").get()
  const rows = db.prepare("SELECT * FROM log ORDER BY position").all()
  if (hard === null && row === undefined && rows.length === 0) return null
  if (hard === null || row === undefined) throw new DamageError("half of the state is missing")
  const persisted = { hard, snapshot: decodeSnapshot(row), entries: rows.map(decodeEntry) }
  try {
    checkPersisted(persisted)
  } catch (error) {
    if (error instanceof InvariantError) throw new DamageError(error.message, { cause: error })
    throw error
  }
  return persisted
}

function insertGenesis(db: Statements, path: string, persisted: Persisted): void {
  if (hardOf(db) !== null)
    throw new QuorateError("ALREADY_INITIALIZED", "usage", `${path} holds a member already`)
  putSnapshot(db, persisted.snapshot)
  persisted.entries.forEach((entry) => putEntry(db, entry))
  putHard(db, persisted.hard)
}

function applyWrite(db: Statements, write: Write): void {
  checkWrite(viewOf(db), write)
  if (write.snapshot !== undefined) {
    const { value, keepTail } = write.snapshot
    const last = keepTail ? value.index : Number.MAX_SAFE_INTEGER
    db.prepare("DELETE FROM log WHERE position <= ?").run(last)
    putSnapshot(db, value)
  }
  if (write.truncateFrom !== undefined)
    db.prepare("DELETE FROM log WHERE position >= ?").run(write.truncateFrom)
  write.append?.forEach((entry) => putEntry(db, entry))
  if (write.hard !== undefined) putHard(db, write.hard)
}

function viewOf(db: Statements): LogView {
  const hard = hardOf(db)
  const row = db.prepare("SELECT position, term FROM snapshot").get()
  invariant(hard !== null && row !== undefined, "a write before the genesis")
  const snapshot = { index: integerOf(row, "position"), term: integerOf(row, "term") }
  const last = db.prepare("SELECT coalesce(max(position), ?) AS last FROM log").get(snapshot.index)
  const term = db.prepare("SELECT term FROM log WHERE position = ?")
  return {
    hard,
    snapshot,
    lastIndex: integerOf(last ?? {}, "last"),
    termAt: (index: Index) => integerOf(term.get(index) ?? {}, "term"),
  }
}

function putHard(db: Statements, hard: HardState): void {
  db.prepare("INSERT OR REPLACE INTO hard (id, term, voted_for, crc) VALUES (1, ?, ?, ?)").run(
    ...encodeHard(hard),
  )
}

function putSnapshot(db: Statements, snapshot: Snapshot): void {
  db.prepare(
    "INSERT OR REPLACE INTO snapshot (id, position, term, config, data, crc) VALUES (1, ?, ?, ?, ?, ?)",
  ).run(...encodeSnapshot(snapshot))
}

function putEntry(db: Statements, entry: Entry): void {
  db.prepare(
    "INSERT INTO log (position, term, type, proposal, config, data, crc) VALUES (?, ?, ?, ?, ?, ?, ?)",
  ).run(...encodeEntry(entry))
}
