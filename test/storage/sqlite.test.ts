// What sqliteStorage does beyond its port: files, erasure, and the view of a process that is no host.

import { existsSync, readdirSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"

import { expect, test } from "vitest"

import { genesis } from "../../src/core/raft/persisted.ts"
import { sqliteJournal } from "../../src/storage/sqlite-journal.ts"
import { sqliteStorage, sqliteView } from "../../src/storage/sqlite.ts"
import { thrownBy } from "../../src/testing/suites/runner.ts"
import { testDirectory } from "./directory.ts"

const GENESIS = genesis({ voters: ["a"], learners: [] }, new Uint8Array(0))
const MARK = Buffer.from("an-old-token-that-must-leave-the-disk")

/** The names of the files in `directory` that hold the mark. */
function marked(directory: string): string[] {
  return readdirSync(directory).filter((name) => readFileSync(join(directory, name)).includes(MARK))
}

test("nobody but the owner may read the files or enter the directory", () => {
  const directory = join(testDirectory(), "new", "profile")
  const storage = sqliteStorage(join(directory, "state.db"))
  storage.bootstrap(GENESIS)

  const modes = readdirSync(directory).map((name) => statSync(join(directory, name)).mode & 0o777)

  expect(modes).toEqual([0o600, 0o600, 0o600])
  expect(statSync(directory).mode & 0o777).toBe(0o700)
  storage.close()
})

// Design §4.6: compaction removes old refresh tokens from the disk.
test("a compacted entry leaves the main file and the WAL", () => {
  const directory = testDirectory()
  const storage = sqliteStorage(join(directory, "state.db"))
  storage.bootstrap(GENESIS)
  storage.commit({
    seq: 1,
    hard: { term: 1, votedFor: "a" },
    append: [{ type: "app", index: 1, term: 1, id: "x", data: MARK }],
  })
  expect(marked(directory)).not.toEqual([])

  const value = { ...GENESIS.snapshot, index: 1, term: 1 }
  storage.commit({ seq: 2, snapshot: { value, keepTail: true } })

  expect(marked(directory)).toEqual([])
  storage.close()
})

test("a replaced blob leaves the main file and the WAL", () => {
  const directory = testDirectory()
  const storage = sqliteStorage(join(directory, "state.db"))
  storage.writeBlob("view", MARK)
  expect(marked(directory)).not.toEqual([])

  storage.writeBlob("view", Uint8Array.of(1))

  expect(marked(directory)).toEqual([])
  storage.close()
})

test("a reader in the way delays the erasure until the next write after it", () => {
  const directory = testDirectory()
  const path = join(directory, "state.db")
  const storage = sqliteStorage(path)
  storage.bootstrap(GENESIS)
  storage.writeBlob("view", MARK)
  const reader = new DatabaseSync(path, { readOnly: true })
  reader.exec("BEGIN")
  reader.prepare("SELECT * FROM blob").all()

  storage.writeBlob("view", Uint8Array.of(1))
  reader.close()
  storage.commit({ seq: 1, hard: { term: 1, votedFor: "a" } })

  expect(marked(directory)).toEqual([])
  storage.close()
})

test("a settled exchange leaves the main file and the WAL", () => {
  const directory = testDirectory()
  const journal = sqliteJournal(join(directory, "courier.db"))
  const key = { epoch: 1, generation: 1, parent: "p", turn: 1, attempt: 1 }
  journal.claim(key)
  journal.answer(key, MARK)
  expect(marked(directory)).not.toEqual([])

  journal.settle(key)

  expect(marked(directory)).toEqual([])
  journal.close()
})

test("the WAL stays small when nothing is ever compacted", () => {
  const path = join(testDirectory(), "state.db")
  const storage = sqliteStorage(path)
  storage.bootstrap(GENESIS)

  for (let term = 1; term <= 500; term += 1)
    storage.commit({ seq: term, hard: { term, votedFor: "a" } })

  expect(statSync(`${path}-wal`).size).toBeLessThan(2_000_000)
  storage.close()
})

test("an emptied WAL is started at once, so that the next commit syncs no header", () => {
  const path = join(testDirectory(), "state.db")
  const storage = sqliteStorage(path)
  storage.bootstrap(GENESIS)
  const started = 32 + 24 + 4_096

  storage.writeBlob("view", MARK)

  expect(statSync(`${path}-wal`).size).toBe(started)
  storage.close()
})

test("a view reads the newest blob while the host holds the store", () => {
  const path = join(testDirectory(), "state.db")
  const view = sqliteView(path)
  const storage = sqliteStorage(path)
  expect(view.readBlob("view")).toBe(null)

  for (let round = 0; round < 5; round += 1) {
    storage.writeBlob("view", Uint8Array.of(round))
    expect(view.readBlob("view")).toEqual(Uint8Array.of(round))
  }

  storage.close()
  expect(view.readBlob("view")).toEqual(Uint8Array.of(4))
})

test("a view fences nobody off", () => {
  const path = join(testDirectory(), "state.db")
  const storage = sqliteStorage(path)

  sqliteView(path).readBlob("view")

  expect(thrownBy(() => storage.writeBlob("view", Uint8Array.of(1)))).toBe(null)
  storage.close()
})

test("a view of a store that does not exist is empty and makes nothing", () => {
  const path = join(testDirectory(), "state.db")

  expect(sqliteView(path).readBlob("view")).toBe(null)
  expect(existsSync(path)).toBe(false)
})

const DAY_MS = 24 * 60 * 60 * 1000

test("tombstones are forgotten after a day, rows that may stand for a spent token never", () => {
  const path = join(testDirectory(), "courier.db")
  const key = (turn: number) => ({ epoch: 1, generation: 1, parent: "p", turn, attempt: 1 })
  const first = sqliteJournal(path, () => 1_000)
  for (const turn of [1, 2, 3]) first.claim(key(turn))
  first.answer(key(2), Uint8Array.of(2))
  first.settle(key(3))
  first.void(key(4))
  first.close()

  const nextDay = sqliteJournal(path, () => 1_000 + DAY_MS)
  expect(nextDay.read(key(4))).toEqual({ type: "void" })
  nextDay.close()
  const later = sqliteJournal(path, () => 1_001 + DAY_MS)

  expect([1, 2, 3, 4].map((turn) => later.read(key(turn)).type)).toEqual([
    "sending",
    "answered",
    "none",
    "none",
  ])
  later.close()
})
