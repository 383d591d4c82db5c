// machineLock within one process; test/process/machine holds what needs several.

import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"

import { describe, expect, test } from "vitest"

import { machineLock } from "../../src/machine/lock.ts"
import type { MachineLock } from "../../src/ports/machine-lock.ts"
import { machineLockSuite } from "../../src/testing/suites/machine-lock.ts"
import { thrownBy } from "../../src/testing/suites/runner.ts"
import { makeDirectory, testDirectory } from "../storage/directory.ts"

describe("machineLock", () => {
  machineLockSuite({ test, expect }, () => {
    const directory = makeDirectory()
    const opened: MachineLock[] = []
    return {
      open: () => {
        const lock = machineLock(join(directory, "host.lock"))
        opened.push(lock)
        return lock
      },
      destroy: () => {
        for (const lock of opened) lock.close()
        rmSync(directory, { recursive: true })
      },
    }
  })
})

test("the lock's file is closed to others and holds one page, however often it is taken", () => {
  const path = join(testDirectory(), "host.lock")
  for (let round = 0; round < 3; round += 1) {
    const lock = machineLock(path)
    expect(lock.tryAcquire()).toBe(true)
    expect(existsSync(`${path}-journal`)).toBe(false)
    lock.close()
  }

  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(statSync(path).size).toBe(4096)
})

test("a database of somebody else is no lock, and stays as it is", () => {
  const path = join(testDirectory(), "host.lock")
  const db = new DatabaseSync(path)
  db.exec("CREATE TABLE note (text)")
  db.close()
  const before = readFileSync(path)
  const lock = machineLock(path)

  expect(thrownBy(() => lock.tryAcquire())).toBe("STORE_UNUSABLE")

  lock.close()
  expect(readFileSync(path)).toEqual(before)
})

test("a file that is no database is no lock, and stays as it is", () => {
  const path = join(testDirectory(), "host.lock")
  writeFileSync(path, "4711\n".repeat(300))
  const lock = machineLock(path)

  expect(thrownBy(() => lock.tryAcquire())).toBe("STORE_UNUSABLE")

  lock.close()
  expect(readFileSync(path, "utf8")).toBe("4711\n".repeat(300))
})

test("a path that cannot be opened is refused by name", () => {
  const directory = testDirectory()
  writeFileSync(join(directory, "file"), "")
  mkdirSync(join(directory, "directory"))

  expect(() => machineLock(join(directory, "file", "host.lock"))).toThrow(/file\/host\.lock cannot/)
  expect(() => machineLock(join(directory, "directory"))).toThrow(/directory cannot/)
})
