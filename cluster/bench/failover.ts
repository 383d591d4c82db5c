/**
 * The process that hosts the profile is killed while ten others wait. Decides what is measured: until each has a host again,
 * and, where a refresh was under way, until each has its token.
 */

import { setTimeout as pause } from "node:timers/promises"

import { processesWith } from "../../src/machine/lock-holder.ts"
import { profileDirectory } from "../../src/machine/profile.ts"
import { machineMs } from "../demo/protocol.ts"
import { Body, type Crowd, withCrowd } from "./crowd.ts"
import { goal, head, percentile, print, row } from "./table.ts"

const GUESTS = 10
const SERVER_MS = 50
/** Into the server's time. */
const MID_POST_MS = 30
/** Guests that have stayed for so long are ready to take over. */
const GAP_MS = 3_000
const GOAL_MS = { median: 60, p95: 250 }

/** @throws Error when somebody failed or a token was spent twice. */
export async function failovers(rounds: number): Promise<void> {
  print(`The host is killed with ${GUESTS} guests: ${rounds} times each`)
  head()
  const idle = await killings(rounds, async (crowd) => {
    const [host, ...guests] = crowd.bodies
    const served = guests.map((guest) => guest.ask({ type: "lose" }))
    // Told to listen before the host dies.
    await pause(20)
    const atMs = machineMs()
    host?.kill()
    return until(atMs, served)
  })
  row("until the last one has a host again", idle)
  goal("  median", percentile(idle, 0.5), GOAL_MS.median, " ms")
  goal("  p95", percentile(idle, 0.95), GOAL_MS.p95, " ms")
  const busy = await killings(rounds, async (crowd) => {
    const [host, ...guests] = crowd.bodies
    const startMs = machineMs() + 100
    const served = guests.map((guest) => guest.ask({ type: "get", atMs: startMs }))
    await pause(startMs + MID_POST_MS - machineMs())
    const atMs = machineMs()
    host?.kill()
    return until(atMs, served)
  })
  row("in a refresh, until the last one has its token", busy)
}

/** A killed process is replaced, as a guest; the oldest one left may host, or another: whoever was faster. */
function killings(rounds: number, kill: (crowd: Crowd) => Promise<number>): Promise<number[]> {
  return withCrowd(GUESTS + 1, SERVER_MS, async (crowd) => {
    const times: number[] = []
    for (let round = 0; round < rounds; round += 1) {
      await pause(GAP_MS)
      await hostFirst(crowd)
      times.push(await kill(crowd))
      await crowd.bodies.shift()?.end()
      const next = new Body()
      await next.ask({ type: "open", options: crowd.options })
      crowd.bodies.push(next)
    }
    const { spentTwice } = await crowd.authority.ask("account", "account")
    if (spentTwice > 0) throw new Error(`${spentTwice} tokens were spent twice`)
    return times
  })
}

/** Puts the present host in front: who keeps the lock's file open. */
async function hostFirst({ bodies, options }: Crowd): Promise<void> {
  const { hostLock } = profileDirectory(options.profile)
  for (;;) {
    const pids = processesWith(hostLock)
    const at = bodies.findIndex(({ pid }) => pid !== undefined && pids.includes(pid))
    if (pids.length === 1 && at >= 0) return void bodies.unshift(...bodies.splice(at, 1))
    await pause(10)
  }
}

async function until(atMs: number, served: readonly Promise<readonly number[]>[]): Promise<number> {
  const done = (await Promise.all(served)).flat()
  return Math.max(...done) - atMs
}
