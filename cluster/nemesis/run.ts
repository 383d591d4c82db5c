/**
 * A run of rounds, for so many minutes. Decides when it counts, and that whatever happens every process it started is ended;
 * what happens in a round is `round.ts`.
 */

import { between, seededRandom } from "../../src/core/base/random.ts"
import { tokensIn } from "./history.ts"
import { DEFAULT_MINUTES } from "./options.ts"
import { planOf } from "./plan.ts"
import { loginAnew, play } from "./round.ts"
import { Tally } from "./tally.ts"
import { now, World } from "./world.ts"

const PROFILES: readonly string[] = ["laptop", "desktop", "devbox"]
/** Fewer refreshes a minute than this say nothing. */
const REFRESHES_PER_MINUTE_MIN = 3
/** However short and slow a run is. */
const ROUNDS_MIN = 3
const PROGRESS_MS = 5_000

export interface Run {
  readonly minutes: number
  readonly seed: number
  readonly stop: AbortSignal
  readonly print: (line: string) => void
}

/** @returns the exit code. */
export async function runFaults({ minutes, print, seed, stop }: Run): Promise<number> {
  const random = seededRandom(seed)
  const guests = PROFILES.map(() => 1 + Math.floor(between(random, 0, 2)))
  const world = await World.make({ profiles: PROFILES, guests, disk: true })
  const tally = new Tally()
  const startedAt = now()
  const progress = setInterval(() => print(progressLine(world, tally, startedAt)), PROGRESS_MS)
  const stopped = new Promise<void>((resolve) => {
    stop.addEventListener("abort", () => resolve())
    if (stop.aborted) resolve()
  })
  try {
    print(
      `seed ${seed}: ${PROFILES.length} members, ${world.seats.length} processes, a strict server, ${minutes} min`,
    )
    await Promise.race([rounds(world, tally, { minutes, print, seed, stop }), stopped])
    if (stop.aborted) return 130
    return await verdict(world, tally, { minutes, seed, startedAt, print })
  } finally {
    clearInterval(progress)
    await world.close()
  }
}

async function rounds(
  world: World,
  tally: Tally,
  { minutes, print, seed, stop }: Run,
): Promise<void> {
  await Promise.all(PROFILES.map((profile) => openAll(world, profile)))
  await loginAnew(world)
  tally.startedAt = now()
  const untilAt = tally.startedAt + minutes * 60_000
  const hasDisk = world.disk.missing === null
  const goesOn = (): boolean => now() < untilAt || tally.rounds < ROUNDS_MIN
  for (let number = 1; goesOn() && !stop.aborted; number += 1) {
    const before = world.history.violations.length
    const outcome = await play(world, planOf(seed, number, world.seats.length, hasDisk))
    tally.count(outcome)
    seekTokens(world)
    for (const violation of world.history.violations.slice(before)) print(`VIOLATION ${violation}`)
    for (const line of outcome.trace) print(line)
  }
}

/** The first process of a profile becomes its host. */
async function openAll(world: World, profile: string): Promise<void> {
  const [first, ...guests] = world.seats.filter((seat) => seat.profile === profile)
  if (first !== undefined) await world.start(first)
  await Promise.all(guests.map((seat) => world.start(seat)))
}

/** No token may show in what our processes write, nor in their arguments and environments. */
function seekTokens(world: World): void {
  const { families } = world.account
  const hashes = new Set(
    families.flatMap(({ pairs }) => pairs.flatMap((pair) => Object.values(pair.hashes))),
  )
  for (const text of world.exposed()) {
    if (tokensIn(text, hashes)) world.history.violated("a token shows in a log or an argument")
  }
}

function progressLine({ account, history }: World, tally: Tally, startedAt: number): string {
  const seconds = ((now() - startedAt) / 1_000).toFixed(0).padStart(5)
  const refreshes = account.events.filter(({ type }) => type === "committed").length
  return `${seconds} s  round ${tally.rounds}, ${refreshes} refreshes, ${tally.faults} faults, ${tally.doubts} answers lost, ${history.violations.length} violations`
}

async function verdict(
  world: World,
  tally: Tally,
  {
    minutes,
    print,
    seed,
    startedAt,
  }: {
    readonly minutes: number
    readonly seed: number
    readonly startedAt: number
    readonly print: (line: string) => void
  },
): Promise<number> {
  const { history, disk } = world
  const counters = await world.account.counters()
  history.reckon(counters.tokensSentTwice, counters.familiesRevoked)
  const perMinute = counters.refreshes / ((now() - tally.startedAt) / 60_000)
  print(progressLine(world, tally, startedAt))
  print("what the faults hit:")
  for (const line of tally.histogram()) print(line)
  if (disk.missing !== null) print(`left out: full disk, ${disk.missing}`)
  print(
    "clock jumps: of the members' own processes; their couriers and the server keep the right time",
  )
  print(
    `the server counted ${counters.refreshes} refreshes, ${counters.posts} POSTs, ${counters.tokensSentTwice} tokens spent twice, ${counters.familiesRevoked} logins revoked, ${counters.rejected} refusals`,
  )
  const served = history.behind.filter(({ hash }) => hash !== null)
  print(
    `${history.behind.length} times a process showed an older pair than another one of its profile had shown, ${served.length} times it served it`,
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
  print("no violation")
  if (perMinute < REFRESHES_PER_MINUTE_MIN) {
    print(
      `does not count: ${perMinute.toFixed(1)} refreshes a minute, ${REFRESHES_PER_MINUTE_MIN} at least`,
    )
    return 3
  }
  if (tally.empty.length > 0 && minutes >= DEFAULT_MINUTES) {
    print(`does not count: no fault hit ${tally.empty.join(", ")}`)
    return 3
  }
  return 0
}
