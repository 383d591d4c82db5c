// Any number of processes share one member (DESIGN §10): one hosts it, and when it dies another does.

import { readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"

import { expect, test, vi } from "vitest"

import { hostAndGuests, hostsSoFar, type Program, program, stage } from "./programs.ts"

test("of eight processes that open a new profile at once exactly one is the host", async () => {
  const { server, profile, provider } = await stage()
  const programs = Array.from({ length: 8 }, () => program())

  await Promise.all(programs.map((one) => one.open(profile, provider)))

  expect(hostsSoFar(profile)).toBe(1)
  expect(statSync(join(profile, "socket")).mode & 0o777).toBe(0o600)
  await programs[3]?.login(server)
  const tokens = await Promise.all(programs.map((one) => one.token()))
  expect(new Set(tokens.map(({ accessToken }) => accessToken)).size).toBe(1)
})

test("all processes that need a new token at once share one refresh", async () => {
  const at = await stage()
  const { host, guests } = await hostAndGuests(at, 4)

  const all = [host, ...guests]
  const tokens = await Promise.all(all.map((one) => one.token({ mode: "force" })))

  expect(new Set(tokens.map(({ generation }) => generation))).toEqual(new Set([2]))
  expect(at.server.counters()).toMatchObject({ posts: 1, tokensSentTwice: 0 })
})

test("when the host is killed a guest takes over, and no token is sent twice", async () => {
  const at = await stage()
  const { host, guests } = await hostAndGuests(at, 3)
  expect((await guests[0]!.token({ mode: "force" })).generation).toBe(2)

  await host.kill()
  const tokens = await Promise.all(guests.map((guest) => guest.token({ mode: "force" })))

  expect(tokens.map(({ generation }) => generation)).toEqual([3, 3, 3])
  expect(hostsSoFar(at.profile)).toBe(2)
  expect(at.server.counters()).toMatchObject({ posts: 2, refreshes: 2, tokensSentTwice: 0 })
  // Subscriptions outlive the host: each guest heard of each token once.
  const heard = await Promise.all(guests.map((guest) => guest.generations()))
  for (const generations of heard) expect(generations.filter((n) => n > 1)).toEqual([2, 3])
})

test("callers that wait while the host is killed are served by the next one", async () => {
  const at = await stage()
  const { host, guests } = await hostAndGuests(at, 3)
  await at.server.setOffline(true)
  const waiting = guests.map((guest) => guest.token({ mode: "force" }))
  await vi.waitFor(async () => {
    expect((await host.status()).nextAttemptAtMs).not.toBe(null)
  })

  await host.kill()
  await sleep(300)
  await at.server.setOffline(false)

  const tokens = await Promise.all(waiting)
  expect(tokens.map(({ generation }) => generation)).toEqual([2, 2, 2])
  expect(at.server.counters()).toMatchObject({ refreshes: 1, tokensSentTwice: 0 })
})

test("hosts that are killed one after the other leave the login to the last process", async () => {
  const at = await stage()
  const { host, guests } = await hostAndGuests(at, 3)
  let victims = [host, ...guests]

  for (let generation = 2; generation <= 4; generation += 1) {
    const before = hostsSoFar(at.profile)
    // Whoever hosts dies: the others go until the store has a new host.
    for (const victim of [...victims].slice(0, -1)) {
      await victim.kill()
      victims = victims.filter((one) => one !== victim)
      await sleep(200)
      if (hostsSoFar(at.profile) > before) break
    }
    const tokens = await Promise.all(victims.map((one) => one.token({ mode: "force" })))
    expect(new Set(tokens.map((token) => token.generation)).size).toBe(1)
    if (victims.length === 1) break
  }

  expect(victims.length).toBe(1)
  expect(at.server.counters()).toMatchObject({ tokensSentTwice: 0, familiesRevoked: 0 })
})

test("a host that closes hands over", async () => {
  const at = await stage()
  const { host, guests } = await hostAndGuests(at, 2)

  await host.close()
  const tokens = await Promise.all(guests.map((guest) => guest.token({ mode: "force" })))

  expect(tokens.map(({ generation }) => generation)).toEqual([2, 2])
  expect(hostsSoFar(at.profile)).toBe(2)
  expect(at.server.counters()).toMatchObject({ posts: 1, tokensSentTwice: 0 })
})

test("a host that closes in the middle of a refresh costs nothing: the guests get its answer", async () => {
  const at = await stage({ delayBeforeCommitMs: 400 })
  const { host, guests } = await hostAndGuests(at, 2)
  const waiting = guests.map((guest) => guest.token({ mode: "force" }))
  await vi.waitFor(() => expect(at.server.counters().inFlight).toBe(1), { timeout: 5_000 })

  await host.close()

  const tokens = await Promise.all(waiting)
  expect(tokens.map(({ generation }) => generation)).toEqual([2, 2])
  expect(at.server.counters()).toMatchObject({ posts: 1, tokensSentTwice: 0 })
})

test("a host that is killed in the middle of its POST costs nothing: the guests get the token it asked for", async () => {
  const at = await stage({ delayBeforeCommitMs: 600 })
  const { host, guests } = await hostAndGuests(at, 2)
  const waiting = guests.map((guest) => guest.token({ mode: "force" }))
  await vi.waitFor(() => expect(at.server.counters().inFlight).toBe(1), { timeout: 5_000 })

  await host.kill()

  const tokens = await Promise.all(waiting)
  expect(tokens.map(({ generation }) => generation)).toEqual([2, 2])
  expect(at.server.counters()).toMatchObject({ posts: 1, tokensSentTwice: 0, familiesRevoked: 0 })
})

test("a stopped host is never robbed, and goes on when it may", async () => {
  const at = await stage()
  const { host, guests } = await hostAndGuests(at, 2)
  const newcomer = program()
  host.signal("SIGSTOP")

  const opening = newcomer.open(at.profile)
  const refused = guests.map((guest) => guest.token({ mode: "force", timeoutMs: 3_000 }))

  for (const result of await Promise.allSettled([...refused, opening])) {
    expect(result).toMatchObject({ status: "rejected", reason: { code: "TIMEOUT" } })
  }
  await expect(opening).rejects.toThrow(`process ${host.process.pid} holds ${at.profile}`)
  // What is known is served all the same, and says why nothing moves.
  expect((await guests[0]!.token()).generation).toBe(1)
  expect((await guests[0]!.status()).cause).toBe("host_silent")
  expect(hostsSoFar(at.profile)).toBe(1)
  expect(at.server.counters().posts).toBe(0)

  host.signal("SIGCONT")
  const tokens = await Promise.all(guests.map((guest) => guest.token({ mode: "force" })))

  expect(tokens.every(({ generation }) => generation >= 2)).toBe(true)
  expect(hostsSoFar(at.profile)).toBe(1)
  await newcomer.open(at.profile)
  expect(at.server.counters().tokensSentTwice).toBe(0)
})

/** A process group of its own, as a shell gives each of its jobs: the terminal's stop has no effect on an orphaned one. */
const AS_JOB = ["perl", "-e", "setpgrp; exec @ARGV"]

function stateOf({ process: { pid } }: Program): string {
  return /^State:\t(\w)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? ""
}

test("a host that its terminal stops hands over first, stops, and comes back as a guest", async () => {
  const at = await stage()
  const { host, guests } = await hostAndGuests(at, 2, AS_JOB)

  host.signal("SIGTSTP")
  const tokens = await Promise.all(guests.map((guest) => guest.token({ mode: "force" })))

  expect(tokens.map(({ generation }) => generation)).toEqual([2, 2])
  await vi.waitFor(() => expect(stateOf(host)).toBe("T"), { timeout: 5_000 })
  expect(hostsSoFar(at.profile)).toBe(2)
  host.signal("SIGCONT")
  await vi.waitFor(async () => expect((await host.status()).cause).toBe(null), { timeout: 5_000 })
  expect((await host.token()).generation).toBe(2)
  expect((await host.token({ mode: "force" })).generation).toBe(3)
  expect(hostsSoFar(at.profile)).toBe(2)
  // A guest stops at once, and once more a former host.
  host.signal("SIGTSTP")
  await vi.waitFor(() => expect(stateOf(host)).toBe("T"), { timeout: 5_000 })
  expect(at.server.counters()).toMatchObject({ refreshes: 2, tokensSentTwice: 0 })
})

test("a lonely host that its terminal stops hosts again when it goes on", async () => {
  const at = await stage()
  const { host } = await hostAndGuests(at, 0, AS_JOB)

  for (const generation of [2, 3]) {
    host.signal("SIGTSTP")
    await vi.waitFor(() => expect(stateOf(host)).toBe("T"), { timeout: 5_000 })
    host.signal("SIGCONT")
    expect((await host.token({ mode: "force" })).generation).toBe(generation)
  }
  expect(hostsSoFar(at.profile)).toBe(3)
})

test("a guest whose settings name another client is refused by field", async () => {
  const at = await stage()
  await hostAndGuests(at, 0)
  const other = program()

  const opening = other.open(at.profile, { ...at.provider, clientId: "another" })

  await expect(opening).rejects.toMatchObject({ code: "PROVIDER_MISMATCH" })
  await expect(opening).rejects.toThrow(/clientId/)
})
