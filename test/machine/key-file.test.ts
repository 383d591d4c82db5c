// The key file: DESIGN §10.

import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs"
import { symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"

import { expect, test } from "vitest"

import { createKeyFile, readKeyFile } from "../../src/machine/key-file.ts"
import { thrownBy } from "../../src/testing/suites/runner.ts"
import { testDirectory } from "../storage/directory.ts"

test("a key is made once, for its owner alone, and read back", () => {
  const directory = testDirectory()
  const path = join(directory, "key")
  expect(readKeyFile(path)).toBe(null)

  const key = createKeyFile(path)

  expect(key).toHaveLength(32)
  expect(readKeyFile(path)).toEqual(key)
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(readdirSync(directory)).toEqual(["key"])
})

test("two keys differ", () => {
  const directory = testDirectory()

  expect(createKeyFile(join(directory, "a"))).not.toEqual(createKeyFile(join(directory, "b")))
})

test("a key is never overwritten", () => {
  const directory = testDirectory()
  const path = join(directory, "key")
  const key = createKeyFile(path)

  expect(thrownBy(() => createKeyFile(path))).toBe("KEY_UNUSABLE")

  expect(readKeyFile(path)).toEqual(key)
  expect(readdirSync(directory)).toEqual(["key"])
})

test.each([0, 31, 33, 64])("a key file of %d bytes is refused and kept", (length) => {
  const path = join(testDirectory(), "key")
  writeFileSync(path, new Uint8Array(length), { mode: 0o600 })

  expect(thrownBy(() => readKeyFile(path))).toBe("KEY_UNUSABLE")
  expect(() => readKeyFile(path)).toThrow(path)
  expect(readFileSync(path)).toHaveLength(length)
})

test.each([0o640, 0o604, 0o622])("a key file of mode %o is refused with its cure", (mode) => {
  const path = join(testDirectory(), "key")
  createKeyFile(path)
  chmodSync(path, mode)

  const refused = () => readKeyFile(path)

  expect(thrownBy(refused)).toBe("KEY_UNUSABLE")
  expect(refused).toThrow(expect.objectContaining({ hint: `Run: chmod 600 ${path}` }))
})

test("neither a link nor a directory is a key file", () => {
  const directory = testDirectory()
  createKeyFile(join(directory, "key"))
  symlinkSync(join(directory, "key"), join(directory, "link"))
  mkdirSync(join(directory, "directory"))

  expect(thrownBy(() => readKeyFile(join(directory, "link")))).toBe("KEY_UNUSABLE")
  expect(thrownBy(() => readKeyFile(join(directory, "directory")))).toBe("KEY_UNUSABLE")
})

test("a key cannot be made where nothing can", () => {
  const directory = testDirectory()
  writeFileSync(join(directory, "file"), "")

  expect(thrownBy(() => createKeyFile(join(directory, "file", "key")))).toBe("KEY_UNUSABLE")
  expect(thrownBy(() => createKeyFile(join(directory, "absent", "key")))).toBe("KEY_UNUSABLE")
})

// Invariant §9.10: no key in an error.
test("no error shows the key", () => {
  const path = join(testDirectory(), "key")
  writeFileSync(path, "SECRETSECRETSECRETSECRETSECRETSEC", { mode: 0o600 })

  expect(() => readKeyFile(path)).toThrow(
    expect.objectContaining({ message: expect.not.stringContaining("SECRET"), cause: undefined }),
  )
})
