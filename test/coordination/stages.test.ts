// What people see of a whole cluster while something goes wrong, and how fast it clears.

import { expect, test } from "vitest"

import { describeStage } from "../../src/core/refresh/describe.ts"
import { Cluster } from "../helpers/simulated-cluster.ts"

/** Minutes of a cluster's life take seconds on a busy machine. */
const LONG = { timeout: 60_000 }
const CLEARED_MS = 1_000
const TEN_MINUTES_MS = 600_000

/** How long it takes from the first member that has the next token until nobody shows anything. */
async function clearing(cluster: Cluster, head: string): Promise<number> {
  await cluster.until("somebody has the next token", () => cluster.heads().includes(head), 90_000)
  return cluster.until("all are ready", () => cluster.stages().every((one) => one === "ready"))
}

test("connecting clears on every member within a second of the next token", LONG, async () => {
  const cluster = await Cluster.loggedIn({ lifetimeSeconds: 60 })
  cluster.world.setRoute({ refused: 1 })
  await cluster.expire()
  for (const at of [0, 1, 2]) cluster.demand(at)

  await cluster.until(
    "all show it",
    () => cluster.stages().every((one) => one === "connecting ECONNREFUSED"),
    60_000,
  )
  const attempts = [0, 1, 2].map((at) => cluster.status(at).nextAttemptAtMs)
  cluster.world.setRoute({ refused: 0 })

  expect(attempts.every((at) => at !== null)).toBe(true)
  expect(await clearing(cluster, "1.2")).toBeLessThanOrEqual(CLEARED_MS)
  expect(cluster.world.server.counts).toMatchObject({ refreshes: 1, sentTwice: 0 })
})

test(
  "a login that only an absent device may hold is stuck after ten minutes, names it, and clears when it opens",
  LONG,
  async () => {
    const cluster = await Cluster.loggedIn({ lifetimeSeconds: 60 })
    cluster.demand(1)
    await cluster.until(
      "the server has answered",
      () => cluster.world.server.counts.refreshes === 1,
    )
    cluster.member(1).crash()
    await cluster.expire()
    for (const at of [0, 2]) cluster.demand(at)
    await cluster.runFor(20_000)
    expect(cluster.stages()).toEqual(["connecting holder_away", "connecting holder_away"])
    expect(describeStage(cluster.status(0))).toMatchObject({
      title: "Connecting...",
      action: "Open m1.",
    })

    await cluster.runFor(TEN_MINUTES_MS)

    expect(cluster.stages()).toEqual(["relogin stuck", "relogin stuck"])
    expect(describeStage(cluster.status(0)).title).toBe(
      "Log in again to restore the service, or open m1",
    )
    expect(cluster.status(0).nextAttemptAtMs).toBeNull()

    cluster.member(1).start()

    // The token of the answer has ended meanwhile: opening the device brings the login back, the next use a token.
    await cluster.until("the pair is handed in", () => cluster.heads().includes("1.2"))
    const clearedMs = await cluster.until("nobody is asked to log in", () => {
      const stages = cluster.stages()
      return cluster.all("1.2") && stages.every((one) => one === "refreshing idle")
    })
    expect(clearedMs).toBeLessThanOrEqual(CLEARED_MS)
    cluster.demand(0)
    expect(await clearing(cluster, "1.3")).toBeLessThanOrEqual(CLEARED_MS)
    expect(cluster.world.server.counts).toMatchObject({ posts: 2, sentTwice: 0 })
  },
)

test(
  "a member that a busy server turned away says when it asks again, and every member does",
  LONG,
  async () => {
    const cluster = await Cluster.loggedIn({ lifetimeSeconds: 60 })
    cluster.world.server.setFaults({ throttled: true })
    await cluster.expire()
    cluster.demand(2)
    await cluster.until("they were told", () =>
      cluster.stages().every((one) => one.startsWith("connecting")),
    )

    const waits = [0, 1, 2].map((at) => {
      const { cause, nextAttemptAtMs, sinceMs } = cluster.status(at)
      return { cause, waits: (nextAttemptAtMs ?? 0) - sinceMs > 15_000 }
    })

    expect(waits).toEqual([0, 1, 2].map(() => ({ cause: "slow_down", waits: true })))
  },
)

test("two devices that have nothing to say to each other miss no quorum", LONG, async () => {
  const cluster = await Cluster.loggedIn({ members: 1, learners: 1 })
  await cluster.runFor(300_000)

  expect(cluster.stages()).toEqual(["ready", "ready"])
  expect(cluster.running.map((one) => one.status().quorum)).toEqual([true, true])
})

test("a member without quorum says when it looks for one again", LONG, async () => {
  const cluster = await Cluster.loggedIn({ lifetimeSeconds: 60 })
  for (const at of [1, 2]) cluster.member(at).crash()
  await cluster.expire()
  cluster.demand(0)
  await cluster.runFor(10_000)

  const { nextAttemptAtMs } = cluster.status(0)

  expect(cluster.stages()).toEqual(["connecting no_quorum"])
  expect(nextAttemptAtMs).toBeGreaterThan(1_800_000_000_000 + cluster.nowMs - 1_000)
})
