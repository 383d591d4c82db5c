/**
 * `--kills N`: the process that refreshes is killed -9 at a random moment while its request is at a strict server, N times with
 * guests in its profile, as the profile's only process, and with members elsewhere. Decides what counts as survived: the same
 * login goes on to the next kill, and nobody's token was spent twice.
 */

import { between, type Random, seededRandom } from "../../src/core/base/random.ts"
import { readCachedToken } from "../../src/session/cached.ts"
import { pick } from "../../src/testing/pick.ts"
import type { Served } from "./account.ts"
import { isSettled, loginAnew, states } from "./round.ts"
import { percentile } from "./tally.ts"
import { now, pause, type Seat, World } from "./world.ts"

export interface Kills {
  readonly times: number
  readonly seed: number
  readonly stop: AbortSignal
  readonly print: (line: string) => void
}

/** Who else is there, and when they must have the new token, at the median, after the server has answered. */
interface Setting {
  readonly name: string
  readonly others: string
  readonly profiles: readonly string[]
  readonly guests: number
  /** Null: no goal was set. */
  readonly goalMs: number | null
}

const SETTINGS: readonly Setting[] = [
  {
    name: "with guests in its profile",
    others: "the guests",
    profiles: ["laptop"],
    guests: 2,
    goalMs: 150,
  },
  {
    name: "as the profile's only process",
    others: "the next process, started at once",
    profiles: ["laptop"],
    guests: 0,
    goalMs: null,
  },
  {
    name: "with members elsewhere",
    others: "the other members",
    profiles: ["laptop", "desktop", "devbox"],
    guests: 0,
    goalMs: 3_000,
  },
]

const PROGRESS_MS = 5_000
const PATIENCE_MS = 20_000
const LOOK_MS = 5

interface Count {
  killed: number
  survived: number
  /** Not counted: no courier could be started, and the host sent by itself. */
  inline: number
  readonly othersMs: number[]
  /** Nobody came: until the new token was there for whoever reads the profile. */
  readonly readerMs: number[]
}

/** @returns the exit code. */
export async function runKills({ print, seed, stop, times }: Kills): Promise<number> {
  print(`seed ${seed}: kill -9 in the middle of a POST at a strict server, ${times} times each`)
  let failed = false
  for (const [at, setting] of SETTINGS.entries()) {
    const random = seededRandom(seed + at)
    const world = await World.make({
      profiles: setting.profiles,
      guests: setting.profiles.map(() => setting.guests),
      disk: false,
    })
    const count: Count = { killed: 0, survived: 0, inline: 0, othersMs: [], readerMs: [] }
    const progress = setInterval(
      () => print(`  ${setting.name}: ${count.survived} of ${count.killed} survived`),
      PROGRESS_MS,
    )
    const stopped = new Promise<void>((resolve) => {
      stop.addEventListener("abort", () => resolve(), { once: true })
      if (stop.aborted) resolve()
    })
    try {
      await Promise.race([series(world, random, times, count, stop), stopped])
      if (stop.aborted) return 130
      failed = !(await told(world, setting, count, print)) || failed
    } finally {
      clearInterval(progress)
      await world.close()
    }
  }
  return failed ? 1 : 0
}

async function series(
  world: World,
  random: Random,
  times: number,
  count: Count,
  stop: AbortSignal,
): Promise<void> {
  for (const profile of world.profiles) {
    const [first, ...guests] = world.seats.filter((seat) => seat.profile === profile)
    if (first !== undefined) await world.start(first)
    await Promise.all(guests.map((seat) => world.start(seat)))
  }
  await loginAnew(world)
  for (let round = 1; count.killed < times && !stop.aborted; round += 1) {
    world.history.begin(round)
    await killOnce(world, random, count)
  }
}

async function killOnce(world: World, random: Random, count: Count): Promise<void> {
  const { account, history } = world
  const delayBeforeCommitMs = Math.round(between(random, 30, 300))
  const delayAfterCommitMs = Math.round(between(random, 0, 100))
  await account.turn({ delayBeforeCommitMs, delayAfterCommitMs })
  const hosts = new Map(world.profiles.map((profile) => [profile, world.host(profile)]))
  const asker = pick(random, world.seats)
  const eventsBefore = account.events.length
  const wanted = account.generation + 1
  const killAfterMs = random() * (delayBeforeCommitMs + delayAfterCommitMs)
  const isAwaited = random() < 0.5
  asker.member.ask({ type: "get", mode: "force", timeoutMs: PATIENCE_MS }).catch(() => undefined)
  const served = (): readonly Served[] => account.events.slice(eventsBefore)
  if (!(await until(world, () => served().length > 0))) {
    return history.violated(`nothing was sent: ${states(world)}`)
  }
  await pause(killAfterMs)
  const victim = hosts.get(world.holder() ?? world.profiles[0] ?? "") ?? null
  const isInline = victim?.member.seen?.courier === "inline"
  const killedAt = now()
  await victim?.member.kill()
  const isAlone = world.seats.length === 1
  const readAt = isAlone && isAwaited ? await untilRead(world, wanted) : null
  if (victim !== null && isAlone) await world.start(victim)
  const others = world.seats.filter((seat) => seat !== victim || isAlone)
  const haveAt = await untilHad(world, others, wanted)
  if (victim !== null && !isAlone) await world.start(victim)
  const isBack = await until(world, () => isSettled(world) && account.generation === wanted)
  const commit = served().find(({ type }) => type === "committed")
  const answersAt = commit?.type === "committed" ? commit.answersAt : 0
  history.judge()
  // The answer had left: this kill was none in the middle of a POST.
  if (victim === null || (killedAt >= answersAt && isBack)) return
  if (isInline) count.inline += 1
  else count.killed += 1
  if (!isBack || haveAt === null) {
    if (!isInline) history.violated(`the login did not survive: ${states(world)}`)
    return loginAnew(world)
  }
  if (isInline) return
  count.survived += 1
  if (readAt !== null) count.readerMs.push(readAt - answersAt)
  else count.othersMs.push(haveAt - answersAt)
}

/** When the last of these has had the generation; null: one of them did not get it in time. */
async function untilHad(
  world: World,
  seats: readonly Seat[],
  wanted: number,
): Promise<number | null> {
  const times = (): readonly (number | undefined)[] =>
    seats.map(
      ({ name, run }) =>
        world.history.sightings.find(
          (one) => one.seat === name && one.run === run && one.generation >= wanted,
        )?.at,
    )
  if (!(await until(world, () => times().every((at) => at !== undefined)))) return null
  return Math.max(...times().map((at) => at ?? Number.NaN))
}

/** When the token could be read without any host; null: it could not in time. */
async function untilRead(world: World, wanted: number): Promise<number | null> {
  const { path } = world.directory(world.profiles[0] ?? "")
  const isThere = await until(
    world,
    async () => ((await readCachedToken(path))?.generation ?? 0) >= wanted,
  )
  return isThere ? now() : null
}

async function until(world: World, holds: () => boolean | Promise<boolean>): Promise<boolean> {
  const late = now() + PATIENCE_MS
  while (!(await holds())) {
    if (now() > late || world.isClosing) return false
    await pause(LOOK_MS)
  }
  return true
}

/** @returns whether all is well. */
async function told(
  world: World,
  { goalMs, name, others }: Setting,
  { inline, killed, othersMs, readerMs, survived }: Count,
  print: (line: string) => void,
): Promise<boolean> {
  const { account, history } = world
  const { familiesRevoked, posts, refreshes, tokensSentTwice } = await account.counters()
  history.reckon(tokensSentTwice, familiesRevoked)
  const median = percentile(othersMs, 0.5)
  const goal =
    goalMs === null
      ? ""
      : `: ${median <= goalMs ? "within" : "MISSES"} the goal of ${goalMs} ms at the median`
  print(`${name}: the login survived ${survived} of ${killed}`)
  print(`  ${others} have it after the server has answered, ${spread(othersMs)}${goal}`)
  if (inline > 0)
    print(`  not counted: ${inline}, whose courier did not start in 5 s: the host sent by itself`)
  if (readerMs.length > 0)
    print(`  nobody comes: whoever reads the profile has it, ${spread(readerMs)}`)
  print(
    `  ${refreshes} refreshes, ${posts} POSTs, ${tokensSentTwice} tokens spent twice, ${familiesRevoked} logins revoked, ${account.families.length - 1} logins anew`,
  )
  for (const violation of history.violations) print(`  VIOLATION ${violation}`)
  return history.violations.length === 0 && survived === killed
}

function spread(numbers: readonly number[]): string {
  const [median, p95] = [0.5, 0.95].map((share) => percentile(numbers, share).toFixed(0))
  return `median ${median} ms, p95 ${p95} ms (${numbers.length})`
}
