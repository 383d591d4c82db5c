// Scenarios of several devices (test/scenarios.md): who spends, and what the others do meanwhile. Simulated: the clocks and
// the network are the point.

import { expect, test } from "vitest"

import { Cluster } from "../helpers/simulated-cluster.ts"

/** Minutes of a cluster's life take seconds on a busy machine. */
const LONG = { timeout: 60_000 }
const ALL = [0, 1, 2]
const ONCE = { posts: 1, refreshes: 1, sentTwice: 0, revoked: 0 }

/** Runs until the request of the next refresh has been judged; its answer is still on the way. */
function judged(cluster: Cluster, refreshes = 1): Promise<number> {
  return cluster.until("the server has judged", () => {
    return cluster.world.server.counts.refreshes === refreshes
  })
}

test(
  "A4: the timer, a refused token and a person's insistence at once are one refresh",
  LONG,
  async () => {
    const cluster = await Cluster.loggedIn()
    for (const at of ALL) cluster.at(at).used()
    const isDue = (): boolean => cluster.running.some((one) => one.status().holder !== null)
    await cluster.until("the timer of one is due", isDue, 600_000)

    cluster.demand(1)
    cluster.demand(2, true)
    await cluster.until("all have it", () => cluster.all("1.2"))
    await cluster.runFor(60_000)

    expect(cluster.world.server.counts).toMatchObject(ONCE)
  },
)

test(
  "A5: two devices that need a token in the same moment make one request and get the same token",
  LONG,
  async () => {
    const cluster = await Cluster.loggedIn({ members: 2 })
    await cluster.expire()

    for (const at of [0, 1]) cluster.demand(at)
    await cluster.until("both have it", () => cluster.all("1.2"))
    await cluster.runFor(60_000)

    expect(cluster.world.server.counts).toMatchObject(ONCE)
  },
)

test(
  "A6: a device that is cut off spends nothing and says connecting; the others refresh once",
  LONG,
  async () => {
    const cluster = await Cluster.loggedIn()
    const [lonely, ...others] = cluster.members.map(({ id }) => id)
    cluster.world.network.partition([[lonely ?? ""], others])
    await cluster.expire()
    for (const at of ALL) cluster.demand(at)

    await cluster.until("the others have it", () => cluster.heads().slice(1).every(isSecond))
    await cluster.runFor(120_000)

    expect(cluster.heads()).toEqual(["1.1", "1.2", "1.2"])
    expect(cluster.stages()).toEqual(["connecting no_quorum", "ready", "ready"])
    expect(cluster.world.server.counts).toMatchObject(ONCE)
    cluster.world.network.heal()
    await cluster.until("it has the token of the others", () => cluster.all("1.2"))
    expect(cluster.world.server.counts).toMatchObject(ONCE)
  },
)

test(
  "A6: two devices that cannot hear each other both wait: neither spends on a guess",
  LONG,
  async () => {
    const cluster = await Cluster.loggedIn({ members: 2 })
    cluster.world.network.partition(cluster.members.map(({ id }) => [id]))
    await cluster.expire()
    for (const at of [0, 1]) cluster.demand(at)
    await cluster.runFor(120_000)

    expect(cluster.stages()).toEqual(["connecting no_quorum", "connecting no_quorum"])
    expect(cluster.world.server.counts.posts).toBe(0)
    cluster.world.network.heal()
    await cluster.until("both have it", () => cluster.all("1.2"), 120_000)
    expect(cluster.world.server.counts).toMatchObject(ONCE)
  },
)

test(
  "B-1: a loser that is refused waits for the winner's pair; nothing is deleted, nobody logs in",
  LONG,
  async () => {
    const cluster = await Cluster.loggedIn({ policy: { type: "reject" } })
    const seen: string[] = []
    for (const one of cluster.running) {
      one.subscribe((event) => event.type === "status" && seen.push(event.status.stage))
    }
    cluster.demand(1)
    await judged(cluster)
    cluster.member(1).crash()

    cluster.demand(0)
    await cluster.until(
      "the loser is refused",
      () => cluster.world.server.counts.rejected === 1,
      60_000,
    )
    await cluster.until("it blames nobody's login", () =>
      cluster.stages().every((one) => one.endsWith("spent_elsewhere")),
    )
    cluster.member(1).start()

    await cluster.until("all have the winner's pair", () => cluster.all("1.2"))
    expect(seen).not.toContain("relogin")
    expect(cluster.world.server.counts).toMatchObject({ refreshes: 1, rejected: 1, revoked: 0 })
  },
)

test(
  "B-2: offline when the token ends, the old one serves to its end and nothing is deleted",
  LONG,
  async () => {
    const cluster = await Cluster.loggedIn({ lifetimeSeconds: 60 })
    cluster.world.setRoute({ refused: 1 })
    cluster.demand(0, true)
    await cluster.runFor(20_000)
    expect(cluster.stages()[0]).toMatch(/^(?:ready|refreshing) ECONNREFUSED$/)
    await cluster.expire()
    await cluster.runFor(300_000)

    expect(cluster.stages()[0]).toBe("connecting ECONNREFUSED")
    expect(cluster.all("1.1")).toBe(true)
    cluster.world.setRoute({ refused: 0 })
    await cluster.until("all have the next token", () => cluster.all("1.2"), 61_000)
    expect(cluster.world.server.counts).toMatchObject(ONCE)
  },
)

test(
  "B-3: an unrelated write while a refresh is under way does not cost its pair",
  LONG,
  async () => {
    const cluster = await Cluster.loggedIn()
    cluster.demand(1)
    await judged(cluster)

    await cluster.finish(
      cluster.at(2).configure({ ...cluster.settings(), scope: "openid email" }, null),
    )

    await cluster.until("all have the pair", () => cluster.all("1.2"))
    expect(cluster.at(0).provider()?.scope).toBe("openid email")
    expect(cluster.world.server.counts).toMatchObject(ONCE)
  },
)

test(
  "C7: a leader that dies while another member's request is under way changes nothing about the pair",
  LONG,
  async () => {
    const cluster = await Cluster.loggedIn()
    const leader = cluster.members.findIndex(({ id }) => id === cluster.status(0).leader)
    const holder = (leader + 1) % 3
    cluster.world.setRoute({ slowMs: 10_000 })
    cluster.demand(holder)
    await judged(cluster)

    cluster.member(leader).crash()

    await cluster.until("a new leader commits the pair", () => cluster.all("1.2"))
    expect(cluster.status(holder).leader).not.toBe(cluster.member(leader).id)
    cluster.member(leader).start()
    await cluster.until(
      "the old leader has it too",
      () => cluster.heads().length === 3 && cluster.all("1.2"),
    )
    expect(cluster.world.server.counts).toMatchObject(ONCE)
  },
)

test(
  "F1: a login that the server revoked costs one request of the whole cluster, restarts included",
  LONG,
  async () => {
    const cluster = await Cluster.loggedIn()
    cluster.world.server.revoke(1)
    await cluster.expire()
    for (const at of ALL) cluster.demand(at)
    const isLatched = (): boolean =>
      cluster.stages().every((one) => one === "relogin invalid_grant")
    await cluster.until("all ask for a login", isLatched)

    for (const at of ALL) {
      cluster.member(at).crash()
      cluster.member(at).start()
      await cluster.until("it has heard of it", isLatched)
      cluster.demand(at, true)
    }
    await cluster.runFor(300_000)

    expect(cluster.world.server.counts).toMatchObject({ posts: 1, rejected: 1 })
    await cluster.login(1)
    await cluster.until("the new login is ready everywhere", () => {
      return cluster.all("2.1") && cluster.stages().every((one) => one === "ready")
    })
  },
)

test(
  "F2: one Retry-After holds every member, and the old token is served meanwhile",
  LONG,
  async () => {
    const cluster = await Cluster.loggedIn()
    cluster.world.server.setFaults({ throttled: true })
    cluster.demand(0, true)
    await cluster.until("it was turned away", () =>
      cluster.stages().every((one) => /slow_down/.test(one)),
    )
    const { posts } = cluster.world.server.counts

    for (const at of ALL) cluster.demand(at, true)
    await cluster.runFor(15_000)

    expect(posts).toBe(1)
    expect(cluster.world.server.counts.posts).toBe(1)
    expect(cluster.stages()).toEqual(["ready slow_down", "ready slow_down", "ready slow_down"])
    cluster.world.server.setFaults({ throttled: false })
    await cluster.until("all have the next token", () => cluster.all("1.2"), 60_000)
    expect(cluster.world.server.counts).toMatchObject({ posts: 2, sentTwice: 0 })
  },
)

test(
  "G1: a logout while a refresh is under way wins: its pair is used by nobody",
  LONG,
  async () => {
    const cluster = await Cluster.loggedIn()
    cluster.world.setRoute({ slowMs: 2_000 })
    cluster.demand(1)
    await judged(cluster)

    await cluster.finish(cluster.at(2).logout())
    await cluster.runFor(30_000)

    expect(cluster.heads()).toEqual(["-", "-", "-"])
    expect(cluster.stages()).toEqual(ALL.map(() => "relogin logged_out"))
    expect(cluster.world.server.counts).toMatchObject({ posts: 1 })
  },
)

test("G2: a login on one device replaces the old one on all, without a restart", LONG, async () => {
  const cluster = await Cluster.loggedIn()
  cluster.demand(1)
  await cluster.until("the old login refreshes", () => cluster.all("1.2"))

  const { family } = await cluster.login(2)

  const ms = await cluster.until("all have the new login", () => cluster.all("2.1"))
  expect(ms).toBeLessThan(1_000)
  cluster.demand(0)
  await cluster.until("it refreshes", () => cluster.all("2.2"))
  const { server } = cluster.world
  expect(server.isCurrent(server.currentOf(family))).toBe(true)
  expect(server.counts).toMatchObject({ posts: 2, refreshes: 2, sentTwice: 0 })
})

function isSecond(head: string): boolean {
  return head === "1.2"
}
