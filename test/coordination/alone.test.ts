// Members that hear no quorum, and what a person may do about it: the production code in the simulated world.

import { describe, expect, test } from "vitest"

import { Cluster } from "../helpers/simulated-cluster.ts"

const MINUTE_MS = 60_000
const MULTI_USE = { type: "multi-use" } as const

/** Member 0 alone, the other two together. */
function isolate(cluster: Cluster): void {
  const [alone = "", ...others] = cluster.members.map(({ id }) => id)
  cluster.world.network.partition([[alone], others])
}

/** The same with nobody else running: no quorum anywhere. */
async function abandoned(options: Parameters<typeof Cluster.loggedIn>[0]): Promise<Cluster> {
  const cluster = await Cluster.loggedIn({ lifetimeSeconds: 120, ...options })
  for (const at of [1, 2]) cluster.member(at).crash()
  return cluster
}

describe("alone under a policy whose server minds a second use", () => {
  test("a member serves its token, then connects, and spends nothing", async () => {
    const cluster = await abandoned({})
    cluster.demand(0)
    await cluster.runFor(20_000)
    expect(cluster.stages()).toEqual(["ready no_quorum"])

    await cluster.runFor(10 * MINUTE_MS)

    expect(cluster.stages()).toEqual(["connecting no_quorum"])
    expect(cluster.world.server.counts.posts).toBe(0)
  })

  test("configured as eager it spends once per token, not before the token is about to end", async () => {
    const cluster = await abandoned({ fallback: "eager" })
    cluster.demand(0)
    await cluster.runFor(MINUTE_MS)
    expect(cluster.world.server.counts.posts).toBe(0)

    await cluster.until("it has a token of its own", () => cluster.all("1.2"), 2 * MINUTE_MS)

    expect(cluster.world.server.counts).toMatchObject({ posts: 1, sentTwice: 0 })
    expect(cluster.stages()).toEqual(["ready no_quorum"])
  })

  test("an eager member whose answer was lost does not send that token again", async () => {
    const cluster = await abandoned({ fallback: "eager" })
    cluster.world.setRoute({ replyLost: 1 })
    cluster.demand(0)

    await cluster.runFor(20 * MINUTE_MS)

    expect(cluster.world.server.counts).toMatchObject({ posts: 1, revoked: 0 })
  })

  test("a takeover previews the risk and spends here, once", async () => {
    const cluster = await abandoned({})
    await cluster.runFor(10_000)
    const told = await cluster.at(0).takeOver(true)
    expect(told).toEqual({ type: "risky", because: "no_quorum", holder: null })
    expect(cluster.world.server.counts.posts).toBe(0)

    await cluster.at(0).takeOver(false)
    await cluster.until("it has a token of its own", () => cluster.all("1.2"))
    await cluster.runFor(MINUTE_MS)

    expect(cluster.world.server.counts).toMatchObject({ posts: 1, sentTwice: 0 })
  })
})

describe("alone under multi-use", () => {
  test("a member refreshes by itself again and again, and its chain is adopted when the others are back", async () => {
    const cluster = await abandoned({ policy: MULTI_USE })
    for (const head of ["1.2", "1.3"]) {
      await cluster.expire()
      cluster.demand(0)
      await cluster.until(`it has ${head}`, () => cluster.all(head), 5 * MINUTE_MS)
    }

    for (const at of [1, 2]) cluster.member(at).start()

    await cluster.until("all have its chain", () => cluster.all("1.3"))
    expect(cluster.world.server.counts.posts).toBe(2)
  })

  test("configured as never it does not", async () => {
    const cluster = await abandoned({ policy: MULTI_USE, fallback: "never" })
    cluster.demand(0)

    await cluster.runFor(10 * MINUTE_MS)

    expect(cluster.world.server.counts.posts).toBe(0)
  })

  test("the log wins over a chain that does not start at its head, and no member keeps the other", async () => {
    const cluster = await Cluster.loggedIn({ lifetimeSeconds: 120, policy: MULTI_USE })
    isolate(cluster)
    await cluster.expire()
    for (const at of [0, 1]) cluster.demand(at)
    await cluster.until("each side has refreshed", () => cluster.all("1.2"), 5 * MINUTE_MS)
    await cluster.runFor(10_000)

    cluster.world.network.heal()
    const tokens = (): ReadonlySet<string | undefined> =>
      new Set(cluster.running.map((one) => one.token()?.accessToken))

    await cluster.until("all have one token", () => tokens().size === 1)
    expect(cluster.heads()).toEqual(["1.2", "1.2", "1.2"])
  })

  test("its server's Retry-After holds it back, and a refusal is not asked for again", async () => {
    const cluster = await abandoned({ policy: MULTI_USE })
    cluster.world.server.setFaults({ throttled: true, retryAfterSeconds: 300 })
    cluster.demand(0, true)
    await cluster.runFor(2 * MINUTE_MS)
    expect(cluster.world.server.counts.posts).toBe(1)

    cluster.world.server.setFaults({ throttled: false })
    cluster.world.server.revoke(1)
    await cluster.runFor(30 * MINUTE_MS)

    expect(cluster.world.server.counts).toMatchObject({ posts: 2, rejected: 1 })
    expect(cluster.stages()).toEqual(["connecting invalid_grant"])
  })

  test("what it was refused alone it tells the log without asking the server again", async () => {
    const cluster = await abandoned({ policy: MULTI_USE })
    cluster.world.server.revoke(1)
    cluster.demand(0, true)
    await cluster.runFor(MINUTE_MS)
    for (const at of [1, 2]) cluster.member(at).start()

    cluster.demand(0, true)
    const dead = (): boolean => cluster.stages().every((one) => one === "relogin invalid_grant")

    await cluster.until("all are told", dead, MINUTE_MS)
    expect(cluster.world.server.counts).toMatchObject({ posts: 1, rejected: 1 })
  })
})

test("a member without quorum takes the newer pair that a peer shows it, and spends nothing", async () => {
  const cluster = await Cluster.loggedIn({ members: 5, lifetimeSeconds: 120 })
  const ids = cluster.members.map(({ id }) => id)
  cluster.world.network.partition([ids.slice(0, 1), ids.slice(1)])
  cluster.demand(2, true)
  await cluster.until(
    "the others refreshed",
    () => cluster.heads().slice(1).join() === "1.2,1.2,1.2,1.2",
  )
  for (const at of [2, 3, 4]) cluster.member(at).crash()
  await cluster.runFor(10_000)

  cluster.world.network.heal()
  cluster.demand(0)

  await cluster.until("it was shown", () => cluster.all("1.2"), MINUTE_MS)
  expect(cluster.world.server.counts.posts).toBe(1)
})

describe("a refused head", () => {
  const REJECT = { type: "reject" } as const

  test("is a proof once every member that may have spent it has vouched", async () => {
    const cluster = await Cluster.loggedIn({ lifetimeSeconds: 120, policy: REJECT })
    cluster.world.server.revoke(1)

    cluster.demand(1, true)
    const dead = (): boolean => cluster.stages().every((one) => one === "relogin invalid_grant")

    await cluster.until("all are told", dead)
    expect(cluster.world.server.counts.posts).toBe(1)
  })

  test("is none while a member that may have spent it is away: it is named, and asked when it is back", async () => {
    const cluster = await Cluster.loggedIn({ lifetimeSeconds: 120, policy: REJECT })
    cluster.member(2).crash()
    cluster.world.server.revoke(1)
    cluster.demand(1, true)
    await cluster.until("the server refused", () => cluster.world.server.counts.rejected === 1)
    await cluster.runFor(5_000)
    expect(cluster.status(1).suspects).toEqual([cluster.member(2).id])
    expect(cluster.stages()).not.toContain("relogin invalid_grant")

    cluster.member(2).start()
    const dead = (): boolean => cluster.stages().every((one) => one === "relogin invalid_grant")

    await cluster.until("all are told", dead)
    expect(cluster.world.server.counts.posts).toBe(1)
  })

  test("is none if the member that was away has its successor: everybody adopts it", async () => {
    const cluster = await Cluster.loggedIn({ lifetimeSeconds: 120, policy: REJECT })
    isolate(cluster)
    await cluster.runFor(10_000)
    await cluster.at(0).takeOver(false)
    await cluster.until("it spent the token alone", () => cluster.heads()[0] === "1.2")
    cluster.demand(1, true)
    await cluster.until("the others were refused", () => cluster.world.server.counts.rejected === 1)
    await cluster.runFor(5_000)

    cluster.world.network.heal()

    await cluster.until("all have its pair", () => cluster.all("1.2"))
    expect(cluster.stages().filter((one) => one.startsWith("relogin"))).toEqual([])
  })
})

describe("a person", () => {
  test("takes over from a holder in doubt: the preview names it", async () => {
    const cluster = await Cluster.loggedIn({ lifetimeSeconds: 1_800 })
    cluster.world.setRoute({ requestLost: 1 })
    cluster.demand(1, true)
    const isInDoubt = (): boolean => cluster.stages().every((one) => one === "ready in_doubt")
    await cluster.until("the holder is in doubt", isInDoubt, 5 * MINUTE_MS)
    cluster.world.setRoute({ requestLost: 0 })
    const { holder } = cluster.status(0)
    expect(holder).not.toBeNull()
    expect(await cluster.at(0).takeOver(true)).toEqual({
      type: "risky",
      because: "in_doubt",
      holder,
    })

    await cluster.at(0).takeOver(false)

    await cluster.until("all have the new token", () => cluster.all("1.2"), 5 * MINUTE_MS)
  })

  // It went out at once, and again when its answer was lost: the second send nobody had accepted.
  test("takes over for one send: if its answer is lost the token is not sent again", async () => {
    const cluster = await Cluster.loggedIn({ lifetimeSeconds: 1_800 })
    cluster.world.setRoute({ replyLost: 1 })

    await cluster.at(0).takeOver(false)
    await cluster.runFor(10 * MINUTE_MS)

    expect(cluster.world.server.counts).toMatchObject({ posts: 1, revoked: 0 })
    expect(cluster.stages()).toEqual(["ready in_doubt", "ready in_doubt", "ready in_doubt"])
  })

  test("takes over after a refusal that its own record knows: the server is not asked again", async () => {
    const cluster = await abandoned({ policy: MULTI_USE })
    cluster.world.server.revoke(1)
    cluster.demand(0, true)
    await cluster.runFor(MINUTE_MS)
    for (const at of [1, 2]) cluster.member(at).start()
    await cluster.until("a leader is heard", () => cluster.status(0).quorum, MINUTE_MS)

    await cluster.at(0).takeOver(false)
    const dead = (): boolean => cluster.stages().every((one) => one === "relogin invalid_grant")

    await cluster.until("all are told", dead, MINUTE_MS)
    expect(cluster.world.server.counts).toMatchObject({ posts: 1, rejected: 1 })
  })

  test("cannot remove the holder of an open turn without saying that it is gone", async () => {
    const cluster = await Cluster.loggedIn({ lifetimeSeconds: 120 })
    cluster.demand(1, true)
    await cluster.until("a turn is open", () => cluster.status(0).holder !== null)
    const { holder } = cluster.status(0)
    const gone = cluster.members.find(({ id }) => id === holder)
    gone?.crashMachine()
    const other = cluster.running[0]
    await cluster.runFor(10_000)

    await expect(other?.remove(holder ?? "", false)).rejects.toMatchObject({ code: "HOLDS_TURN" })
    await expect(other?.remove("nobody", false)).rejects.toMatchObject({ code: "NOT_A_MEMBER" })
    await cluster.finish(other?.remove(holder ?? "", true) ?? Promise.reject(new Error("nobody")))

    expect(other?.status().members.map(({ id }) => id)).not.toContain(holder)
    expect(other?.status().holder).toBeNull()
  })

  test("and who was removed is told so at a login, before anything is proposed", async () => {
    const cluster = await Cluster.loggedIn()
    const { id } = cluster.member(2)
    await cluster.finish(cluster.at(0).remove(id, false))
    const isOut = (): boolean =>
      cluster
        .at(2)
        .status()
        .members.every((one) => one.id !== id)
    await cluster.until("it knows", isOut)
    const { epoch } = cluster.status(0)

    await expect(cluster.login(2)).rejects.toMatchObject({ code: "NOT_A_MEMBER", kind: "refused" })
    await cluster.runFor(1_000)
    expect(cluster.status(0).epoch).toBe(epoch)
  })

  test("who logs out without a quorum is logged out here at once, also after a restart, and everywhere later", async () => {
    const cluster = await abandoned({})
    await cluster.runFor(10_000)
    await cluster.at(0).logout()
    expect(cluster.heads()).toEqual(["-"])
    // Nobody refreshes a login that was given up here, not even by force.
    expect(await cluster.at(0).takeOver(false)).toEqual({ type: "hopeless" })
    cluster.member(0).crash()
    cluster.member(0).start()
    await cluster.runFor(1_000)
    expect(cluster.heads()).toEqual(["-"])

    for (const at of [1, 2]) cluster.member(at).start()
    const out = (): boolean => cluster.stages().every((one) => one === "relogin logged_out")

    await cluster.until("all are logged out", out)
  })

  test("who logs out during a refresh has its pair revoked, not stored", async () => {
    const cluster = await Cluster.loggedIn({ lifetimeSeconds: 120 })
    cluster.demand(1, true)
    await cluster.until(
      "the server has answered",
      () => cluster.world.server.counts.refreshes === 1,
    )

    await cluster.finish(cluster.at(2).logout())
    await cluster.runFor(MINUTE_MS)

    expect(cluster.heads()).toEqual(["-", "-", "-"])
    expect(cluster.world.server.isRevoked(1)).toBe(true)
  })
})
