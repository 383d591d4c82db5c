/**
 * What `npm test` runs after the static checks. Decides what runs beside what: the searches take all the time that the
 * tests of real processes spend waiting, and give way to them.
 */

import { type ChildProcess, spawn } from "node:child_process"
import { constants, setPriority } from "node:os"
import { join } from "node:path"

const VITEST = join(import.meta.dirname, "../node_modules/vitest/vitest.mjs")

function vitest(args: readonly string[], stdio: "inherit" | "pipe"): ChildProcess {
  return spawn(process.execPath, [VITEST, "run", ...args], { stdio: ["ignore", stdio, stdio] })
}

/** Resolves with what it said, for one whose output was not shown, when it has ended. */
async function ended(child: ChildProcess): Promise<{ code: number | null; said: string }> {
  let said = ""
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => (said += text))
  }
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve))
  return { code, said }
}

const searches = vitest(["--project", "search"], "pipe")
// Inherited by its threads and processes.
if (searches.pid !== undefined) setPriority(searches.pid, constants.priority.PRIORITY_LOW)
const searched = ended(searches)
const rest = vitest(["--project", "unit", "--project", "process", "--coverage"], "inherit")
process.once("SIGINT", () => undefined)
const tested = await ended(rest)
process.stdout.write("\nThe searches, which run beside it:\n")
const { code, said } = await searched
process.stdout.write(said)
process.exitCode = code === 0 && tested.code === 0 ? 0 : 1
