// A session keeps one coordinator while hosts come and go: what callers and listeners notice of that.

import { expect, test } from "vitest"

import { derived } from "../../src/coordination/guest.ts"
import type { ProviderSettings } from "../../src/core/oauth/types.ts"
import type { CoordinatorEvent, CurrentToken, LoginTokens } from "../../src/ports/coordinator.ts"
import { Switchboard } from "../../src/session/switchboard.ts"
import { memberClock, type Scheduler, virtualScheduler } from "../../src/testing/clock.ts"
import { FakeMember } from "../machine/fake-member.ts"

interface Setting {
  readonly scheduler: Scheduler
  readonly switchboard: Switchboard
  readonly events: CoordinatorEvent[]
  readonly nowMs: number
}

function setting(leave: () => Promise<void> = () => Promise.resolve()): Setting {
  const scheduler = virtualScheduler()
  const clock = memberClock(scheduler)
  const switchboard = new Switchboard(clock, leave)
  const events: CoordinatorEvent[] = []
  switchboard.subscribe((event) => events.push(event))
  return { scheduler, switchboard, events, nowMs: clock.wallMs() }
}

function member(token: CurrentToken | null = null): FakeMember {
  const made = new FakeMember()
  made.current = token
  return made
}

/** Of a simulated member: its uptime begins at 0. */
const WALL_START_MS = 1_800_000_000_000

const tokenOf = (generation: number, expiresAtMs: number): CurrentToken => ({
  accessToken: `access-${generation}`,
  tokenType: "Bearer",
  expiresAtMs,
  endsAtUptimeMs: expiresAtMs - WALL_START_MS,
  generation,
  epoch: 1,
  scope: null,
  refreshedHere: true,
})

const LOGIN: LoginTokens = {
  issuedAtMs: 0,
  tokens: {
    accessToken: "access-1",
    tokenType: "Bearer",
    refreshToken: "refresh-1",
    expiresInSeconds: 300,
    scope: null,
    refreshExpiresInSeconds: null,
    subject: null,
  },
}

const SETTINGS: ProviderSettings = {
  issuer: "https://as.example",
  tokenEndpoint: null,
  clientId: "app",
  clientAuthentication: "none",
  scope: null,
  replayPolicy: { type: "strict" },
}

test("between two hosts the last token is served and the status says why nothing moves", () => {
  const { scheduler, switchboard, nowMs } = setting()
  switchboard.connect(member(tokenOf(1, nowMs + 1_000)))

  switchboard.disconnect()

  expect(switchboard.token()?.generation).toBe(1)
  expect(switchboard.status()).toMatchObject({ stage: "ready", cause: "host_lost", quorum: false })
  scheduler.runFor(1_000)
  expect(switchboard.status()).toMatchObject({ stage: "connecting", cause: "host_lost" })
})

test("the next host is asked again for what callers wait for", () => {
  const { switchboard, nowMs } = setting()
  const first = member(tokenOf(1, nowMs))
  switchboard.connect(first)
  switchboard.demand(1, 1, true)
  switchboard.disconnect()
  const second = member(tokenOf(1, nowMs))

  switchboard.connect(second)

  expect(first.heard).toEqual(["demand 1.1 force"])
  expect(second.heard).toEqual(["demand 1.1 force"])
})

test("a demand made without a host reaches the next one", () => {
  const { switchboard } = setting()
  switchboard.demand(1, 1, false)
  const first = member(tokenOf(1, 0))

  switchboard.connect(first)

  expect(first.heard).toEqual(["demand 1.1"])
})

test("a next host that has the newer token is not asked, and listeners get it", () => {
  const { switchboard, events, nowMs } = setting()
  switchboard.connect(member(tokenOf(1, nowMs)))
  switchboard.demand(1, 1, false)
  switchboard.disconnect()
  events.length = 0
  const second = member(tokenOf(2, nowMs + 1_000))

  switchboard.connect(second)

  expect(second.heard).toEqual([])
  expect(events.map(({ type }) => type)).toEqual(["token", "status"])
})

test("a next host that has not heard of the newest commit takes nobody back to an older token", () => {
  const { switchboard, events, nowMs } = setting()
  const newest = tokenOf(6, nowMs + 60_000)
  switchboard.connect(member(newest))
  switchboard.disconnect()
  events.length = 0
  const second = member(tokenOf(5, nowMs + 1_000))
  second.told = { stage: "connecting", cause: "no_quorum", quorum: false }

  switchboard.connect(second)

  expect(switchboard.token()).toEqual(newest)
  const served = { stage: "ready", generation: 6, expiresAtMs: newest.expiresAtMs }
  expect(switchboard.status()).toMatchObject({ ...served, cause: "no_quorum", quorum: false })
  expect(events).toMatchObject([{ type: "status", status: served }])

  second.tell({ type: "token", token: second.current })
  second.tell({ type: "status", status: second.status() })
  expect(events.at(-1)).toMatchObject({ type: "status", status: served })
  expect(events.filter(({ type }) => type === "token")).toEqual([])

  second.current = tokenOf(7, nowMs + 90_000)
  second.told = {}
  second.tell({ type: "token", token: second.current })
  expect(switchboard.token()).toEqual(second.current)
  expect(events.at(-1)).toMatchObject({ type: "token", token: { generation: 7 } })
})

test("after a logout a next host that has not heard of it brings no token back", () => {
  const { switchboard, events, nowMs } = setting()
  const first = member()
  first.told = { epoch: 2, stage: "relogin", cause: "logged_out" }
  switchboard.connect(first)
  switchboard.disconnect()
  events.length = 0

  switchboard.connect(member(tokenOf(6, nowMs + 60_000)))

  expect(switchboard.token()).toBeNull()
  expect(events.filter(({ type }) => type === "token")).toEqual([])
})

test("a next host that was logged out alone shows no token, though its log is no further", () => {
  const { switchboard, events, nowMs } = setting()
  switchboard.connect(member(tokenOf(6, nowMs + 60_000)))
  switchboard.disconnect()
  events.length = 0
  const second = member()
  second.told = { epoch: 1, generation: 6, stage: "relogin", cause: "logged_out" }

  switchboard.connect(second)

  expect(switchboard.token()).toBeNull()
  expect(events).toMatchObject([{ type: "token", token: null }, { type: "status" }])
})

test("a demand that nobody can still wait for is forgotten", () => {
  const { scheduler, switchboard, nowMs } = setting()
  switchboard.connect(member(tokenOf(1, nowMs)))
  switchboard.demand(1, 1, true)
  switchboard.disconnect()
  scheduler.runFor(60_000)
  const second = member(tokenOf(1, nowMs))

  switchboard.connect(second)

  expect(second.heard).toEqual([])
})

test("events of a host that was left are not heard any more", () => {
  const { switchboard, events, nowMs } = setting()
  const first = member(tokenOf(1, nowMs))
  switchboard.connect(first)
  switchboard.disconnect()
  events.length = 0

  first.tell({ type: "token", token: tokenOf(2, nowMs) })

  expect(events).toEqual([])
})

test("settings are told to the next host when the first one ends in between", async () => {
  const { switchboard } = setting()
  const first = member()
  first.failure = new Error("ended")
  switchboard.connect(first)
  const configured = switchboard.configure(SETTINGS, null)
  switchboard.disconnect()
  const second = member()

  switchboard.connect(second)

  await configured
  expect(second.heard).toEqual(["configure"])
})

test("a login whose host ended is never made twice: it happened, or it failed", async () => {
  for (const [known, outcome] of [
    [tokenOf(1, 0), "fulfilled"],
    [null, "rejected"],
  ] as const) {
    const { switchboard } = setting()
    const first = member()
    first.failure = new Error("ended")
    switchboard.connect(first)
    const login = Promise.allSettled([switchboard.login(LOGIN)])
    switchboard.disconnect()
    const second = member(known)

    switchboard.connect(second)

    expect((await login)[0]?.status).toBe(outcome)
    expect(second.heard).toEqual([])
  }
})

test("a logout whose host ended is not repeated: by then it could end another login", async () => {
  for (const [known, outcome] of [
    [null, "fulfilled"],
    [tokenOf(1, 0), "rejected"],
  ] as const) {
    const { switchboard } = setting()
    const first = member()
    first.failure = new Error("ended")
    switchboard.connect(first)
    const logout = Promise.allSettled([switchboard.logout()])
    switchboard.disconnect()
    const second = member(known)

    switchboard.connect(second)

    expect((await logout)[0]?.status).toBe(outcome)
    expect(second.heard).toEqual([])
  }
})

test("an error of a host that still hosts is the caller's", async () => {
  const { switchboard } = setting()
  const first = member()
  first.failure = new Error("no")
  switchboard.connect(first)

  await expect(switchboard.logout()).rejects.toThrow("no")
})

test("a request without a host waits 30 s for one", async () => {
  const { scheduler, switchboard } = setting()
  const logout = Promise.allSettled([switchboard.logout()])

  scheduler.runFor(30_000)

  expect((await logout)[0]).toMatchObject({ status: "rejected", reason: { code: "TIMEOUT" } })
})

test("closing ends requests that wait for a host, and gives the seat up once", async () => {
  let left = 0
  const { switchboard } = setting(async () => void (left += 1))
  const logout = Promise.allSettled([switchboard.logout()])

  await switchboard.close()
  await switchboard.close()

  expect((await logout)[0]).toMatchObject({ status: "rejected", reason: { code: "CLOSED" } })
  expect(left).toBe(1)
})

test("a stage that goes on across hosts began when it began", () => {
  const { scheduler, switchboard, nowMs } = setting()
  const sinceOf = (told: FakeMember["told"]): number => {
    const host = member(tokenOf(1, nowMs))
    host.told = told
    switchboard.disconnect()
    switchboard.connect(host)
    return switchboard.status().sinceMs
  }
  const connecting = { stage: "connecting", cause: "http_503" } as const

  expect(sinceOf({ ...connecting, sinceMs: nowMs })).toBe(nowMs)
  scheduler.runFor(1_000)
  switchboard.disconnect()
  expect(switchboard.status()).toMatchObject({ stage: "connecting", sinceMs: nowMs })
  expect(sinceOf({ ...connecting, sinceMs: nowMs + 1_000 })).toBe(nowMs)
  expect(sinceOf({ stage: "ready", sinceMs: nowMs + 1_000 })).toBe(nowMs + 1_000)
})

test("before the first host the status began with the session, not with the calendar", () => {
  const { switchboard, nowMs } = setting()

  expect(switchboard.status()).toMatchObject({ cause: "host_lost", sinceMs: nowMs })
})

test.each([
  ["ready", null, "refreshing", "idle"],
  ["ready", "in_doubt", "connecting", "in_doubt"],
  ["refreshing", null, "refreshing", null],
  ["retrying", "http_503", "retrying", "http_503"],
  ["relogin", "invalid_grant", "relogin", "invalid_grant"],
] as const)(
  "a status of %s (%s) told before the token ended reads %s (%s) after it",
  (stage, cause, nextStage, nextCause) => {
    const scheduler = virtualScheduler()
    const clock = memberClock(scheduler)
    const token = tokenOf(1, clock.wallMs() + 1_000)
    const status = { ...member(token).status(), stage, cause }

    scheduler.runFor(999)
    clock.jumpWall(4 * 3_600_000)
    expect(derived({ status, token }, clock, null)).toEqual(status)
    scheduler.runFor(1)
    clock.jumpWall(-8 * 3_600_000)
    const after = derived({ status, token }, clock, null)
    expect(after).toMatchObject({ stage: nextStage, cause: nextCause })
  },
)
