/** What the server does with a token and with a second use of it, under each policy. */

import { afterEach, expect, test, vi } from "vitest"
import { addsUp, closeAll, next, refresh, start } from "./authorization-server-client.ts"

afterEach(closeAll)

test("a minted login refreshes, and each refresh brings a new refresh token", async () => {
  const server = await start({ accessTokenTtlSeconds: 77 })
  const minted = await server.mint()

  const first = await refresh(server, minted.refresh_token)
  const second = await refresh(server, next(first))

  expect([first.status, second.status]).toEqual([200, 200])
  expect(first.body).toMatchObject({ expires_in: 77, token_type: "Bearer" })
  expect(new Set([minted.refresh_token, next(first), next(second)]).size).toBe(3)
  expect(server.isAlive(next(second))).toBe(true)
  expect(server.isAlive(next(first))).toBe(false)
  const { posts, refreshes, minted: logins, postsPerToken, refreshMs } = server.counters()
  expect({ posts, refreshes, logins, postsPerToken }).toEqual({
    posts: 2,
    refreshes: 2,
    logins: 1,
    postsPerToken: { 1: 1, 2: 1 },
  })
  expect(refreshMs).toHaveLength(2)
  expect(server.numberOf(next(second))).toBe(3)
  addsUp(server)
})

test("nothing is printed", async () => {
  const spies = (["log", "info", "warn", "error"] as const).map((name) =>
    vi.spyOn(console, name).mockImplementation(() => {}),
  )
  const server = await start({ failAfterConsume: 1 })
  const minted = await server.mint()

  await refresh(server, minted.refresh_token)
  await refresh(server, minted.refresh_token)
  await refresh(server, "unknown")

  for (const spy of spies) {
    expect(spy).not.toHaveBeenCalled()
    spy.mockRestore()
  }
})

test("strict: a second use is refused and kills the family", async () => {
  const onFamilyRevoked = vi.fn<() => void>()
  const server = await start({ onFamilyRevoked })
  const other = await server.mint()
  const minted = await server.mint()
  const first = await refresh(server, minted.refresh_token)

  const reuse = await refresh(server, minted.refresh_token)

  expect(reuse.status).toBe(400)
  expect(reuse.body["error"]).toBe("invalid_grant")
  expect(server.isAlive(next(first))).toBe(false)
  expect((await refresh(server, next(first))).status).toBe(400)
  expect(server.isAlive(other.refresh_token)).toBe(true)
  expect(server.counters()).toMatchObject({ familiesRevoked: 1, tokensSentTwice: 1, rejected: 2 })
  expect(onFamilyRevoked).toHaveBeenCalledTimes(1)
  addsUp(server)
})

test.each([0, 20])(
  "strict: of two requests at once at most one gets a pair, and the pair is dead (store delay %i ms)",
  async (delayBeforeCommitMs) => {
    const server = await start({ delayBeforeCommitMs })
    const minted = await server.mint()

    const both = await Promise.all([1, 2].map(() => refresh(server, minted.refresh_token)))

    expect(both.map((answer) => answer.status).toSorted((a, b) => a - b)).toEqual([200, 400])
    const winner = both.find((answer) => answer.status === 200)
    expect(server.isAlive(winner === undefined ? "" : next(winner))).toBe(false)
    expect(server.counters()).toMatchObject({ familiesRevoked: 1, refreshes: 1, rejected: 1 })
    addsUp(server)
  },
)

test.each([0, 20])(
  "reject: of two requests at once one wins, and its pair lives (store delay %i ms)",
  async (delayBeforeCommitMs) => {
    const server = await start({ replayPolicy: { type: "reject" }, delayBeforeCommitMs })
    const minted = await server.mint()

    const both = await Promise.all([1, 2].map(() => refresh(server, minted.refresh_token)))
    const late = await refresh(server, minted.refresh_token)

    expect(both.map((answer) => answer.status).toSorted((a, b) => a - b)).toEqual([200, 400])
    expect(late.status).toBe(400)
    const winner = both.find((answer) => answer.status === 200)
    expect(server.isAlive(winner === undefined ? "" : next(winner))).toBe(true)
    expect(server.counters()).toMatchObject({ familiesRevoked: 0, tokensSentTwice: 1 })
  },
)

test("multi-use: an old token goes on working", async () => {
  const server = await start({ replayPolicy: { type: "multi-use" } })
  const minted = await server.mint()

  const answers = [
    await refresh(server, minted.refresh_token),
    await refresh(server, minted.refresh_token),
  ]

  expect(answers.map((answer) => answer.status)).toEqual([200, 200])
  expect(server.isAlive(minted.refresh_token)).toBe(true)
  expect(server.counters().familiesRevoked).toBe(0)
})

test("grace with the same pair: a second use repeats the answer, also while the first is on its way", async () => {
  const server = await start({
    replayPolicy: { type: "grace", windowSeconds: 30, answers: "same" },
    delayBeforeCommitMs: 20,
  })
  const minted = await server.mint()

  const both = await Promise.all([1, 2].map(() => refresh(server, minted.refresh_token)))
  const late = await refresh(server, minted.refresh_token)

  expect(new Set([...both, late].map(next)).size).toBe(1)
  expect(late.headers.get("idempotency-replayed")).toBe("true")
  expect(server.isAlive(next(late))).toBe(true)
  expect(server.counters()).toMatchObject({ refreshes: 1, replays: 2, familiesRevoked: 0 })
  addsUp(server)
})

test.each(["same", "new"] as const)(
  "grace with the %s pair: after the window a second use kills the family",
  async (answers) => {
    const server = await start({ replayPolicy: { type: "grace", windowSeconds: 0.05, answers } })
    const minted = await server.mint()
    const first = await refresh(server, minted.refresh_token)

    await new Promise((resolve) => setTimeout(resolve, 80))
    const late = await refresh(server, minted.refresh_token)

    expect(late.status).toBe(400)
    expect(server.isAlive(next(first))).toBe(false)
    expect(server.counters().familiesRevoked).toBe(1)
  },
)

test("grace with a new pair: a second use forks, and both pairs live", async () => {
  const server = await start({
    replayPolicy: { type: "grace", windowSeconds: 30, answers: "new" },
  })
  const minted = await server.mint()

  const first = await refresh(server, minted.refresh_token)
  const second = await refresh(server, minted.refresh_token)

  expect(next(first)).not.toBe(next(second))
  expect([next(first), next(second)].map((token) => server.isAlive(token))).toEqual([true, true])
})

test("confirm: the old token works until its successor is used, and then kills the family", async () => {
  const server = await start({ replayPolicy: { type: "confirm" } })
  const minted = await server.mint()

  const first = await refresh(server, minted.refresh_token)
  const second = await refresh(server, minted.refresh_token)
  const third = await refresh(server, next(second))
  const reuse = await refresh(server, minted.refresh_token)

  expect([first, second, third, reuse].map((answer) => answer.status)).toEqual([200, 200, 200, 400])
  expect(server.isAlive(next(first))).toBe(false)
  expect(server.isAlive(next(third))).toBe(false)
  expect(server.counters().familiesRevoked).toBe(1)
})

test("confirm: using the new access token at a resource also ends the old refresh token", async () => {
  const server = await start({ replayPolicy: { type: "confirm" } })
  const minted = await server.mint()
  const first = await refresh(server, minted.refresh_token)

  const authorization = `Bearer ${first.body["access_token"] ?? ""}`
  const resource = await fetch(server.userinfoEndpoint, { headers: { authorization } })

  expect(resource.status).toBe(200)
  expect((await refresh(server, minted.refresh_token)).status).toBe(400)
})

test("idempotent: the same key repeats the answer, another key is reuse, a key for another token is 422", async () => {
  const server = await start({ replayPolicy: { type: "idempotent" }, delayBeforeCommitMs: 10 })
  const [minted, other] = [await server.mint(), await server.mint()]
  const key = { "idempotency-key": '"k1"' }

  const both = await Promise.all([1, 2].map(() => refresh(server, minted.refresh_token, key)))
  const mismatch = await refresh(server, other.refresh_token, key)

  expect(new Set(both.map(next)).size).toBe(1)
  expect(mismatch.status).toBe(422)
  expect(server.isAlive(other.refresh_token)).toBe(true)
  expect(server.counters()).toMatchObject({ refreshes: 1, replays: 1, rejected: 1 })

  const reuse = await refresh(server, minted.refresh_token, { "idempotency-key": '"k2"' })
  expect(reuse.status).toBe(400)
  expect(server.counters().familiesRevoked).toBe(1)
  addsUp(server)
})

test("idempotent: the key of a token is honoured also after its successor was used", async () => {
  const server = await start({ replayPolicy: { type: "idempotent" } })
  const minted = await server.mint()
  const key = { "idempotency-key": '"k1"' }
  const first = await refresh(server, minted.refresh_token, key)
  await refresh(server, next(first), { "idempotency-key": '"k2"' })

  const late = await refresh(server, minted.refresh_token, key)

  expect(late.body).toEqual(first.body)
  expect(server.counters()).toMatchObject({ refreshes: 2, replays: 1, familiesRevoked: 0 })
  addsUp(server)
})

test("without rotation the same refresh token comes back and stays alive", async () => {
  const server = await start({ rotate: false })
  const minted = await server.mint()

  const first = await refresh(server, minted.refresh_token)

  expect(next(first)).toBe(minted.refresh_token)
  expect(server.isAlive(minted.refresh_token)).toBe(true)
})
