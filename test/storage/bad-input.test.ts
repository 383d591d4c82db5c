// Files that are not ours, not readable or not sound: refused by name, and not a byte of them changed.

import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from "node:fs"
import { dirname, join } from "node:path"
import { DatabaseSync } from "node:sqlite"

import { describe, expect, onTestFinished, test } from "vitest"

import { isQuorateError, type QuorateError } from "../../src/core/base/errors.ts"
import { genesis } from "../../src/core/raft/persisted.ts"
import { openStoreFile, type Statements } from "../../src/storage/sqlite-file.ts"
import { sqliteJournal } from "../../src/storage/sqlite-journal.ts"
import { sqliteStorage, sqliteView } from "../../src/storage/sqlite.ts"
import { testDirectory } from "./directory.ts"

const GENESIS = genesis({ voters: ["a"], learners: [] }, Uint8Array.of(1, 2, 3))

/** The error of `work`, which must be ours, of kind `store`, and name `path`. */
function storeFailure(path: string, work: () => unknown): QuorateError {
  try {
    work()
  } catch (error) {
    if (isQuorateError(error) && error.kind === "store" && error.message.includes(path))
      return error
    throw error
  }
  throw new Error("nothing was refused")
}

/** A state store with a genesis, three entries and a blob of several pages, closed. */
function soundStore(): string {
  const path = join(testDirectory(), "state.db")
  const storage = sqliteStorage(path)
  storage.bootstrap(GENESIS)
  storage.commit({
    seq: 1,
    hard: { term: 1, votedFor: "a" },
    append: [1, 2, 3].map((index) => ({
      type: "app",
      index,
      term: 1,
      id: `p${index}`,
      data: new Uint8Array(500).fill(index),
    })),
  })
  storage.writeBlob("view", new Uint8Array(20_000).fill(9))
  storage.close()
  return path
}

/** Runs SQL as an outsider would. */
function tamper(path: string, sql: string): void {
  const db = new DatabaseSync(path)
  db.exec(sql)
  db.close()
}

const OPENERS = [
  ["sqliteStorage", sqliteStorage],
  ["sqliteJournal", sqliteJournal],
  ["sqliteView", (path: string) => sqliteView(path).readBlob("view")],
] as const

describe.each(OPENERS)("%s", (_, open) => {
  test("refuses a database of somebody else and leaves every byte of it", () => {
    const path = join(testDirectory(), "state.db")
    tamper(
      path,
      "CREATE TABLE note (text); INSERT INTO note VALUES ('mine'); PRAGMA user_version = 1",
    )
    const before = readFileSync(path)

    const { code } = storeFailure(path, () => open(path))

    expect(code).toBe("STORE_FOREIGN")
    expect(readFileSync(path)).toEqual(before)
    expect(readdirSync(dirname(path))).toEqual(["state.db"])
  })

  test("refuses somebody else's database that is in use, and does not disturb its user", () => {
    const path = join(testDirectory(), "state.db")
    const owner = new DatabaseSync(path, { timeout: 0 })
    onTestFinished(() => owner.close())
    owner.exec("PRAGMA journal_mode = WAL; CREATE TABLE note (text); BEGIN IMMEDIATE")
    owner.exec("INSERT INTO note VALUES ('mine')")
    const before = readFileSync(path)

    const { code } = storeFailure(path, () => open(path))

    expect(code).toBe("STORE_FOREIGN")
    expect(readFileSync(path)).toEqual(before)
    owner.exec("COMMIT")
    expect(owner.prepare("SELECT text FROM note").all()).toHaveLength(1)
  })

  test("refuses an empty database that somebody else stamped", () => {
    const path = join(testDirectory(), "state.db")
    tamper(path, "PRAGMA application_id = 77")
    const before = readFileSync(path)

    expect(storeFailure(path, () => open(path)).code).toBe("STORE_FOREIGN")
    expect(readFileSync(path)).toEqual(before)
  })

  test.each([
    ["text", "these are my notes\n".repeat(400)],
    ["nothing", ""],
    ["one byte", "x"],
    ["zeros", "\0".repeat(8192)],
  ])("refuses a file that is no database: %s", (_what, text) => {
    const path = join(testDirectory(), "state.db")
    writeFileSync(path, text)

    expect(storeFailure(path, () => open(path)).code).toBe("STORE_FOREIGN")
    expect(readFileSync(path, "utf8")).toBe(text)
  })

  test("refuses a directory in the place of the file", () => {
    const path = join(testDirectory(), "state.db")
    mkdirSync(path)

    expect(storeFailure(path, () => open(path)).code).toBe("STORE_FOREIGN")
  })
})

test("the journal is no state store, nor the other way round", () => {
  const directory = testDirectory()
  const [state, journal] = [join(directory, "state.db"), join(directory, "courier.db")]
  sqliteStorage(state).close()
  sqliteJournal(journal).close()

  expect(storeFailure(state, () => sqliteJournal(state)).code).toBe("STORE_FOREIGN")
  expect(storeFailure(journal, () => sqliteStorage(journal)).code).toBe("STORE_FOREIGN")
})

test.each(OPENERS.filter(([name]) => name !== "sqliteJournal"))(
  "a store of a newer version is refused and left as it is: %s",
  (_, open) => {
    const path = soundStore()
    tamper(path, "PRAGMA user_version = 2; PRAGMA wal_checkpoint(TRUNCATE)")
    const before = readFileSync(path)

    const error = storeFailure(path, () => open(path))

    expect(error.code).toBe("STORE_UNUSABLE")
    expect(error.message).toContain("newer")
    expect(readFileSync(path)).toEqual(before)
  },
)

test("a directory that cannot be made is refused by name", () => {
  const file = join(testDirectory(), "file")
  writeFileSync(file, "")
  const path = join(file, "state.db")

  expect(storeFailure(path, () => sqliteStorage(path)).code).toBe("STORE_UNUSABLE")
  expect(storeFailure(path, () => sqliteJournal(path)).code).toBe("STORE_UNUSABLE")
})

test.each([0.9, 0.5, 0.2])("a file cut to %d of its size is refused", (part) => {
  const path = soundStore()
  truncateSync(path, Math.floor(readFileSync(path).length * part))
  const before = readFileSync(path)

  expect(storeFailure(path, () => sqliteStorage(path)).code).toBe("STORE_UNUSABLE")
  expect(readFileSync(path)).toEqual(before)
})

// A checkpoint writes the first page first: a host killed in it leaves a file that tells more pages than it has.
test("a store whose host was killed in a checkpoint is whole", () => {
  const path = join(testDirectory(), "state.db")
  const copy = join(testDirectory(), "state.db")
  const storage = sqliteStorage(path)
  onTestFinished(() => storage.close())
  storage.bootstrap(GENESIS)
  const data = new Uint8Array(50_000).fill(7)
  const append = [{ type: "app" as const, index: 1, term: 1, id: "x", data }]
  storage.commit({ seq: 1, hard: { term: 1, votedFor: "a" }, append })
  copyFileSync(path, copy)
  copyFileSync(`${path}-wal`, `${copy}-wal`)
  storage.writeBlob("profile", Uint8Array.of(1))
  const checkpointed = readFileSync(path)
  const bytes = readFileSync(copy)
  checkpointed.copy(bytes, 0, 0, 4096)
  writeFileSync(copy, bytes)

  const [view, again] = [sqliteView(copy).readBlob("view"), sqliteStorage(copy)]

  expect(view).toBe(null)
  expect(again.load()?.entries).toEqual(append)
  again.close()
})

test("a file with an overwritten page is refused", () => {
  const path = soundStore()
  const bytes = readFileSync(path)
  bytes.fill(0xa5, 4096, 8192)
  writeFileSync(path, bytes)

  expect(storeFailure(path, () => sqliteStorage(path)).code).toBe("STORE_UNUSABLE")
  expect(readFileSync(path)).toEqual(bytes)
})

// SQLite's pages carry no checksum: a flipped bit within a value passes every check of its own.
test("a single flipped bit of an entry is refused, naming the entry", () => {
  const path = soundStore()
  const bytes = readFileSync(path)
  const at = bytes.indexOf(new Uint8Array(500).fill(2))
  bytes[at + 250] = 3
  writeFileSync(path, bytes)
  const storage = sqliteStorage(path)

  const error = storeFailure(path, () => storage.load())

  expect(error.code).toBe("STORE_UNUSABLE")
  expect(error.message).toContain("entry 2")
  storage.close()
})

test.each([
  ["a hole in the log", "DELETE FROM log WHERE position = 2"],
  ["a log that does not follow its snapshot", "DELETE FROM log WHERE position = 1"],
  ["no vote", "DELETE FROM hard"],
  ["no snapshot", "DELETE FROM snapshot"],
  ["another vote", "UPDATE hard SET voted_for = 'b'"],
  ["an entry of an unknown type", "UPDATE log SET type = 'x' WHERE position = 2"],
  ["an entry without its payload", "UPDATE log SET data = NULL WHERE position = 2"],
  ["an unreadable configuration", "UPDATE snapshot SET config = '{'"],
  [
    "a configuration of another shape",
    `UPDATE snapshot SET config = '{"voters":[1],"learners":[]}'`,
  ],
  ["a term beyond every number", "UPDATE hard SET term = 9223372036854775807"],
  ["no log at all", "DROP TABLE log"],
])("a state with %s is refused", (_, sql) => {
  const path = soundStore()
  tamper(path, sql)
  const storage = sqliteStorage(path)

  expect(storeFailure(path, () => storage.load()).code).toBe("STORE_UNUSABLE")
  expect(storeFailure(path, () => storage.readBlob("view")).code).toBe("STORE_UNUSABLE")
  storage.close()
})

test("a store without its fence is refused", () => {
  const path = soundStore()
  tamper(path, "DELETE FROM fence")

  expect(storeFailure(path, () => sqliteStorage(path)).code).toBe("STORE_UNUSABLE")
})

describe("a full disk", () => {
  const format = {
    noun: "test store",
    applicationId: 0x74657374,
    version: 1,
    timeoutMs: 0,
    schema: "CREATE TABLE t (n INTEGER PRIMARY KEY, data BLOB) STRICT",
  }

  test("fails the write, then everything, and keeps what was acknowledged", () => {
    const path = join(testDirectory(), "state.db")
    const file = openStoreFile(path, format)
    const insert = (n: number): void =>
      file.transaction((db) => {
        db.prepare("INSERT INTO t VALUES (?, ?)").run(n, new Uint8Array(3000))
      })
    file.read((db) => db.prepare("PRAGMA max_page_count = 20").all())

    let acknowledged = 0
    const error = storeFailure(path, () => {
      for (;;) {
        insert(acknowledged + 1)
        acknowledged += 1
      }
    })

    expect(error.code).toBe("STORE_UNUSABLE")
    expect(error.message).toContain("does not fit")
    expect(storeFailure(path, () => insert(99))).toBe(error)
    expect(storeFailure(path, () => file.read(() => 1))).toBe(error)
    file.close()
    const again = openStoreFile(path, format)
    const kept = again.read((db) => db.prepare("SELECT n FROM t").all().length)
    expect(acknowledged).toBeGreaterThan(5)
    expect(kept).toBe(acknowledged)
    again.close()
  })

  test("a commit that fails at its very end is not acknowledged", () => {
    const path = join(testDirectory(), "state.db")
    const deferred = `CREATE TABLE u (n INTEGER REFERENCES t(n) DEFERRABLE INITIALLY DEFERRED) STRICT`
    const file = openStoreFile(path, { ...format, schema: `${format.schema}; ${deferred}` })

    const error = storeFailure(path, () =>
      file.transaction((db) => db.prepare("INSERT INTO u VALUES (7)").run()),
    )

    expect(error.code).toBe("STORE_UNUSABLE")
    file.close()
    const again = openStoreFile(path, format)
    expect(again.read((db) => db.prepare("SELECT n FROM u").all())).toEqual([])
    again.close()
  })

  test("a busy store is refused for now, not for good", () => {
    const path = join(testDirectory(), "state.db")
    const [file, other] = [openStoreFile(path, format), openStoreFile(path, format)]
    const insert = (db: Statements) => db.prepare("INSERT INTO t VALUES (1, NULL)").run()

    other.transaction(() => {
      expect(storeFailure(path, () => file.transaction(insert)).code).toBe("STORE_UNUSABLE")
    })

    file.transaction(insert)
    file.close()
    other.close()
  })
})
