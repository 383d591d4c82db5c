/**
 * Runs the named searches within larger bounds and tells what it found, counterexamples in words.
 *
 * `node test/model/explore.ts all|PART-OF-A-NAME [own|2x2|2x3|3x2] [EVENT,EVENT...] [MOST-STATES]`: the events are added
 * once each to those of the case. Broken rules run with `broken` or part of their name.
 *
 * `node test/model/explore.ts trace N [FROM]`: runs N seeds of the simulator and follows each.
 */

import { BROKEN_CASES } from "./broken.ts"
import { boundsOf, type Case, LONG, PAIR, SAFE_CASES, setting, type Size, TRIO } from "./cases.ts"
import { check } from "./checker.ts"
import { protocol } from "./protocol.ts"
import { EVENTS } from "./rules.ts"
import { follow, record } from "./runs.ts"

const [, , wanted = "all", size = "2x3", extra = "", most = "1000000"] = process.argv
const SIZES: Readonly<Record<string, Size | null>> = {
  own: null,
  "2x2": PAIR,
  "2x3": LONG,
  "3x2": TRIO,
}

function larger(each: Case, bounds: Size | null): Case {
  const added = EVENTS.filter((event) => extra.split(",").includes(event))
  const more = added.map((event) => [event, (each.happens[event] ?? 0) + 1])
  return {
    ...each,
    size: bounds ?? each.size,
    happens: { ...each.happens, ...Object.fromEntries(more) },
  }
}

/** True when it came out as it must. */
function run(each: Case, fails: string | null): boolean {
  const began = performance.now()
  const report = check(protocol(setting(each)), {
    states: Number(most),
    until: fails,
    progress: (states) => void process.stderr.write(`\r${states} states `),
  })
  const seconds = ((performance.now() - began) / 1_000).toFixed(1)
  const broken = Object.entries(report.broken)
  const found = broken.map(([name, way]) => `${name} in ${way.length}`).join(", ") || "all hold"
  const count = `${report.states}${report.complete ? "" : " t"}`
  process.stdout.write(
    `${[each.name, boundsOf(each), count, report.depth, `${seconds} s`, found, `seen ${report.seen.join(", ")}`].join(" | ")}\n`,
  )
  const asked = fails === null ? broken : broken.filter(([name]) => name === fails)
  for (const [name, way] of asked)
    process.stdout.write(`  ${[`${name}:`, ...way].join("\n    ")}\n`)
  return fails === null ? broken.length === 0 : asked.length === 1
}

async function traces(count: number, from: number): Promise<boolean> {
  const seen = { events: 0, posts: 0, refused: 0 }
  for (let seed = from; seed < from + count; seed += 1) {
    const recorded = await record(seed)
    const { refusal } = follow(recorded)
    seen.events += recorded.events.length
    seen.posts += recorded.events.filter(({ type }) => type === "arrived").length
    if (refusal === null) continue
    seen.refused += 1
    process.stdout.write(`seed=${seed} ${recorded.plan.policy.type}\n${refusal}\n`)
  }
  process.stdout.write(
    `${count} runs, ${seen.events} events, ${seen.posts} POSTs, ${seen.refused} refused\n`,
  )
  return seen.refused === 0
}

function searches(): boolean {
  const chosen = SIZES[size]
  if (chosen === undefined) throw new Error(`no such size: ${size}`)
  const named = ({ name }: Case): boolean => name.includes(wanted)
  const outcomes = [
    ...SAFE_CASES.filter((each) => wanted === "all" || named(each)).map((each) =>
      run(larger(each, chosen), null),
    ),
    ...BROKEN_CASES.filter((each) => wanted === "broken" || named(each)).map((each) =>
      run(larger(each, null), each.fails),
    ),
  ]
  return outcomes.every(Boolean)
}

const held =
  wanted === "trace" ? await traces(Number(size), Number(extra === "" ? 1 : extra)) : searches()
process.exitCode = held ? 0 : 1
