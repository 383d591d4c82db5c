/**
 * `npm run bench`: measures and prints. Decides how numbers are put together; what is measured is the neighbours' business.
 *
 * Usage: node cluster/bench/main.ts [--rounds 100] [--warm-ups 10] [--gap 120]
 */

import { spawn } from "node:child_process"
import { once } from "node:events"
import { availableParallelism } from "node:os"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"

import { measureCourier } from "./courier.ts"
import { measureRefresh, type Round } from "./refresh.ts"

/** What agreement may cost on top of the server's own time, in ms. */
const TARGET_MS = 20
const RAFT = fileURLToPath(new URL("raft.ts", import.meta.url))

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "100" },
    "warm-ups": { type: "string", default: "10" },
    gap: { type: "string", default: "120" },
  },
})

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** Nearest rank: a value that was measured, never one in between. */
function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
}

function medianOf(numbers: readonly number[]): number {
  return percentile(
    numbers.toSorted((a, b) => a - b),
    0.5,
  )
}

function row(name: string, numbers: readonly number[]): void {
  const sorted = numbers.toSorted((a, b) => a - b)
  const cells = [0.5, 0.95, 1].map((share) => percentile(sorted, share).toFixed(1).padStart(8))
  print(`  ${name.padEnd(46)}${cells.join("")}`)
}

function report(rounds: readonly Round[]): void {
  const of = (pick: (round: Round) => number): readonly number[] => rounds.map(pick)
  print(`  ${"ms".padEnd(46)}${["median", "p95", "max"].map((one) => one.padStart(8)).join("")}`)
  row(
    "from the demand until all three have it",
    of(({ total }) => total),
  )
  row(
    "  until the one that asked has it",
    of(({ asker }) => asker),
  )
  row(
    "the server's own time",
    of(({ server }) => server),
  )
  row(
    "a bare POST by one process, same minutes",
    of(({ bare }) => bare),
  )
  row(
    "  the server's own time for it",
    of(({ bareServer }) => bareServer),
  )
  print("  where it goes:")
  row(
    "  turn agreed, connected, request at the server",
    of(({ toServer }) => toServer),
  )
  row(
    "  new pair there until committed where asked",
    of(({ toAsker }) => toAsker),
  )
  row(
    "  from there until the last member has it",
    of(({ toAll }) => toAll),
  )
  for (const leader of [true, false]) {
    const some = rounds.filter(({ askedByLeader }) => askedByLeader === leader)
    const who = leader ? "the leader" : "a follower"
    if (some.length > 0)
      row(
        `  total when ${who} asks (${some.length})`,
        some.map((one) => one.total),
      )
  }
  const total = medianOf(of((one) => one.total))
  const server = medianOf(of((one) => one.server))
  const bare = medianOf(of((one) => one.bare))
  const above = total - server
  print(
    `  above the server's own time: ${above.toFixed(1)} ms, ${above <= TARGET_MS ? "within" : "MISSES"} the target of ${TARGET_MS} ms; ` +
      `${(total / server).toFixed(1)} times the server's time, ${(total / bare).toFixed(1)} times a bare POST`,
  )
}

/** What a courier may add to a refresh, foreseen and not, in ms. */
const COURIER_MS = { foreseen: 5, cold: 70 }

async function courierAlone(rounds: number): Promise<void> {
  print(
    `One POST carried by a process of its own, from the go until its recorded answer is here: ${rounds} times each`,
  )
  const { again, cold, foreseen, inline } = await measureCourier(rounds)
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
}

/** @returns its exit code. */
async function raftAlone(): Promise<number | null> {
  print("The core of Raft alone, in one process")
  const raft = spawn(process.execPath, [RAFT], { stdio: ["ignore", "pipe", "inherit"] })
  raft.stdout.setEncoding("utf8").on("data", (text: string) => process.stdout.write(`  ${text}`))
  const [code] = (await once(raft, "close")) as [number | null]
  return code
}

print(`Node ${process.versions.node}, ${process.platform}, ${availableParallelism()} cores`)
const options = {
  rounds: Number(values.rounds),
  warmUps: Number(values["warm-ups"]),
  gapMs: Number(values.gap),
}
print(
  `A refresh that three processes agree on: ${options.rounds} times, each member asks in turn, after ${options.warmUps} to warm up`,
)
try {
  const { rounds, posts, spentTwice } = await measureRefresh(options)
  report(rounds)
  print(`  ${posts} POSTs in all, ${spentTwice} tokens spent twice`)
  await courierAlone(Math.min(options.rounds, 30))
  process.exitCode = (await raftAlone()) === 0 && spentTwice === 0 ? 0 : 1
} catch (error) {
  process.stderr.write(`broken off: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
