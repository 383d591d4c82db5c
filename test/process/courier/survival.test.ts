// What becomes of a refresh whose process is killed in the middle (DESIGN §4.4): the account lives, and one POST was made.

import { setTimeout as sleep } from "node:timers/promises"

import { expect, test, vi } from "vitest"

import { readCachedToken } from "../../../src/session/cached.ts"
import { lab } from "../cli/quorate.ts"
import { type Program, program, type Stage, stage, hostAndGuests } from "../session/programs.ts"
import { couriersOf, running } from "../../../cluster/processes.ts"

/** A host that is in the middle of its POST. Its caller's wait ends with it. */
async function midPost(
  at: Stage,
  guests = 0,
): Promise<{ host: Program; guests: readonly Program[] }> {
  const programs = await hostAndGuests(at, guests)
  void programs.host.token({ mode: "force" }).catch(() => {})
  await vi.waitFor(() => expect(at.server.counters().inFlight).toBe(1), { timeout: 5_000 })
  return programs
}

const ONE_POST = { posts: 1, refreshes: 1, tokensSentTwice: 0, familiesRevoked: 0 }

test("the only process of a profile is killed in its POST: the next one, at once, has the new token", async () => {
  const at = await stage({ delayBeforeCommitMs: 300 })
  const { host } = await midPost(at)
  await host.kill()

  const next = program()
  await next.open(at.profile)

  await vi.waitFor(async () => expect((await next.token()).generation).toBe(2), { timeout: 5_000 })
  expect(at.server.counters()).toMatchObject(ONE_POST)
})

test("nobody comes: the answer is committed all the same, for whoever reads the token", async () => {
  const at = await stage({ delayBeforeCommitMs: 200 })
  const { host } = await midPost(at)

  await host.kill()

  await vi.waitFor(async () => expect((await readCachedToken(at.profile))?.generation).toBe(2), {
    timeout: 10_000,
    interval: 50,
  })
  expect(at.server.counters()).toMatchObject(ONE_POST)
})

test("a command that has committed its refresh leaves nothing to do, and no process", async () => {
  const one = await lab()
  await one.loggedIn()

  for (let generation = 2; generation <= 4; generation += 1) {
    expect((await one.json("token", "--force")).value).toMatchObject({ generation })
    await sleep(150)

    const started = running("session/committer.ts").filter(({ shown }) =>
      shown.includes(one.profile),
    )
    expect(started).toEqual([])
  }
})

test("a program that closes in its POST ends at once, and the answer is committed without it", async () => {
  const at = await stage({ delayBeforeCommitMs: 1_000 })
  const { host } = await midPost(at)

  await host.close()

  expect(at.server.counters().inFlight).toBe(1)
  await host.kill()
  await vi.waitFor(async () => expect((await readCachedToken(at.profile))?.generation).toBe(2), {
    timeout: 10_000,
    interval: 50,
  })
  expect(at.server.counters()).toMatchObject(ONE_POST)
})

test("all processes of the profile are killed at once: the courier alone saves the account", async () => {
  const at = await stage({ delayAfterCommitMs: 300 })
  const { host, guests } = await midPost(at, 2)

  await Promise.all([host, ...guests].map((one) => one.kill()))

  const next = program()
  await next.open(at.profile)
  await vi.waitFor(async () => expect((await next.token()).generation).toBe(2), { timeout: 5_000 })
  expect(at.server.counters()).toMatchObject(ONE_POST)
})

test("the signals of a terminal that closes, sent to it, do not end a courier at work", async () => {
  const at = await stage({ delayBeforeCommitMs: 300 })
  const { host } = await midPost(at)
  const [courier] = couriersOf(host.process.pid)

  for (const name of ["SIGINT", "SIGHUP", "SIGQUIT", "SIGTERM"] as const) {
    process.kill(courier!.pid, name)
  }

  await vi.waitFor(async () => expect((await host.token()).generation).toBe(2), { timeout: 5_000 })
  expect(at.server.counters()).toMatchObject(ONE_POST)
})

test("the courier itself is killed in its POST: a doubt, and nobody sends again", async () => {
  const at = await stage({ delayBeforeCommitMs: 500 })
  const { host, guests } = await midPost(at, 1)
  const [courier] = couriersOf(host.process.pid)

  process.kill(courier!.pid, "SIGKILL")

  await vi.waitFor(async () => {
    expect(await host.status()).toMatchObject({ stage: "ready", cause: "in_doubt" })
  })
  const refused = guests[0]!.token({ mode: "force", timeoutMs: 1_000 })
  await expect(refused).rejects.toMatchObject({ code: "TIMEOUT" })
  expect((await guests[0]!.token()).generation).toBe(1)
  expect(at.server.counters()).toMatchObject({ posts: 1, familiesRevoked: 0 })
})

test("no token and no key is shown by the system: neither in its arguments nor in its environment", async () => {
  const at = await stage({ delayBeforeCommitMs: 500 })
  const { host, guests } = await hostAndGuests(at, 0)
  const { accessToken } = await host.token()
  void host.token({ mode: "force" }).catch(() => {})
  await vi.waitFor(() => expect(at.server.counters().inFlight).toBe(1), { timeout: 5_000 })

  const [courier] = couriersOf(host.process.pid)

  expect(guests).toEqual([])
  expect(courier!.shown).toContain("program.ts")
  expect(courier!.shown).not.toContain(accessToken)
  // What passes is a list, and nothing on it names a secret or another program.
  const names = courier!.shown.split("\0").flatMap((part) => /^(\w+)=/.exec(part)?.[1] ?? [])
  expect(
    names.filter((name) => !/^(?:NODE_COMPILE_CACHE|.*_CERTS?(?:_\w+)?|TMPDIR)$/.test(name)),
  ).toEqual([])
})

test("a courier without work ends with the one that started it", async () => {
  const at = await stage()
  const { host } = await hostAndGuests(at, 0)
  await at.server.setOffline(true)
  await host.token({ mode: "force", timeoutMs: 500 }).catch(() => {})
  await host.kill()
  await sleep(200)

  expect(couriersOf(1).concat(couriersOf(host.process.pid))).toEqual([])
})

test("a command that gives up waiting ends at once, and its courier's answer is there for the next one", async () => {
  const one = await lab({ delayBeforeCommitMs: 3_000 })
  await one.loggedIn()

  const refused = await one.run("token", "--force", "--timeout", "1")

  expect(refused.code).toBe(4)
  expect(one.server.counters()).toMatchObject({ posts: 1, inFlight: 1 })
  await vi.waitFor(async () => expect((await readCachedToken(one.profile))?.generation).toBe(2), {
    timeout: 15_000,
    interval: 50,
  })
  expect(one.server.counters()).toMatchObject(ONE_POST)
})
