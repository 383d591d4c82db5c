/**
 * A run of rounds, for so many minutes. Decides that whatever happens every process it started is ended; what happens in a
 * round is `round.ts`, what is said of it `verdict.ts`.
 */

import { between, seededRandom } from "../../src/core/base/random.ts"
import { tokensIn } from "./history.ts"
import { planOf } from "./plan.ts"
import { loginAnew, play } from "./round.ts"
import { Tally } from "./tally.ts"
import { progressLine, verdict } from "./verdict.ts"
import { now, World } from "./world.ts"

const PROFILES: readonly string[] = ["laptop", "desktop", "devbox"]
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
  const progress = setInterval(() => print(progressLine(world, tally)), PROGRESS_MS)
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
    return await verdict(world, tally, { minutes, seed, print })
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
  tally.beganAt = now()
  const untilAt = tally.beganAt + minutes * 60_000
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
