/** What happened in a round, line by line, for whoever has to find out why a rule was broken. Decides the words. */

import { type Made } from "./faults.ts"
import type { Facts, Hit } from "./moments.ts"
import { type Strike } from "./plan.ts"
import type { World } from "./world.ts"

export interface Landed {
  readonly strike: Strike
  /** Null: there was nobody to hit. */
  readonly made: Made | null
  readonly hit: Hit | null
}

/** @param from the beginning of the round; times are ms since then. */
export function traceOf(
  { history }: World,
  landed: readonly Landed[],
  { demands, served, shown }: Facts,
  from: number,
): readonly string[] {
  const lines: { readonly at: number; readonly text: string }[] = []
  const add = (at: number, text: string): void => void lines.push({ at, text })
  for (const { hit, made, strike } of landed) {
    const what = JSON.stringify(strike)
    if (made === null) add(from, `nobody to hit: ${what}`)
    else add(made.at, `FAULT at ${made.profile}, hit "${hit}": ${what}`)
  }
  for (const { at, endAt } of demands) {
    add(at, "a newer token is wanted")
    if (endAt !== null) add(endAt, "a demand was answered or given up")
  }
  for (const { at, type, token } of served) add(at, `server: ${type} token ${token}`)
  for (const { at, seat, seen } of shown) {
    if (at < from) continue
    const { cause, courier, epoch, generation, holder, leader, role, stage } = seen
    const peers = seen.peers.length
    add(
      at,
      `${seat}: ${epoch}.${generation} ${stage}/${cause} ${role} leader=${leader} holder=${holder} peers=${peers} ${courier}`,
    )
  }
  for (const { at, epoch, generation, hash, run, seat } of history.sightings) {
    if (hash !== null) add(at, `${seat}, process ${run}, has token ${epoch}.${generation}`)
  }
  return lines
    .toSorted((a, b) => a.at - b.at)
    .map(({ at, text }) => `  ${(at - from).toFixed(0).padStart(6)} ms  ${text}`)
}
