// Scenarios in which nobody knows what became of a request (test/scenarios.md): lost answers, crashes at each step, disks
// that fill, machines that sleep. Simulated: every step can be hit exactly.

import { expect, test } from "vitest"

import type { ReplayPolicy } from "../../src/core/oauth/types.ts"
import type { DiskFault } from "../../src/testing/storage.ts"
import { Cluster, type ClusterOptions } from "../helpers/simulated-cluster.ts"

/** Minutes of a cluster's life take seconds on a busy machine. */
const LONG = { timeout: 60_000 }
const ALL = [0, 1, 2]
const ONCE = { posts: 1, refreshes: 1, sentTwice: 0, revoked: 0 }
/** Disk operations of a holder within one refresh, with a margin: see the test that counts them. */
const OPERATIONS = 8

/** One refresh at member 0 whose answer is lost: its courier waits 120 s for it, and then nobody knows. */
async function lostReply(options: ClusterOptions): Promise<Cluster> {
  const cluster = await Cluster.loggedIn({ lifetimeSeconds: 300, ...options })
  cluster.world.setRoute({ replyLost: 1 })
  cluster.demand(0)
  await cluster.until("it was sent", () => cluster.world.server.counts.refreshes === 1)
  cluster.world.setRoute({ replyLost: 0 })
  for (const at of cluster.members.keys()) cluster.demand(at)
  return cluster
}

test.each<readonly [string, ReplayPolicy]>([
  ["multi-use", { type: "multi-use" }],
  ["idempotent", { type: "idempotent" }],
  ["confirm", { type: "confirm" }],
  ["grace", { type: "grace", windowSeconds: 200, answers: "same" }],
])(
  "C1: %s: a lost answer is asked for again, once, and nobody logs in",
  LONG,
  async (_, policy) => {
    const cluster = await lostReply({ policy })

    // Where it matters the first request is given the time to arrive: 150 s since it left, which took it 15 s at most.
    await cluster.until("all have the pair", () => cluster.all("1.2"), 170_000)
    await cluster.runFor(30_000)

    expect(cluster.stages()).toEqual(["ready", "ready", "ready"])
    expect(cluster.world.server.counts).toMatchObject({ posts: 2, rejected: 0, revoked: 0 })
  },
)

test(
  "C1: strict: nobody asks again for a lost answer, and when the token has ended a person decides",
  LONG,
  async () => {
    const cluster = await lostReply({ members: 1 })

    await cluster.runFor(900_000)

    expect(cluster.world.server.counts).toMatchObject(ONCE)
    expect(cluster.stages()).toEqual(["relogin stuck"])
    await cluster.login(0)
    await cluster.until("the new login is ready", () => cluster.stages()[0] === "ready")
  },
)

test("C1: strict: those who may only guess do not ask again for the holder", LONG, async () => {
  const cluster = await lostReply({})

  await cluster.runFor(180_000)

  expect(cluster.world.server.counts).toMatchObject(ONCE)
  expect(cluster.stages()).toEqual(["ready in_doubt", "ready in_doubt", "ready in_doubt"])
})

test(
  "C1: strict with a last resort: the holder asks once more when the login is lost otherwise",
  LONG,
  async () => {
    const cluster = await lostReply({ members: 1, lastResort: "resend" })

    await cluster.runFor(900_000)

    expect(cluster.world.server.counts).toMatchObject({ posts: 2, sentTwice: 1 })
    expect(cluster.stages()).toEqual(["relogin invalid_grant"])
  },
)

test("C1: reject: the resend is refused, and nobody sends a third time", LONG, async () => {
  const cluster = await lostReply({ policy: { type: "reject" } })

  await cluster.runFor(240_000)

  expect(cluster.world.server.counts).toMatchObject({ posts: 2, rejected: 1, revoked: 0 })
  expect(cluster.all("1.1")).toBe(true)
})

test(
  "C2: a device that slept through three refreshes takes the newest token and spends nothing old",
  LONG,
  async () => {
    const cluster = await Cluster.loggedIn({ lifetimeSeconds: 60 })
    cluster.member(2).sleep()
    for (const generation of [2, 3, 4]) {
      await cluster.expire()
      cluster.demand(0)
      await cluster.until("those awake have it", () =>
        cluster
          .heads()
          .slice(0, 2)
          .every((head) => head === `1.${generation}`),
      )
    }

    cluster.member(2).wake()
    cluster.demand(2)
    await cluster.until("it has the newest", () => cluster.all("1.4"))
    await cluster.runFor(60_000)

    expect(cluster.world.server.counts).toMatchObject({ posts: 3, refreshes: 3, sentTwice: 0 })
  },
)

const CRASHES: readonly DiskFault[] = [
  { type: "crash", written: false },
  { type: "crash", written: true },
]
const FAILURES: readonly DiskFault[] = [
  { type: "disk-full" },
  { type: "io-error", written: false },
  { type: "io-error", written: true },
]

/** Member 0 wants a token; its disk does this at its `nth` operation from now. */
async function struck(
  nth: number,
  fault: DiskFault,
  lastResort: "ask" | "resend",
): Promise<Cluster> {
  const cluster = await Cluster.loggedIn({ lastResort, lifetimeSeconds: 240 })
  // What follows the login is over.
  await cluster.runFor(5_000)
  cluster.member(0).disk.plan(nth, fault)
  cluster.demand(0)
  await cluster.runFor(10_000)
  return cluster
}

test("a refresh needs no more disk operations than the crash tests strike", LONG, async () => {
  const cluster = await Cluster.loggedIn()
  await cluster.runFor(5_000)
  const before = cluster.member(0).disk.operations()
  cluster.demand(0)
  await cluster.until("all have it", () => cluster.all("1.2"))

  const operations = cluster.member(0).disk.operations() - before

  expect(operations).toBeGreaterThan(3)
  expect(operations).toBeLessThanOrEqual(OPERATIONS)
})

const STEPS = Array.from({ length: OPERATIONS }, (_, at) => at + 1)

test.each(STEPS)(
  "C3: a crash at disk operation %i of a refresh sends nothing twice: a pair, or a doubt that says so",
  LONG,
  async (nth) => {
    for (const fault of CRASHES) {
      const cluster = await struck(nth, fault, "ask")
      cluster.member(0).crash()
      cluster.member(0).start()
      await cluster.until("it has a token", () => cluster.heads()[0] !== "-")
      if (cluster.heads()[0] === "1.1") cluster.demand(0)

      expect(["pair", "doubt"]).toContain(await settled(cluster))
    }
  },
)

/** Waits until all have the next pair, or all know of a doubt; whatever it is, the token was sent once at most. */
async function settled(cluster: Cluster): Promise<"pair" | "doubt"> {
  const isDoubt = (): boolean => cluster.stages().every((one) => one === "ready in_doubt")
  await cluster.until("a pair, or a doubt", () => cluster.all("1.2") || isDoubt(), 60_000)
  await cluster.runFor(10_000)
  const { posts, revoked, sentTwice } = cluster.world.server.counts
  expect({ posts: Math.max(posts, 1), revoked, sentTwice }).toEqual({
    posts: 1,
    revoked: 0,
    sentTwice: 0,
  })
  return cluster.all("1.2") ? "pair" : "doubt"
}

test(
  "C3: a machine that dies at any moment of a refresh sends nothing twice, and says so where nobody can know",
  LONG,
  async () => {
    const ends: string[] = []
    for (let afterMs = 0; afterMs < 300; afterMs += 15) {
      const cluster = await Cluster.loggedIn()
      cluster.demand(0)
      await cluster.runFor(afterMs)
      cluster.member(0).crashMachine()
      cluster.member(0).start()
      await cluster.until("it has its token again", () => cluster.heads()[0] !== "-")
      if (cluster.heads()[0] === "1.1") cluster.demand(0)
      ends.push(await settled(cluster))
    }
    // Before the claim and behind the record nothing is lost; in between nobody knows.
    expect([ends.at(0), ends.includes("doubt"), ends.at(-1)]).toEqual(["pair", true, "pair"])
  },
)

test.each(STEPS)(
  "C6: a disk that fills or fails at operation %i of a refresh stops its member, and costs no token and no login",
  LONG,
  async (nth) => {
    for (const fault of FAILURES) {
      // Where the claim failed nothing was sent, which nobody knows: the holder asks again before the token ends.
      const cluster = await struck(nth, fault, "resend")
      expect(cluster.stages()[0]).toMatch(/^ready$|store_failed$|in_doubt$/)
      cluster.member(0).crash()
      cluster.member(0).start()
      await cluster.until("it has a token", () => cluster.heads()[0] !== "-")
      cluster.demand(0)

      await cluster.until("all go on from one pair", () => cluster.all("1.2"), 240_000)
      expect(cluster.world.server.counts).toMatchObject(ONCE)
    }
  },
)

test(
  "C5: reject: a server that takes 90 s may see the one resend, whose refusal ends nothing",
  LONG,
  async () => {
    const cluster = await Cluster.loggedIn({ lifetimeSeconds: 60, policy: { type: "reject" } })
    const seen = new Set<string>()
    for (const one of cluster.running) {
      one.subscribe((event) => event.type === "status" && seen.add(event.status.stage))
    }
    cluster.world.setRoute({ slowMs: 90_000 })
    cluster.demand(0)
    await cluster.expire()
    for (const at of ALL) cluster.demand(at)

    await cluster.until("all have the first answer", () => cluster.all("1.2"), 90_000)
    await cluster.runFor(120_000)

    expect(seen).not.toContain("relogin")
    expect(cluster.all("1.2")).toBe(true)
    expect(cluster.world.server.counts).toMatchObject({ posts: 2, refreshes: 1, revoked: 0 })
  },
)

test.each<ReplayPolicy>([{ type: "strict" }, { type: "confirm" }])(
  "C5: $type: a server that takes 90 s is waited for: nobody else sends, and its answer counts",
  LONG,
  async (policy) => {
    const cluster = await Cluster.loggedIn({ lifetimeSeconds: 60, policy })
    cluster.world.setRoute({ slowMs: 90_000 })
    cluster.demand(0)
    await cluster.expire()
    for (const at of ALL) cluster.demand(at)
    await cluster.runFor(20_000)
    expect(cluster.stages()).toEqual(ALL.map(() => "connecting slow_answer"))

    await cluster.until("all have it", () => cluster.all("1.2"), 60_000)

    expect(cluster.world.server.counts).toMatchObject(ONCE)
  },
)
