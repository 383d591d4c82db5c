/** A directory for one test, removed after it. */

import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

import { onTestFinished } from "vitest"

/** Makes the directory; the current test removes it. */
export function testDirectory(): string {
  const path = makeDirectory()
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** Makes a directory that the caller removes. */
export function makeDirectory(): string {
  return mkdtempSync(join(tmpdir(), "quorate-test-"))
}
