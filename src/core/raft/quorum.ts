/** Counting: what a majority of voters reached. Knows nothing of terms, logs or messages. */

import type { Config, NodeId } from "./types.ts"

/** The smallest number of `count` voters that is more than half. */
export function majority(count: number): number {
  return Math.floor(count / 2) + 1
}

/** Any two voters are a majority: there are two or three. */
export function isPairMajority({ voters }: Config): boolean {
  return voters.length > 1 && majority(voters.length) <= 2
}

/** The highest value that a majority of `values` reached; 0 without voters. Never reorders its argument. */
export function majorityValue(values: readonly number[]): number {
  const descending = [...values].sort((a, b) => b - a)
  return descending[majority(values.length) - 1] ?? 0
}

/** How an election stands. */
export type Tally = "won" | "lost" | "open"

/** Counts the answers of `voters`; answers of anybody else are not looked at. */
export function tally(voters: readonly NodeId[], votes: ReadonlyMap<NodeId, boolean>): Tally {
  const needed = majority(voters.length)
  const granted = voters.filter((id) => votes.get(id) === true).length
  if (granted >= needed) return "won"
  const refused = voters.filter((id) => votes.get(id) === false).length
  return refused > voters.length - needed ? "lost" : "open"
}
