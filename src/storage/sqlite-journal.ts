/**
 * The courier's `courier.db`: one row per attempt. Decides when a row may be made, changed and forgotten; leaves to
 * the holder of the courier's lock what follows from it (design §4.3).
 */

import { invariant } from "../core/base/assert.ts"
import type { AttemptKey, AttemptRecord } from "../core/refresh/types.ts"
import type { Journal } from "../ports/journal.ts"
import { DamageError } from "./sqlite-errors.ts"
import { openStoreFile, type StoreFile, type StoreFormat } from "./sqlite-file.ts"
import { bytesOf, integerOf, type Row, textOf } from "./sqlite-rows.ts"

/** "quoj". Never changes. */
const APPLICATION_ID = 0x71756f6a

const FORMAT: StoreFormat = {
  noun: "courier's journal",
  applicationId: APPLICATION_ID,
  version: 2,
  // Host and courier both write here, each for less than a millisecond.
  timeoutMs: 2000,
  schema: `
    CREATE TABLE attempt (epoch INTEGER NOT NULL, generation INTEGER NOT NULL, parent TEXT NOT NULL,
      turn INTEGER NOT NULL, attempt INTEGER NOT NULL, phase TEXT NOT NULL, sealed BLOB, at_ms INTEGER NOT NULL,
      PRIMARY KEY (epoch, generation, parent, turn, attempt)) STRICT;
    CREATE TABLE intent (parent TEXT NOT NULL, proposal TEXT NOT NULL, at_ms INTEGER NOT NULL,
      PRIMARY KEY (parent, proposal)) STRICT;`,
}

/** Longer than any courier lives: its go is refused after 5 s, its request ends after 120 s. */
const TOMBSTONE_MS_MIN = 24 * 60 * 60 * 1000

/**
 * Opens the journal, making it when absent. Several processes may have it open; who judges a row holds the courier's
 * lock. Rows that are settled or void and older than 24 h are forgotten at opening; a row that may stand for a spent
 * token is kept for ever.
 *
 * @param nowMs wall clock in epoch ms, for the age of the tombstones only. @defaultValue Date.now
 * @throws QuorateError `STORE_FOREIGN` or `STORE_UNUSABLE`, naming the file.
 */
export function sqliteJournal(path: string, nowMs: () => number = Date.now): Journal {
  const file = openStoreFile(path, FORMAT)
  const run = (sql: string, key: AttemptKey, ...more: (number | Uint8Array)[]): boolean =>
    file.transaction((db) => Number(db.prepare(sql).run(...more, ...columnsOf(key)).changes) > 0)
  const read = <T>(key: AttemptKey, work: (row: Row | undefined) => T): T =>
    file.read((db) => work(db.prepare(`SELECT * FROM attempt ${WHERE}`).get(...columnsOf(key))))
  /** Makes a row and uses the intent up, in one transaction. */
  const insert = (sql: string, key: AttemptKey): boolean =>
    file.transaction((db) => {
      const made = Number(db.prepare(sql).run(nowMs(), ...columnsOf(key)).changes) > 0
      if (made) db.prepare("DELETE FROM intent WHERE parent = ?").run(key.parent)
      return made
    })
  const count = (sql: string, ...values: (string | number)[]): number =>
    file.read((db) => integerOf(db.prepare(sql).get(...values) ?? {}, "n"))

  forget(file, nowMs() - TOMBSTONE_MS_MIN)

  return {
    read: (key) => read(key, recordOf),
    intend: (parent, proposal) =>
      file.transaction((db) => {
        const sql = "INSERT OR REPLACE INTO intent (parent, proposal, at_ms) VALUES (?, ?, ?)"
        db.prepare(sql).run(parent, proposal, nowMs())
      }),
    intends: (parent, proposal) => count(INTENTS, parent, proposal) > 0,
    sends: ({ epoch, generation, parent }) =>
      count(
        `SELECT COUNT(*) AS n FROM attempt
         WHERE epoch = ? AND generation = ? AND parent = ? AND phase <> 'void'`,
        epoch,
        generation,
        parent,
      ),
    latest: ({ epoch, generation, parent, turn }) =>
      count(
        `SELECT COALESCE(MAX(attempt), 0) AS n FROM attempt
         WHERE epoch = ? AND generation = ? AND parent = ? AND turn = ?`,
        epoch,
        generation,
        parent,
        turn,
      ),
    claim: (key) => insert(CLAIM, key),
    answer: (key, sealed) => {
      const sql = `UPDATE attempt SET phase = 'answered', sealed = ? ${WHERE} AND phase = 'sending'`
      // Already settled: the pair went ahead through the pipe and is in the log; keeping it again would help nobody.
      const done = run(sql, key, sealed) || read(key, isSettled)
      invariant(done, "an answer to an attempt that was not claimed")
    },
    void: (key) => insert(VOID, key),
    answered: () =>
      file.read((db) =>
        db
          .prepare(
            "SELECT * FROM attempt WHERE phase = 'answered' ORDER BY epoch, generation, turn, attempt",
          )
          .all()
          .map((row) => ({ key: keyOf(row), sealed: bytesOf(row, "sealed") })),
      ),
    settle: (key) => {
      const sql = `UPDATE attempt SET phase = 'settled', sealed = NULL, at_ms = ? ${WHERE} AND phase <> 'void'`
      if (run(sql, key, nowMs())) file.truncateWal()
    },
    close: () => file.close(),
  }
}

const INTENTS = "SELECT COUNT(*) AS n FROM intent WHERE parent = ? AND proposal = ?"
const CLAIM = `INSERT INTO attempt (phase, at_ms, epoch, generation, parent, turn, attempt)
  SELECT 'sending', ?1, ?2, ?3, ?4, ?5, ?6 WHERE NOT EXISTS (SELECT 1 FROM attempt
    WHERE epoch = ?2 AND generation = ?3 AND parent = ?4 AND turn = ?5 AND attempt >= ?6)`
const VOID = `INSERT OR IGNORE INTO attempt (phase, at_ms, epoch, generation, parent, turn, attempt)
  VALUES ('void', ?, ?, ?, ?, ?, ?)`
const WHERE = "WHERE epoch = ? AND generation = ? AND parent = ? AND turn = ? AND attempt = ?"

function columnsOf(key: AttemptKey): [number, number, string, number, number] {
  return [key.epoch, key.generation, key.parent, key.turn, key.attempt]
}

function keyOf(row: Row): AttemptKey {
  return {
    epoch: integerOf(row, "epoch"),
    generation: integerOf(row, "generation"),
    parent: textOf(row, "parent"),
    turn: integerOf(row, "turn"),
    attempt: integerOf(row, "attempt"),
  }
}

function forget(file: StoreFile, oldestMs: number): void {
  const forgotten = file.transaction((db) => {
    db.prepare("DELETE FROM intent WHERE at_ms < ?").run(oldestMs)
    const old = "DELETE FROM attempt WHERE phase IN ('void', 'settled') AND at_ms < ?"
    return Number(db.prepare(old).run(oldestMs).changes)
  })
  if (forgotten > 0) file.truncateWal()
}

function isSettled(row: Row | undefined): boolean {
  return row?.["phase"] === "settled"
}

function recordOf(row: Row | undefined): AttemptRecord {
  if (row === undefined) return { type: "none" }
  const phase = textOf(row, "phase")
  switch (phase) {
    case "answered":
      return { type: "answered", sealed: bytesOf(row, "sealed") }
    // A tombstone of a spent token whose exchange is gone: to whoever still asks, bytes may have left.
    case "settled":
    case "sending":
      return { type: "sending" }
    case "void":
      return { type: "void" }
    default:
      throw new DamageError("an attempt is in no known phase")
  }
}
