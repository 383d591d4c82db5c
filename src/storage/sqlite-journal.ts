/**
 * The courier's `courier.db`: one row per attempt. Decides when a row may be made, changed and forgotten; leaves to
 * the holder of the courier's lock what follows from it (design §4.3).
 */

import { invariant } from "../core/base/assert.ts"
import type { AttemptKey, AttemptRecord } from "../core/refresh/types.ts"
import type { Journal } from "../ports/journal.ts"
import { DamageError } from "./sqlite-errors.ts"
import { openStoreFile, type StoreFormat } from "./sqlite-file.ts"
import { bytesOf, integerOf, type Row, textOf } from "./sqlite-rows.ts"

/** "quoj". Never changes. */
const APPLICATION_ID = 0x71756f6a

const FORMAT: StoreFormat = {
  noun: "courier's journal",
  applicationId: APPLICATION_ID,
  version: 1,
  // Host and courier both write here, each for less than a millisecond.
  timeoutMs: 2000,
  schema: `
    CREATE TABLE attempt (epoch INTEGER NOT NULL, generation INTEGER NOT NULL, turn INTEGER NOT NULL,
      attempt INTEGER NOT NULL, phase TEXT NOT NULL, sealed BLOB, at_ms INTEGER NOT NULL,
      PRIMARY KEY (epoch, generation, turn, attempt)) STRICT;`,
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
  const run = (sql: string, key: AttemptKey, ...more: (string | number | Uint8Array)[]): boolean =>
    file.transaction((db) => Number(db.prepare(sql).run(...more, ...columnsOf(key)).changes) > 0)
  const read = <T>(key: AttemptKey, work: (row: Row | undefined) => T): T =>
    file.read((db) => work(db.prepare(`SELECT * FROM attempt ${WHERE}`).get(...columnsOf(key))))

  const forgotten = file.transaction(
    (db) =>
      db
        .prepare("DELETE FROM attempt WHERE phase IN ('void', 'settled') AND at_ms < ?")
        .run(nowMs() - TOMBSTONE_MS_MIN).changes,
  )
  if (Number(forgotten) > 0) file.truncateWal()

  return {
    read: (key) => read(key, recordOf),
    latest: ({ epoch, generation, turn }) =>
      file.read((db) => {
        const sql = `SELECT COALESCE(MAX(attempt), 0) AS attempt FROM attempt
          WHERE epoch = ? AND generation = ? AND turn = ?`
        return integerOf(db.prepare(sql).get(epoch, generation, turn) ?? {}, "attempt")
      }),
    claim: (key) =>
      run(
        `INSERT INTO attempt (phase, at_ms, epoch, generation, turn, attempt)
         SELECT 'sending', ?1, ?2, ?3, ?4, ?5 WHERE NOT EXISTS (SELECT 1 FROM attempt
           WHERE epoch = ?2 AND generation = ?3 AND turn = ?4 AND attempt >= ?5)`,
        key,
        nowMs(),
      ),
    answer: (key, sealed) => {
      const sql = `UPDATE attempt SET phase = 'answered', sealed = ? ${WHERE} AND phase = 'sending'`
      // Already settled: the pair went ahead through the pipe and is in the log; keeping it again would help nobody.
      const done = run(sql, key, sealed) || read(key, isSettled)
      invariant(done, "an answer to an attempt that was not claimed")
    },
    void: (key) =>
      run(
        `INSERT OR IGNORE INTO attempt (phase, at_ms, epoch, generation, turn, attempt)
         VALUES ('void', ?, ?, ?, ?, ?)`,
        key,
        nowMs(),
      ),
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

const WHERE = "WHERE epoch = ? AND generation = ? AND turn = ? AND attempt = ?"

function columnsOf(key: AttemptKey): [number, number, number, number] {
  return [key.epoch, key.generation, key.turn, key.attempt]
}

function keyOf(row: Row): AttemptKey {
  return {
    epoch: integerOf(row, "epoch"),
    generation: integerOf(row, "generation"),
    turn: integerOf(row, "turn"),
    attempt: integerOf(row, "attempt"),
  }
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
