// A courier of its own dies right behind its record, and its application lives on: the pair is in the journal.

import { describe, expect, test } from "vitest"

import type { ReplayPolicy } from "../../src/core/oauth/types.ts"
import { Cluster } from "../helpers/simulated-cluster.ts"

const POLICIES: readonly ReplayPolicy[] = [
  { type: "strict" },
  { type: "confirm" },
  { type: "grace", windowSeconds: 60, answers: "new" },
  { type: "reject" },
  { type: "multi-use" },
  { type: "idempotent" },
]

/** The next write of a member's disk, which is the record of the answer under way, is its courier's last. */
async function dieBehindTheRecord(cluster: Cluster, at: number): Promise<void> {
  cluster.world.setRoute({ slowMs: 1_000 })
  await cluster.until("the server has answered", () => cluster.world.server.counts.refreshes === 1)
  // What the application itself still had to write is written by then.
  await cluster.runFor(500)
  cluster.member(at).disk.plan(1, { type: "crash", written: true })
}

// Found by the model: the application called it a doubt without looking, and sent the token again.
describe("a courier that dies behind its record leaves no doubt", () => {
  test.each(POLICIES)(
    "under a turn, $type: one POST, and its pair is committed",
    async (policy) => {
      const cluster = await Cluster.loggedIn({ policy, lastResort: "resend", lifetimeSeconds: 300 })
      cluster.demand(0, true)
      await dieBehindTheRecord(cluster, 0)

      await cluster.until("all have its pair", () => cluster.all("1.2"))

      expect(cluster.world.server.counts).toMatchObject({ posts: 1, sentTwice: 0, revoked: 0 })
    },
  )

  test("alone: one POST, and its pair is used", async () => {
    const cluster = await Cluster.loggedIn({ policy: { type: "multi-use" }, lifetimeSeconds: 300 })
    for (const at of [1, 2]) cluster.member(at).crash()
    await cluster.runFor(10_000)
    cluster.demand(0, true)
    await dieBehindTheRecord(cluster, 0)

    await cluster.until("it has the pair", () => cluster.all("1.2"))

    expect(cluster.world.server.counts.posts).toBe(1)
  })
})
