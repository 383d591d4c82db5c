/**
 * `npm run nemesis`: real members, guests, couriers and a real authorization server that revokes a login whose token comes
 * twice; and whoever can be killed, stopped, cut off or starved is. Decides the exit code and what Ctrl-C does.
 */

import { runKills } from "./nemesis/kills.ts"
import { optionsOf, USAGE } from "./nemesis/options.ts"
import { runFaults } from "./nemesis/run.ts"

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

async function main(): Promise<number> {
  const options = optionsOf(process.argv.slice(2), Math.random)
  const stop = new AbortController()
  let code: number | null = null
  for (const [signal, exit] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const) {
    process.on(signal, () => {
      code = exit
      stop.abort()
    })
  }
  switch (options.type) {
    case "help":
      print(USAGE)
      return 0
    case "wrong":
      process.stderr.write(`nemesis: ${options.problem}\n${USAGE}\n`)
      return 2
    case "faults":
    case "kills": {
      const common = { stop: stop.signal, print }
      const ended =
        options.type === "kills"
          ? await runKills({ ...options, ...common })
          : await runFaults({ ...options, ...common })
      return code ?? ended
    }
    default:
      return options satisfies never
  }
}

try {
  process.exitCode = await main()
} catch (error) {
  process.stderr.write(`broken off: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
