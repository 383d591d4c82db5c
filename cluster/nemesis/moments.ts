/**
 * Which step of a refresh a moment fell into, from what is seen outside: demands, who shows an open turn, what the server says
 * arrived and was answered, and when each process had the token. Decides the step; afterwards, when everything is known.
 */

import type { Seen } from "../demo/protocol.ts"
import type { Family, Served } from "./account.ts"
import type { Sighting } from "./history.ts"
import type { Step } from "./plan.ts"

/** Where a fault was found to have hit: `doubt`: an answer was lost before, and the turn is still open. */
export type Hit = Step | "doubt"

/** All of one round; times are `machineMs`. */
export interface Facts {
  readonly demands: readonly { readonly at: number; endAt: number | null }[]
  /** What each seat showed of itself, in order. */
  readonly shown: readonly { readonly seat: string; readonly at: number; readonly seen: Seen }[]
  readonly served: readonly Served[]
  readonly sightings: readonly Sighting[]
  readonly family: Family
}

/** @param running the seats whose process ran and was not stopped then. */
export function stepAt(at: number, running: ReadonlySet<string>, facts: Facts): Hit {
  const ends = facts.served.flatMap((event) => {
    if (event.type === "arrived") return []
    const end = event.type === "committed" ? event.answersAt : event.at
    return [{ token: event.token, at: end }]
  })
  const inFlight = facts.served.some(
    (event) =>
      event.type === "arrived" &&
      event.at <= at &&
      !ends.some(({ token, at: end }) => token === event.token && end <= at),
  )
  if (inFlight) return "posting"
  const answered = facts.served.findLast(
    (event) => event.type === "committed" && event.answersAt <= at,
  )
  if (answered?.type === "committed") {
    const place = spread(answered.hashes.access, at, running, facts)
    if (place !== null) return place
  }
  const open = openTurn(at, running, facts)
  if (open?.cause === "in_doubt") return "doubt"
  if (open !== null) return "connecting"
  const wanted = facts.demands.some((one) => one.at <= at && (one.endAt ?? Infinity) > at)
  if (wanted) return "agreeing"
  return answered === undefined ? "idle" : "after"
}

/** How far an answered pair has come; null: everybody has it. */
function spread(
  hash: string,
  at: number,
  running: ReadonlySet<string>,
  { family, sightings }: Facts,
): Hit | null {
  const born = family.pairs.findIndex(({ hashes }) => hashes.access === hash) + 1
  // Of a login that was given up.
  if (born === 0) return null
  const having = new Map<string, number>()
  for (const { generation, hash: seen, seat, at: when } of sightings) {
    const issued =
      seen === null ? 0 : family.pairs.findIndex(({ hashes }) => hashes.access === seen) + 1
    if (issued < born || generation < born) continue
    having.set(seat, Math.min(when, having.get(seat) ?? Infinity))
  }
  const times = [...having.values()]
  if (times.length === 0) return "doubt"
  if (Math.min(...times) > at) return "answered"
  const isEverywhere = [...running].every((seat) => (having.get(seat) ?? Infinity) <= at)
  return isEverywhere ? null : "replicating"
}

/** What a running process showed last of a turn that is open for the newest generation. */
function openTurn(at: number, running: ReadonlySet<string>, { shown }: Facts): Seen | null {
  const last = new Map<string, Seen>()
  for (const one of shown) {
    if (one.at <= at && running.has(one.seat)) last.set(one.seat, one.seen)
  }
  const all = [...last.values()]
  const newest = Math.max(...all.map(({ generation }) => generation))
  return all.find(({ generation, holder }) => generation === newest && holder !== null) ?? null
}
