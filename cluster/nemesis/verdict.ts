/** What is printed of a run, and its exit code. Decides when a run does not count. */

import { DEFAULT_MINUTES } from "./options.ts"
import type { Run } from "./run.ts"
import type { Tally } from "./tally.ts"
import { now, type World } from "./world.ts"

/** Fewer refreshes a minute than this say nothing. */
const REFRESHES_PER_MINUTE_MIN = 3

export function progressLine({ account, history }: World, tally: Tally): string {
  const seconds = ((now() - tally.openedAt) / 1_000).toFixed(0).padStart(5)
  const refreshes = account.events.filter(({ type }) => type === "committed").length
  const { doubts, faults, rounds } = tally
  return `${seconds} s  round ${rounds}, ${refreshes} refreshes, ${faults} faults, ${doubts} answers lost, ${history.violations.length} violations`
}

/** @returns the exit code. */
export async function verdict(
  world: World,
  tally: Tally,
  { minutes, print, seed }: Omit<Run, "stop">,
): Promise<number> {
  const { account, disk, history } = world
  const { familiesRevoked, posts, refreshes, rejected, tokensSentTwice } = await account.counters()
  history.reckon(tokensSentTwice, familiesRevoked)
  print(progressLine(world, tally))
  print("what the faults hit:")
  for (const line of tally.histogram()) print(line)
  if (disk.missing !== null) print(`left out: full disk, ${disk.missing}`)
  print("clock jumps: of the members' processes; their couriers and the server keep the right time")
  print(
    `the server counted ${refreshes} refreshes, ${posts} POSTs, ${tokensSentTwice} tokens spent twice, ${familiesRevoked} logins revoked, ${rejected} refusals`,
  )
  const served = history.behind.filter(({ hash }) => hash !== null).length
  print(
    `${tally.kills} kills -9; ${history.behind.length} times a new process showed an older pair than one before it in its profile, ${served} times it served it`,
  )
  print(`all agreed after the last fault of a round: ${tally.converged()}`)
  print(
    `${tally.doubts} times a fault that nobody can help lost the answer, and a person would have had to log in`,
  )
  for (const violation of history.violations) print(`VIOLATION ${violation}`)
  if (history.violations.length > 0) {
    print(`again: npm run nemesis -- --seed ${seed} --minutes ${minutes}`)
    return 1
  }
  print("no violation: no token spent twice, no recorded pair lost, nobody asked to log in")
  const why = doesNotCount(tally, refreshes, minutes)
  if (why !== null) print(`does not count: ${why}`)
  return why === null ? 0 : 3
}

function doesNotCount(tally: Tally, refreshes: number, minutes: number): string | null {
  const perMinute = refreshes / ((now() - tally.beganAt) / 60_000)
  if (perMinute < REFRESHES_PER_MINUTE_MIN) {
    return `${perMinute.toFixed(1)} refreshes a minute, ${REFRESHES_PER_MINUTE_MIN} at least`
  }
  if (tally.empty.length === 0 || minutes < DEFAULT_MINUTES) return null
  return `no fault hit ${tally.empty.join(", ")}`
}
