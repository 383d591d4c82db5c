/**
 * Many processes of one machine find the token expired in the same moment. Decides what is measured: until the last of them
 * has the new one, beside what one process alone takes at the same server.
 */

import { setTimeout as pause } from "node:timers/promises"

import { machineMs } from "../demo/protocol.ts"
import { withCrowd } from "./crowd.ts"
import { goal, head, medianOf, print, row } from "./table.ts"

/** N, and what it may take of the limit. */
const CROWDS = [
  [2, 1.1],
  [8, 1.1],
  [32, 1.4],
] as const
/** The server's own time, as in the measurements of others that this is compared with. */
const SERVER_MS = 50
const AHEAD_MS = 150
const GAP_MS = 200

/** @returns whether each stampede was one POST, without a failure. */
export async function stampedes(rounds: number): Promise<boolean> {
  print(`Processes of one machine, all warm, whose token the server refuses: ${rounds} times each`)
  head()
  let isSound = true
  for (const [size, most] of CROWDS) {
    const { failures, limit, posts, times } = await stampede(size, rounds)
    row(`the limit: one process, a server of ${SERVER_MS} ms`, limit)
    row(`${size} processes, until the last one has it`, times)
    goal(`  ratio at ${size}`, medianOf(times) / medianOf(limit), most, "")
    print(`    ${posts} POSTs in ${rounds} rounds, ${failures} failures`)
    isSound &&= posts === rounds && failures === 0
  }
  return isSound
}

interface Stampede {
  readonly times: readonly number[]
  readonly limit: readonly number[]
  readonly posts: number
  readonly failures: number
}

function stampede(size: number, rounds: number): Promise<Stampede> {
  return withCrowd(size, SERVER_MS, async ({ authority, bare, bodies }) => {
    const times: number[] = []
    const limit: number[] = []
    let failures = 0
    // The first round warms up: modules, connections, the courier.
    for (let round = 0; round <= rounds; round += 1) {
      const atMs = machineMs() + AHEAD_MS
      const asked = bodies.map((body) => body.ask({ type: "get", atMs }))
      const got = await Promise.allSettled(asked)
      const done = got.flatMap((one) => (one.status === "fulfilled" ? one.value : []))
      const alone = await bare.refresh()
      if (round > 0) {
        failures += size - done.length
        times.push(Math.max(...done) - atMs)
        limit.push(alone)
      }
      await pause(GAP_MS)
    }
    const { posts, spentTwice } = await authority.ask("account", "account")
    if (spentTwice > 0) throw new Error(`${spentTwice} tokens were spent twice`)
    // Each round has one bare one beside it, and so had the first.
    return { times, limit, posts: posts - (rounds + 1) - 1, failures }
  })
}
