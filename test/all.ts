/**
 * What `npm test` runs. Decides what runs beside what: the static checks and the searches take all the time that the tests
 * of real processes spend waiting, and the searches give way to everything; and that the tests of a desktop run where its
 * programs are, and everywhere when QUORATE_DESKTOP says that they are required.
 */

import { type ChildProcess, spawn } from "node:child_process"
import { constants, setPriority } from "node:os"
import { join } from "node:path"

import { missingPackages } from "./desktop/programs.ts"

const ROOT = join(import.meta.dirname, "..")
const VITEST = join(ROOT, "node_modules/vitest/vitest.mjs")

interface Ended {
  readonly code: number | null
  /** What it printed, where that was not shown. */
  readonly said: string
}

function vitest(args: readonly string[], stdio: "inherit" | "pipe"): ChildProcess {
  return spawn(process.execPath, [VITEST, "run", ...args], { stdio: ["ignore", stdio, stdio] })
}

async function ended(child: ChildProcess): Promise<Ended> {
  let said = ""
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => (said += text))
  }
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve))
  return { code, said }
}

const missing = missingPackages().join(" ")
const absent = `The tests of a browser and a keychain (test/desktop) need these Debian packages: ${missing}\n`
if (missing !== "" && process.env["QUORATE_DESKTOP"] === "required") {
  process.stderr.write(absent)
  process.exit(1)
}

const searches = vitest(["--project", "search"], "pipe")
// Inherited by its threads and processes.
if (searches.pid !== undefined) setPriority(searches.pid, constants.priority.PRIORITY_LOW)
const beside = {
  "The searches, which ran beside it": ended(searches),
  "The static checks, which ran beside it": ended(
    spawn("npm", ["run", "--silent", "check"], {
      cwd: ROOT,
      shell: process.platform === "win32",
      stdio: ["ignore", "pipe", "pipe"],
    }),
  ),
}
const desktop = missing === "" ? ["--project", "desktop"] : []
const rest = vitest(
  ["--project", "unit", "--project", "process", ...desktop, "--coverage"],
  "inherit",
)
process.once("SIGINT", () => undefined)
let failed = (await ended(rest)).code !== 0
for (const [title, run] of Object.entries(beside)) {
  process.stdout.write(`\n${title}:\n`)
  const { code, said } = await run
  process.stdout.write(said)
  failed ||= code !== 0
}
if (missing !== "") process.stdout.write(`\nNot run here. ${absent}`)
process.exitCode = failed ? 1 : 0
