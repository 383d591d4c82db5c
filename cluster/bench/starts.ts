/**
 * What it takes to start: the command with a valid token, and the library's import, beside a Node that does nothing. Decides
 * that they take turns, so that all meet the same machine; the package is measured as it is published, and the checkout.
 */

import { execFileSync, spawnSync } from "node:child_process"
import { join } from "node:path"

import { withCrowd } from "./crowd.ts"
import { goal, head, medianOf, print, row } from "./table.ts"

const ROOT = join(import.meta.dirname, "../..")
const GOAL = { ratio: 1.5, importMs: 45 }

export async function starts(rounds: number): Promise<void> {
  print(`Starting: ${rounds} times each, in turn`)
  execFileSync(process.execPath, [join(ROOT, "node_modules/typescript/bin/tsc"), "-p", "src"], {
    cwd: ROOT,
  })
  const times = await withCrowd(1, 0, async ({ bodies: [host], options }) => {
    // Its token is written down when it closes.
    await host?.ask({ type: "close" })
    const token = ["token", "--profile", options.profile]
    const node = (...args: readonly string[]): readonly string[] => [process.execPath, ...args]
    const library = JSON.stringify(join(ROOT, "dist/index.js"))
    return inTurn(rounds, {
      nothing: node("-e", "0"),
      published: node(join(ROOT, "dist/cli/entry.js"), ...token),
      checkout: [join(ROOT, "node_modules/.bin/quorate"), ...token],
      imported: node("--input-type=module", "-e", `import ${library}`),
    })
  })
  head()
  row("node -e 0", times.nothing)
  row("quorate token, as published", times.published)
  row("quorate token, of this checkout", times.checkout)
  row('import "quorate", the whole process', times.imported)
  const ratio = (of: readonly number[]): number => medianOf(of) / medianOf(times.nothing)
  goal("quorate token, as published, of node -e 0", ratio(times.published), GOAL.ratio, "")
  goal("quorate token, of this checkout", ratio(times.checkout), GOAL.ratio, "")
  goal('import "quorate"', medianOf(times.imported), GOAL.importMs, " ms")
}

/** Each command so often, one after the other; ms of wall time. The first round warms up. */
function inTurn<K extends string>(
  rounds: number,
  commands: Readonly<Record<K, readonly string[]>>,
): Record<K, number[]> {
  const names = Object.keys(commands) as K[]
  const times = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<
    K,
    number[]
  >
  for (let round = 0; round <= rounds; round += 1) {
    for (const name of names) {
      const took = wallMs(commands[name])
      if (round > 0) times[name].push(took)
    }
  }
  return times
}

function wallMs([command = "", ...args]: readonly string[]): number {
  const startedAt = performance.now()
  const { status } = spawnSync(command, args, { stdio: ["ignore", "ignore", "inherit"] })
  if (status !== 0) throw new Error(`${command} ${args[0] ?? ""} ended with ${status}`)
  return performance.now() - startedAt
}
