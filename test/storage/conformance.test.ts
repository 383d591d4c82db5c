// The acceptance suites of the storage ports, for SQLite and for the disk in memory.

import { rmSync } from "node:fs"
import { join } from "node:path"

import { describe, expect, test } from "vitest"

import { sqliteJournal } from "../../src/storage/sqlite-journal.ts"
import { sqliteStorage } from "../../src/storage/sqlite.ts"
import { memoryDisk, memoryJournal, memoryStorage } from "../../src/testing/storage.ts"
import { journalSuite } from "../../src/testing/suites/journal.ts"
import { storageSuite } from "../../src/testing/suites/storage.ts"
import { makeDirectory } from "./directory.ts"

/** Opens stores in a fresh directory and closes all of them at the end. */
function inDirectory<T extends { close(): void }>(openAt: (directory: string) => T) {
  const directory = makeDirectory()
  const opened: T[] = []
  return {
    open: () => {
      const store = openAt(directory)
      opened.push(store)
      return store
    },
    destroy: () => {
      for (const store of opened) store.close()
      rmSync(directory, { recursive: true })
    },
  }
}

describe("sqliteStorage", () => {
  storageSuite({ test, expect }, () => inDirectory((path) => sqliteStorage(join(path, "state.db"))))
})

describe("memoryStorage", () => {
  storageSuite({ test, expect }, () => {
    const disk = memoryDisk()
    return { open: () => memoryStorage(disk), destroy: () => {} }
  })
})

describe("sqliteJournal", () => {
  journalSuite({ test, expect }, () =>
    inDirectory((path) => sqliteJournal(join(path, "courier.db"))),
  )
})

describe("memoryJournal", () => {
  journalSuite({ test, expect }, () => {
    const disk = memoryDisk()
    return { open: () => memoryJournal(disk), destroy: () => {} }
  })
})
