/**
 * Plants known bugs, one at a time, in a copy of the Raft core, and asks the fuzzer to find each. A fuzzer that cannot
 * find a bug we know says nothing about those we do not. Exits 1 if one survives.
 *
 * Usage: node cluster/planted/run.ts [NAME]...
 */

import { execFileSync } from "node:child_process"
import { cpSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { parseArgs } from "node:util"

const ROOT = resolve(import.meta.dirname, "../..")
const NEEDED = [
  "package.json",
  "src/core/base",
  "src/core/raft",
  "test/helpers/raft",
  "cluster/planted",
]
const SEEDS = 200

interface Verdict {
  readonly bug: string
  /** Null: it survived all seeds. */
  readonly seed: number | null
  readonly rule: string
}

function hunt(bug: string): Verdict {
  const copy = mkdtempSync(join(tmpdir(), "quorate-planted-"))
  try {
    for (const path of NEEDED) cpSync(join(ROOT, path), join(copy, path), { recursive: true })
    symlinkSync(join(ROOT, "node_modules"), join(copy, "node_modules"), "junction")
    const patch = join(copy, "cluster/planted", `${bug}.patch`)
    execFileSync("git", ["apply", patch], { cwd: copy, stdio: "pipe" })
    const seeker = join(copy, "cluster/planted/seek.ts")
    const answer = execFileSync(process.execPath, [seeker, String(SEEDS)], { encoding: "utf8" })
    const { seed, rule } = JSON.parse(answer) as Omit<Verdict, "bug">
    return { bug, seed, rule }
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

const { positionals } = parseArgs({ allowPositionals: true })
const all = readdirSync(import.meta.dirname)
  .filter((name) => name.endsWith(".patch"))
  .map((name) => name.slice(0, -".patch".length))
  .sort()
let survivors = 0
for (const bug of positionals.length > 0 ? positionals : all) {
  const { seed, rule } = hunt(bug)
  if (seed === null) survivors += 1
  const found = seed === null ? `NOT caught in ${SEEDS} seeds` : `caught at seed ${seed}: ${rule}`
  print(`${bug.padEnd(40)} ${found}`)
}
print(survivors === 0 ? "every planted bug was caught" : `${survivors} not caught`)
process.exitCode = survivors === 0 ? 0 : 1
