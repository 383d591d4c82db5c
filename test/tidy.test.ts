/**
 * The house rules, as a test: which room may import which, which package lives where, how long a file may be. The rules
 * are the table of floors in the design; a rule that is only written down is forgotten within a month.
 */

import { readdirSync, readFileSync } from "node:fs"
import { dirname, join, normalize, relative } from "node:path"

import { describe, expect, test } from "vitest"

const ROOT = join(import.meta.dirname, "..")
const LINES_MAX = 500

/** Floor of each room under src/; a file imports its own room or a lower floor. */
const FLOOR: Readonly<Record<string, number>> = {
  core: 0,
  ports: 1,
  wire: 2,
  endpoint: 3,
  storage: 3,
  machine: 3,
  p2p: 3,
  seal: 3,
  metrics: 3,
  courier: 4,
  coordination: 4,
  session: 5,
  cli: 6,
  index: 6,
}
/** The simulated world stands beside the house: it may look into the rooms it stands in for, nobody in src looks at it. */
const TESTING_MAY_IMPORT = new Set([
  "core",
  "ports",
  "wire",
  "storage",
  "seal",
  "courier",
  "coordination",
])

/** The one room of each third-party package; a package that is not named here is not allowed in src. */
const HOME: readonly (readonly [pattern: RegExp, room: string])[] = [
  [/^msgpackr\//, "wire"],
  [/^zod$/, "wire"],
  [/^oauth4webapi$/, "endpoint"],
  [/^(?:libp2p|@libp2p\/.+|@chainsafe\/libp2p-.+|@multiformats\/multiaddr)$/, "p2p"],
  [/^multiformats\//, "seal"],
  [/^@napi-rs\/keyring$/, "machine"],
  [/^commander$/, "cli"],
  [/^oidc-provider$/, "testing"],
]
/** Where a module may be loaded late: the network and the options' schemas, the commands of the command line, the keychain. */
const MAY_LOAD_LATE = /^src\/(?:session|cli)\/|^src\/(?:testing\/index|machine\/profile-key)\.ts$/

const STATIC = /^(?:import|export)\b[^"';]*?\bfrom\s+["']([^"']+)["']|^import\s+["']([^"']+)["']/gm
const DYNAMIC = /\bimport\(\s*["']([^"']+)["']\s*\)/g
const IMPURE = /\bDate\.now\b|\bnew Date\b|\bMath\.random\b|\bsetTimeout\b|\bperformance\./

/** The room of a file: the folder under src/, `core/raft` counting as `core`. */
function roomOf(path: string): string {
  const [top = "", room = ""] = path.split("/")
  if (top !== "src") return top
  return room.endsWith(".ts") ? room.slice(0, -3) : room
}

/** Within the core: raft knows nothing of refresh or oauth, base knows nobody. */
const CORE_MAY: Readonly<Record<string, readonly string[]>> = {
  base: ["base"],
  raft: ["base", "raft"],
  oauth: ["base", "oauth"],
  refresh: ["base", "raft", "oauth", "refresh"],
}

/** Everything that is wrong with one file. */
function problemsOf(path: string, text: string): readonly string[] {
  const problems: string[] = []
  const complain = (what: string): void => void problems.push(`${path}: ${what}`)
  const lines = text.split("\n").length - 1
  if (lines > LINES_MAX) complain(`has ${lines} lines, ${LINES_MAX} at most`)
  if (!path.startsWith("src/")) return problems
  if (path.startsWith("src/core/") && IMPURE.test(withoutComments(text))) complain("is not pure")
  for (const match of text.matchAll(STATIC)) {
    importProblem(path, match[1] ?? match[2] ?? "", complain)
  }
  for (const [, target = ""] of text.matchAll(DYNAMIC)) {
    if (!MAY_LOAD_LATE.test(path)) complain(`loads ${target} late`)
    importProblem(path, target, complain)
  }
  return problems
}

function importProblem(path: string, target: string, complain: (what: string) => void): void {
  const room = roomOf(path)
  if (!target.startsWith(".")) {
    if (target.startsWith("node:")) {
      if (room === "core" || room === "ports") complain(`imports ${target}`)
      return
    }
    const home = HOME.find(([pattern]) => pattern.test(target))?.[1]
    if (home !== room) complain(`imports ${target}, which lives in ${home ?? "no room"}`)
    return
  }
  const file = normalize(join(dirname(path), target))
  const to = roomOf(file)
  if (room === "core" && to === "core") {
    const [from = "", into = ""] = [path, file].map((each) => each.split("/")[2])
    if (CORE_MAY[from]?.includes(into) !== true) complain(`core/${from} imports core/${into}`)
  }
  if (to === room) return
  if (room === "testing") {
    if (!TESTING_MAY_IMPORT.has(to)) complain(`testing imports ${to}`)
    return
  }
  const [mine = 99, theirs = 99] = [FLOOR[room], FLOOR[to]]
  if (theirs >= mine) complain(`imports up or across into ${to}`)
}

function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/\/\/.*$/gm, "")
}

function sourceFiles(): readonly string[] {
  return ["src", "test", "cluster", "examples"].flatMap((top) => {
    try {
      return readdirSync(join(ROOT, top), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
        .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
    } catch {
      return []
    }
  })
}

describe("the house", () => {
  test("every file keeps to its floor, its packages and its length", () => {
    const files = sourceFiles()
    const problems = files.flatMap((path) =>
      problemsOf(path, readFileSync(join(ROOT, path), "utf8")),
    )

    expect(files.length).toBeGreaterThan(50)
    expect(problems).toEqual([])
  })

  test("no file names a path of somebody's machine", () => {
    const machine = new RegExp(`["'\`(\\s]/(?:${["work", "home", "root", "Users"].join("|")})/\\w`)
    const named = sourceFiles().filter((path) =>
      machine.test(readFileSync(join(ROOT, path), "utf8")),
    )

    expect(named).toEqual([])
  })
})

describe("the house rules notice", () => {
  test.each([
    ["src/core/raft/x.ts", 'import { z } from "zod"', "lives in wire"],
    [
      "src/core/raft/x.ts",
      'import { fold } from "../refresh/fold.ts"',
      "core/raft imports core/refresh",
    ],
    ["src/core/base/x.ts", 'import { readFileSync } from "node:fs"', "imports node:fs"],
    ["src/core/base/x.ts", "export const now = (): number => Date.now()", "not pure"],
    [
      "src/ports/x.ts",
      'import type { Hello } from "../wire/messages.ts"',
      "up or across into wire",
    ],
    [
      "src/storage/x.ts",
      'import { nodeCrypto } from "../seal/crypto.ts"',
      "up or across into seal",
    ],
    [
      "src/storage/x.ts",
      'export { nodeCrypto } from "../seal/crypto.ts"',
      "up or across into seal",
    ],
    ["src/p2p/x.ts", 'import "../session/open.ts"', "up or across into session"],
    ["src/session/x.ts", 'import { createLibp2p } from "libp2p"', "lives in p2p"],
    ["src/seal/x.ts", 'import left from "left-pad"', "lives in no room"],
    ["src/p2p/x.ts", 'const x = await import("./node.ts")', "loads ./node.ts late"],
    ["src/session/x.ts", 'import { memoryStorage } from "../testing/storage.ts"', "into testing"],
    [
      "src/testing/x.ts",
      'import { openSession } from "../session/open.ts"',
      "testing imports session",
    ],
    ["test/x.ts", "\n".repeat(501), "501 lines"],
  ])("%s with %j", (path, text, expected) => {
    expect(problemsOf(path, text).join()).toContain(expected)
  })

  test("nothing wrong with a file that keeps them", () => {
    const text = 'import { fold } from "../core/refresh/fold.ts"\n// Date.now() in a comment\n'

    expect(problemsOf("src/coordination/x.ts", text)).toEqual([])
  })
})
