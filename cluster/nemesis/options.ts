/** The command line of the nemesis. Decides what is refused, in one line. */

import { parseArgs } from "node:util"

export const DEFAULT_MINUTES = 3

export const USAGE: string = `usage: npm run nemesis -- [--minutes M] [--seed S]    faults of all kinds against three members and their guests
       npm run nemesis -- --kills N [--seed S]         the process that refreshes is killed -9 in its POST, N times in each of three ways

  --minutes M   how long, in minutes; parts count: 0.2            (${DEFAULT_MINUTES})
  --seed S      draws what befalls them, a positive integer       (by chance; printed)
  --kills N     a positive integer

Exits 0 when nothing was violated, 1 when something was, 2 on a wrong option, 3 when the run does not count: too few refreshes, or a
step of the protocol that no fault hit (in runs of at least ${DEFAULT_MINUTES} minutes).`

export type Options =
  | { readonly type: "help" }
  | { readonly type: "wrong"; readonly problem: string }
  | { readonly type: "faults"; readonly minutes: number; readonly seed: number }
  | { readonly type: "kills"; readonly times: number; readonly seed: number }

const SEEDS = 1_000_000_000

export function optionsOf(args: readonly string[], random: () => number): Options {
  let values
  try {
    const text = { type: "string" } as const
    const options = { minutes: text, seed: text, kills: text, help: { type: "boolean" } } as const
    values = parseArgs({ args: [...args], options }).values
  } catch (error) {
    return { type: "wrong", problem: error instanceof Error ? error.message : String(error) }
  }
  if (values.help === true) return { type: "help" }
  const seed = values.seed === undefined ? 1 + Math.floor(random() * SEEDS) : Number(values.seed)
  if (!isCount(seed)) return wrong("seed", "a positive integer", values.seed)
  if (values.kills !== undefined) {
    const times = Number(values.kills)
    if (!isCount(times)) return wrong("kills", "a positive integer", values.kills)
    if (values.minutes !== undefined) return { type: "wrong", problem: "--kills has no --minutes" }
    return { type: "kills", times, seed }
  }
  const minutes = values.minutes === undefined ? DEFAULT_MINUTES : Number(values.minutes)
  if (!(minutes > 0 && minutes <= 10_000)) {
    return wrong("minutes", "a number above 0, and at most 10000", values.minutes)
  }
  return { type: "faults", minutes, seed }
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0
}

function wrong(field: string, wanted: string, given: string | undefined): Options {
  return { type: "wrong", problem: `--${field} must be ${wanted}, not ${JSON.stringify(given)}` }
}
