// Scenarios of many processes on one machine (test/scenarios.md): real processes, real files, a real authorization server.

import { setTimeout as sleep } from "node:timers/promises"

import { expect, test, vi } from "vitest"

import { lab } from "../cli/quorate.ts"
import { hostAndGuests, program, stage } from "./programs.ts"

const CLIS = 24

test(
  "A2: two dozen commands that start when the token has expired make one request",
  { timeout: 120_000 },
  async () => {
    const one = await lab()
    const minted = await one.server.mint()
    await one.init()
    const past = Math.floor(Date.now() / 1_000) - 60
    await one.fed(JSON.stringify({ ...minted, expires_at: past }), "login", "--import", "-")

    const runs = await Promise.all(Array.from({ length: CLIS }, () => one.run("token")))

    expect(runs.filter(({ code }) => code !== 0)).toEqual([])
    expect(new Set(runs.map(({ stdout }) => stdout)).size).toBe(1)
    expect(one.server.counters()).toMatchObject({ posts: 1, refreshes: 1, tokensSentTwice: 0 })
  },
)

test("A3: a process that was stopped for three generations takes the newest and posts nothing old", async () => {
  const at = await stage()
  const { host, guests } = await hostAndGuests(at, 2)
  const [stopped, awake] = guests
  stopped?.signal("SIGSTOP")
  for (const generation of [2, 3, 4]) {
    expect((await awake?.token({ mode: "force" }))?.generation).toBe(generation)
  }

  stopped?.signal("SIGCONT")
  await vi.waitFor(async () => expect((await stopped?.token())?.generation).toBe(4))
  expect(at.server.counters()).toMatchObject({ posts: 3, tokensSentTwice: 0 })

  // The same for one that becomes the host with the memory of an old guest.
  stopped?.signal("SIGSTOP")
  expect((await awake?.token({ mode: "force" }))?.generation).toBe(5)
  await Promise.all([host.kill(), awake?.kill()])
  stopped?.signal("SIGCONT")
  // The fifth waits in its socket: it may ask before it has read it, and then the fifth is the new token it asked for.
  const generation = (await stopped?.token({ mode: "force" }))?.generation ?? 0
  expect([5, 6]).toContain(generation)
  expect(at.server.counters()).toMatchObject({ posts: generation - 1, tokensSentTwice: 0 })
})

test("A4: a refused token, a person's insistence and a newcomer while a request is under way are one refresh", async () => {
  const at = await stage({ delayBeforeCommitMs: 1_500 })
  const { host, guests } = await hostAndGuests(at, 1)
  const { accessToken } = await host.token()
  const forced = host.token({ mode: "force" })
  await vi.waitFor(() => expect(at.server.counters().inFlight).toBe(1))
  const newcomer = program()
  const rejected = guests[0]?.token({ rejected: accessToken })
  await newcomer.open(at.profile)

  const tokens = await Promise.all([forced, rejected, newcomer.token({ rejected: accessToken })])

  expect(tokens.map((token) => token?.generation)).toEqual([2, 2, 2])
  expect(at.server.counters()).toMatchObject({ posts: 1, tokensSentTwice: 0 })
})

test("C4: a process that asked and is killed does not stop the refresh that others wait for", async () => {
  const at = await stage({ delayBeforeCommitMs: 500 })
  const { guests } = await hostAndGuests(at, 2)
  const [impatient, patient] = guests
  const asked = impatient?.token({ mode: "force" })
  void asked?.catch(() => {})
  await vi.waitFor(() => expect(at.server.counters().inFlight).toBe(1))

  await impatient?.kill()

  await vi.waitFor(async () => expect((await patient?.token())?.generation).toBe(2))
  await sleep(100)
  expect(at.server.counters()).toMatchObject({ posts: 1, refreshes: 1, tokensSentTwice: 0 })
})

test("G2: a login made by one process is what all running processes use from then on", async () => {
  const at = await stage()
  const { host, guests } = await hostAndGuests(at, 2)
  const old = await host.token()

  await guests[0]?.login(at.server)

  const everybody = [host, ...guests]
  await vi.waitFor(async () => {
    const tokens = await Promise.all(everybody.map((one) => one.token()))
    expect(tokens.map(({ epoch }) => epoch)).toEqual([2, 2, 2])
    expect(tokens.some(({ accessToken }) => accessToken === old.accessToken)).toBe(false)
  })
  expect(at.server.counters().posts).toBe(0)
})
