/** What a token costs a process that is running: from its own memory, and a round trip to the process that hosts. */

import { withCrowd } from "./crowd.ts"
import { goal, percentile, print } from "./table.ts"

const GOAL_NS = 200
const GOAL_MS = 0.3
/** Of 1,000 calls. */
const BATCHES = 400
const TRIPS = 5_000

export async function calls(): Promise<void> {
  print("A valid token in a running process, and a guest's round trip to its host")
  await withCrowd(2, 0, async ({ bodies: [host, guest] }) => {
    for (const [who, body] of [["host", host] as const, ["guest", guest] as const]) {
      await body?.ask({ type: "hot", batches: 50 })
      const ns = (await body?.ask({ type: "hot", batches: BATCHES })) ?? []
      goal(`getToken() of a ${who}, p50`, percentile(ns, 0.5), GOAL_NS, " ns")
      print(`    p99 ${percentile(ns, 0.99).toFixed(0)} ns, over ${BATCHES} batches of 1,000 calls`)
    }
    await guest?.ask({ type: "trips", count: 500 })
    const trips = (await guest?.ask({ type: "trips", count: TRIPS })) ?? []
    goal("a guest's round trip, p50", percentile(trips, 0.5), GOAL_MS, " ms")
    print(`    p99 ${percentile(trips, 0.99).toFixed(2)} ms, over ${TRIPS}`)
  })
}
