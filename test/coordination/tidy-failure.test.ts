// The disk fails while a member tidies up behind a new pair.

import { expect, test } from "vitest"

import { Cluster } from "../helpers/simulated-cluster.ts"

// Found by the model: the record was gone, the turn was not, and a restart reported a doubt about a pair that the log has.
test("an answer is not forgotten when the snapshot that makes it history could not be written", async () => {
  const cluster = await Cluster.loggedIn()
  await cluster.runFor(1_000)
  const { disk } = cluster.member(0)
  const rows = (): readonly string[] =>
    [...disk.content.attempts.values()].map(({ record }) => record.type)
  cluster.demand(0, true)
  await cluster.until("all have its pair", () => cluster.all("1.2"))
  const before = disk.content.persisted?.snapshot.index
  disk.plan(1, { type: "io-error", written: false })
  await cluster.runFor(1_000)

  expect(disk.content.persisted?.snapshot.index).toBe(before)
  expect(rows()).toEqual(["answered"])
})
