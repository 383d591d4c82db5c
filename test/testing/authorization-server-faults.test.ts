/** Faults on demand, the server's own account of them, and its other endpoints. */

import { createHash } from "node:crypto"

import { afterEach, expect, test, vi } from "vitest"
import type { ReplayPolicy } from "../../src/core/oauth/types.ts"
import type { CommitEvent } from "../../src/testing/authorization-server.ts"
import { addsUp, closeAll, next, refresh, start } from "./authorization-server-client.ts"

afterEach(closeAll)

test("a dropped reply is committed all the same", async () => {
  const onCommit = vi.fn<(event: CommitEvent) => void>()
  const server = await start({ dropReplyAfterCommit: 1, onCommit })
  const minted = await server.mint()

  await expect(refresh(server, minted.refresh_token)).rejects.toThrow("fetch failed")

  expect(onCommit).toHaveBeenCalledExactlyOnceWith({
    token: 1,
    successor: 2,
    hashes: { access: expect.any(String), refresh: expect.any(String) },
  })
  expect(server.isAlive(minted.refresh_token)).toBe(false)
  expect(server.counters()).toMatchObject({ posts: 1, refreshes: 1 })
  expect(server.knobs.dropReplyAfterCommit).toBe(0)
})

test("the account names the tokens of an answer by their hashes", async () => {
  const onCommit = vi.fn<(event: CommitEvent) => void>()
  const server = await start({ onCommit })

  const answer = await refresh(server, (await server.mint()).refresh_token)

  const hash = (name: string): string =>
    createHash("sha256").update(String(answer.body[name])).digest("hex")
  expect(onCommit.mock.calls).toMatchObject([
    [{ hashes: { access: hash("access_token"), refresh: hash("refresh_token") } }],
  ])
})

test("a store that fails after consume answers 500, and the token is spent", async () => {
  const server = await start({ failAfterConsume: 1 })
  const minted = await server.mint()

  const failed = await refresh(server, minted.refresh_token)
  const retry = await refresh(server, minted.refresh_token)

  expect([failed.status, retry.status]).toEqual([500, 400])
  expect(server.counters()).toMatchObject({ serverErrors: 1, familiesRevoked: 1 })
})

test("a request that is turned away spends nothing and is no second use", async () => {
  const onRequest = vi.fn<(event: { token: number; posts: number }) => void>()
  const server = await start({
    turnAway: { status: 429, remaining: 2, retryAfter: "7" },
    onRequest,
  })
  const minted = await server.mint()

  const answers = []
  for (let i = 0; i < 3; i++) answers.push(await refresh(server, minted.refresh_token))

  expect(answers.map((answer) => answer.status)).toEqual([429, 429, 200])
  expect(answers[0]?.headers.get("retry-after")).toBe("7")
  expect(onRequest).toHaveBeenLastCalledWith({ token: 1, posts: 3 })
  expect(server.counters()).toMatchObject({ posts: 3, turnedAway: 2, tokensSentTwice: 0 })
  addsUp(server)
})

test("offline it refuses connections, and comes back on the same port", async () => {
  const server = await start()
  const minted = await server.mint()

  await server.setOffline(true)
  const refused = await refresh(server, minted.refresh_token).catch(
    (error: Error) => (error.cause as NodeJS.ErrnoException).code,
  )
  await server.setOffline(false)

  expect(refused).toBe("ECONNREFUSED")
  expect((await refresh(server, minted.refresh_token)).status).toBe(200)
})

test.each<ReplayPolicy>([
  { type: "strict" },
  { type: "reject" },
  { type: "multi-use" },
  { type: "confirm" },
  { type: "idempotent" },
  { type: "grace", windowSeconds: 30, answers: "same" },
  { type: "grace", windowSeconds: 30, answers: "new" },
])("the account adds up when many refresh at once: $type $answers", async (replayPolicy) => {
  const server = await start({ replayPolicy, delayBeforeCommitMs: 2 })
  const logins = await Promise.all(Array.from({ length: 8 }, () => server.mint()))
  const key = { "idempotency-key": '"k"' }

  const answers = await Promise.all(
    logins.flatMap((login, index) =>
      [1, 2, 3].map(() => refresh(server, login.refresh_token, index === 0 ? key : {})),
    ),
  )

  const granted = answers.filter((answer) => answer.status === 200).length
  const { refreshes, replays, rejected, inFlight, posts } = server.counters()
  expect({ posts, inFlight, granted: refreshes + replays, rejected }).toEqual({
    posts: 24,
    inFlight: 0,
    granted,
    rejected: 24 - granted,
  })
  expect(server.counters().tokensSentTwice).toBe(8)
  expect(server.counters().postsPerToken).toEqual(
    Object.fromEntries(logins.map((login) => [server.numberOf(login.refresh_token), 3])),
  )
  addsUp(server)
})

test("the policy can be changed while the server runs", async () => {
  const server = await start({ replayPolicy: { type: "multi-use" } })
  const minted = await server.mint()
  await refresh(server, minted.refresh_token)

  server.knobs.replayPolicy = { type: "strict" }

  expect((await refresh(server, minted.refresh_token)).status).toBe(400)
  expect(server.counters().familiesRevoked).toBe(1)
})

test("a connection that is cut when the server goes offline does not undo the commit", async () => {
  const server = await start({ delayAfterCommitMs: 10_000 })
  const minted = await server.mint()
  const lost = refresh(server, minted.refresh_token).then(
    () => "answered",
    () => "lost",
  )
  await vi.waitFor(() => expect(server.isAlive(minted.refresh_token)).toBe(false))

  await server.setOffline(true)

  expect(await lost).toBe("lost")
  expect(server.counters()).toMatchObject({ posts: 1, inFlight: 1, minted: 1 })
})

test("a body that is not a form, or never ends, is left to the real server", async () => {
  const server = await start()

  const empty = await fetch(server.tokenEndpoint, { method: "POST" })
  const json = await fetch(server.tokenEndpoint, { method: "POST", body: "{}" })
  const large = await fetch(server.tokenEndpoint, {
    method: "POST",
    body: new URLSearchParams({ grant_type: "refresh_token", refresh_token: "x".repeat(70_000) }),
  }).then(
    (response) => response.status,
    () => 400,
  )

  expect([empty.status, json.status, large]).toEqual([400, 400, 400])
  expect(server.counters().posts).toBe(0)
})

test("a login for a client that is not registered is refused", async () => {
  const server = await start()

  await expect(server.mint({ clientId: "nobody" })).rejects.toThrow("no such client")
})

test("discovery lies at both well-known places and names the endpoints", async () => {
  const server = await start()

  for (const name of ["openid-configuration", "oauth-authorization-server"]) {
    const response = await fetch(`${server.issuer}/.well-known/${name}`)
    expect(await response.json()).toMatchObject({
      issuer: server.issuer,
      token_endpoint: server.tokenEndpoint,
      introspection_endpoint: server.introspectionEndpoint,
      revocation_endpoint: server.revocationEndpoint,
      userinfo_endpoint: server.userinfoEndpoint,
    })
  }
})

test("introspection tells a living token from a spent one and kills nothing", async () => {
  const server = await start()
  const minted = await server.mint()
  const first = await refresh(server, minted.refresh_token)

  const active: unknown[] = []
  for (const token of [minted.refresh_token, next(first)]) {
    const response = await fetch(server.introspectionEndpoint, {
      method: "POST",
      body: new URLSearchParams({ token, client_id: server.clientId }),
    })
    active.push(((await response.json()) as { active: boolean }).active)
  }

  expect(active).toEqual([false, true])
  expect(server.isAlive(next(first))).toBe(true)
})

test("revocation by the client or by an administrator ends the family and is not counted as reuse", async () => {
  const server = await start()
  const [one, two] = [await server.mint(), await server.mint()]

  const response = await fetch(server.revocationEndpoint, {
    method: "POST",
    body: new URLSearchParams({ token: one.refresh_token, client_id: server.clientId }),
  })
  server.revokeFamily(two.refresh_token)

  expect(response.status).toBe(200)
  expect([one, two].map((tokens) => server.isAlive(tokens.refresh_token))).toEqual([false, false])
  expect((await refresh(server, two.refresh_token)).body["error"]).toBe("invalid_grant")
  expect(server.counters().familiesRevoked).toBe(0)
})

test("an expired access token is refused by the resource, and an expired refresh token by the grant", async () => {
  const server = await start({ accessTokenTtlSeconds: 1, refreshTokenTtlSeconds: 1 })
  const minted = await server.mint()

  await new Promise((resolve) => setTimeout(resolve, 2_000))
  const resource = await fetch(server.userinfoEndpoint, {
    headers: { authorization: `Bearer ${minted.access_token}` },
  })

  expect(resource.status).toBe(401)
  expect((await refresh(server, minted.refresh_token)).status).toBe(400)
  expect(server.isAlive(minted.refresh_token)).toBe(false)
})
