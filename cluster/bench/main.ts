/**
 * `npm run bench`: measures and prints. Decides what is run; what is measured is the neighbours' business.
 *
 * Usage: node cluster/bench/main.ts [--rounds 100] [--warm-ups 10] [--gap 120] [ROW]...
 * Rows: refresh, courier, raft, stampede, failover, start, calls; all of them when none is named.
 */

import { spawn } from "node:child_process"
import { once } from "node:events"
import { availableParallelism } from "node:os"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"

import { calls } from "./calls.ts"
import { measureCourier } from "./courier.ts"
import { failovers } from "./failover.ts"
import { measureRefresh } from "./refresh.ts"
import { report } from "./report.ts"
import { stampedes } from "./stampede.ts"
import { starts } from "./starts.ts"
import { medianOf, print, row } from "./table.ts"

const RAFT = fileURLToPath(new URL("raft.ts", import.meta.url))

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "100" },
    "warm-ups": { type: "string", default: "10" },
    gap: { type: "string", default: "120" },
  },
})
const rounds = Number(values.rounds)
/** For what takes a second each. */
const fewer = Math.min(rounds, 30)

/** What a courier may add to a refresh, foreseen and not, in ms. */
const COURIER_MS = { foreseen: 5, cold: 70 }

async function courierAlone(): Promise<boolean> {
  print(
    `One POST carried by a process of its own, from the go until its recorded answer is here: ${fewer} times each`,
  )
  const { again, cold, foreseen, inline } = await measureCourier(fewer)
  row("by the host itself, connected ahead", inline)
  row("by a courier that was foreseen", foreseen)
  row("by a courier that has carried before", again)
  row("by a courier that is started for it", cold)
  const added = (numbers: readonly number[], most: number): string => {
    const ms = medianOf(numbers) - medianOf(inline)
    return `${ms.toFixed(1)} ms, ${ms <= most ? "within" : "MISSES"} the target of ${most} ms`
  }
  print(`  foreseen it adds ${added(foreseen, COURIER_MS.foreseen)}`)
  print(`  cold it adds ${added(cold, COURIER_MS.cold)}`)
  return true
}

async function raftAlone(): Promise<boolean> {
  print("The core of Raft alone, in one process")
  const raft = spawn(process.execPath, [RAFT], { stdio: ["ignore", "pipe", "inherit"] })
  raft.stdout.setEncoding("utf8").on("data", (text: string) => process.stdout.write(`  ${text}`))
  const [code] = (await once(raft, "close")) as [number | null]
  return code === 0
}

async function refreshOfThree(): Promise<boolean> {
  const options = { rounds, warmUps: Number(values["warm-ups"]), gapMs: Number(values.gap) }
  print(
    `A refresh that three processes agree on: ${rounds} times, each member asks in turn, after ${options.warmUps} to warm up`,
  )
  const { rounds: measured, posts, spentTwice } = await measureRefresh(options)
  report(measured)
  print(`  ${posts} POSTs in all, ${spentTwice} tokens spent twice`)
  return spentTwice === 0
}

/** Each by its name; false: what it measured did not work as it must, however fast. */
const ROWS: Readonly<Record<string, () => Promise<boolean>>> = {
  refresh: refreshOfThree,
  courier: courierAlone,
  raft: raftAlone,
  stampede: () => stampedes(fewer),
  failover: () => failovers(fewer).then(() => true),
  start: () => starts(fewer).then(() => true),
  calls: () => calls().then(() => true),
}

async function run(): Promise<number> {
  const names = positionals.length > 0 ? positionals : Object.keys(ROWS)
  const unknown = names.find((name) => ROWS[name] === undefined)
  if (unknown !== undefined) {
    process.stderr.write(`no row ${unknown}; there are: ${Object.keys(ROWS).join(", ")}\n`)
    return 2
  }
  print(`Node ${process.versions.node}, ${process.platform}, ${availableParallelism()} cores`)
  let isSound = true
  for (const name of names) isSound = (await ROWS[name]?.()) === true && isSound
  return isSound ? 0 : 1
}

try {
  process.exitCode = await run()
} catch (error) {
  process.stderr.write(`broken off: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
