/**
 * Plants known bugs, one at a time, in a copy of the production code, and has each sought: those of the Raft core by its
 * fuzzer, those of the refresh protocol by the simulator of whole clusters. A search that cannot find a bug we know says
 * nothing about those we do not. Prints a table; exits 1 if a bug survives or its patch is stale.
 *
 * Usage: node cluster/planted/run.ts [raft|refresh] [NAME]...
 */

import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"

import { bugsOf, type Kind, KINDS, plant } from "./patches.ts"

/** A bug that is not found in so many seeds survives. */
const SEEDS: Readonly<Record<Kind, number>> = { raft: 200, refresh: 2_000 }
const RULE_LENGTH = 110

interface Verdict {
  /** Null: it survived all seeds. */
  readonly seed: number | null
  readonly rule: string
}

function hunt(kind: Kind, bug: string): Verdict {
  const copy = mkdtempSync(join(tmpdir(), "quorate-planted-"))
  try {
    plant(kind, bug, copy)
    const seeker = join(copy, "cluster/planted", kind, "seek.ts")
    const answer = execFileSync(process.execPath, [seeker, String(SEEDS[kind])], {
      encoding: "utf8",
    })
    return JSON.parse(answer) as Verdict
  } catch (error) {
    return { seed: null, rule: error instanceof Error ? error.message : String(error) }
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

function row(bug: string, seed: string, seconds: string, rule: string): void {
  print(`${bug.padEnd(42)} ${seed.padStart(5)} ${seconds.padStart(6)}  ${rule}`)
}

/** @returns how many survived. */
function huntAll(kind: Kind, bugs: readonly string[]): number {
  row(`${kind}: bug`, "seed", "s", "what the search said")
  let survivors = 0
  for (const bug of bugs) {
    const startedMs = performance.now()
    const { seed, rule } = hunt(kind, bug)
    const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1)
    if (seed === null) survivors += 1
    const said = seed === null ? `NOT FOUND ${rule}`.trim() : rule
    row(bug, seed === null ? "-" : String(seed), seconds, said.slice(0, RULE_LENGTH))
  }
  return survivors
}

function main(): number {
  const { positionals } = parseArgs({ allowPositionals: true })
  const kinds = KINDS.filter((kind) => positionals.includes(kind))
  const names = positionals.filter((name) => !KINDS.some((kind) => kind === name))
  const unknown = names.filter((name) => !KINDS.some((kind) => bugsOf(kind).includes(name)))
  if (unknown.length > 0) {
    process.stderr.write(`planted: no such bug: ${unknown.join(", ")}\n`)
    return 2
  }
  let hunted = 0
  let survivors = 0
  for (const kind of kinds.length > 0 ? kinds : KINDS) {
    const bugs = bugsOf(kind).filter((bug) => names.length === 0 || names.includes(bug))
    if (bugs.length === 0) continue
    hunted += bugs.length
    survivors += huntAll(kind, bugs)
  }
  print(`${hunted - survivors} of ${hunted} planted bugs were found`)
  return survivors === 0 ? 0 : 1
}

process.exitCode = main()
