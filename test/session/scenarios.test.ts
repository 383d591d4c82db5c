// Scenarios of one application (test/scenarios.md), on real parts: files, sockets and an authorization server.

import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"

import { expect, onTestFinished, test, vi } from "vitest"

import type { Session } from "../../src/index.ts"
import { directory, loggedIn, login, open, server } from "./profiles.ts"

/** Waits for the token's end without using it. */
async function expired(session: Session): Promise<void> {
  const endsMs = session.status().expiresAtMs ?? 0
  await vi.waitFor(() => expect(Date.now()).toBeGreaterThan(endsMs), { timeout: 4_000 })
}

interface Told {
  readonly session: Session
  /** The refresh tokens that were posted, in order. */
  readonly posted: string[]
}

/** A session that is logged in at a token endpoint which answers with these bodies, the last one for ever. */
async function toldBy(type: string, ...bodies: readonly [string, ...string[]]): Promise<Told> {
  const posted: string[] = []
  const endpoint = createServer((request, response) => {
    let body = ""
    request.on("data", (data: Buffer) => (body += data.toString()))
    request.on("end", () => {
      posted.push(new URLSearchParams(body).get("refresh_token") ?? "")
      response.setHeader("content-type", type)
      response.end(bodies[Math.min(posted.length, bodies.length) - 1])
    })
  })
  endpoint.listen(0, "127.0.0.1")
  await once(endpoint, "listening")
  onTestFinished(() => void endpoint.close())
  const { port } = endpoint.address() as AddressInfo
  const session = await open({
    profile: directory(),
    provider: { tokenEndpoint: `http://127.0.0.1:${port}/token`, clientId: "app" },
  })
  await session.login(
    {
      accessToken: "access-1",
      tokenType: "Bearer",
      refreshToken: "refresh-1",
      expiresInSeconds: 300,
      scope: "openid email",
      refreshExpiresInSeconds: null,
      subject: null,
    },
    Date.now(),
  )
  return { session, posted }
}

test("A1: a hundred calls that find the token expired make one request and get one token", async () => {
  const as = await server({ accessTokenTtlSeconds: 1 })
  const { session } = await loggedIn(as)
  as.knobs.accessTokenTtlSeconds = 300
  await expired(session)

  const tokens = await Promise.all(Array.from({ length: 100 }, () => session.getToken()))

  expect(new Set(tokens.map(({ accessToken }) => accessToken)).size).toBe(1)
  expect(tokens[0]?.generation).toBe(2)
  expect(as.counters()).toMatchObject({ posts: 1, tokensSentTwice: 0 })
})

test("B-4: what an answer leaves out is carried forward: refresh token, scope, a lifetime to go by", async () => {
  const bare = (n: number): string =>
    JSON.stringify({ access_token: `access-${n}`, token_type: "Bearer" })
  const { session, posted } = await toldBy("application/json", bare(2), bare(3))

  const second = await session.getToken({ mode: "force" })
  const third = await session.getToken({ mode: "force" })

  expect([second, third].map(({ accessToken, scope }) => [accessToken, scope])).toEqual([
    ["access-2", "openid email"],
    ["access-3", "openid email"],
  ])
  expect(third.expiresAt - Date.now()).toBeGreaterThan(3_500_000)
  // The server did not rotate: the same refresh token is right, and is not taken for a replay.
  expect(posted).toEqual(["refresh-1", "refresh-1"])
})

test("C9: a portal's page instead of an answer is neither a token nor a dead login", async () => {
  const { session, posted } = await toldBy("text/html", "<html>Please accept our terms</html>")

  const refused = session.getToken({ mode: "force", timeoutMs: 500 })

  await expect(refused).rejects.toMatchObject({ code: "TIMEOUT" })
  await vi.waitFor(() => {
    expect(session.status()).toMatchObject({ stage: "ready", cause: "in_doubt", generation: 1 })
  })
  expect((await session.getToken()).accessToken).toBe("access-1")
  expect(posted).toEqual(["refresh-1"])
})

test("D9: a listener that asks for a token while it is told of one waits for nobody but the server", async () => {
  const as = await server()
  const { session } = await loggedIn(as)
  const nested: Promise<number>[] = []
  session.subscribe((event) => {
    if (event.type !== "token" || event.token?.generation !== 2) return
    nested.push(session.getToken({ mode: "force" }).then(({ generation }) => generation))
  })

  await session.getToken({ mode: "force" })

  expect(await Promise.all(nested)).toEqual([3])
  expect(as.counters()).toMatchObject({ posts: 2, tokensSentTwice: 0 })
})

test("G6: two accounts at one provider in one process know nothing of each other", async () => {
  const as = await server()
  const [ada, bob] = [await loggedIn(as), await loggedIn(as)]

  const [token] = await Promise.all([ada.session.getToken({ mode: "force" }), bob.session.logout()])

  expect(token.generation).toBe(2)
  expect(ada.session.status()).toMatchObject({ stage: "ready", generation: 2 })
  expect(bob.session.status()).toMatchObject({ stage: "relogin", cause: "logged_out" })
  await login(as, bob.session)
  expect((await bob.session.getToken()).accessToken).not.toBe(
    (await ada.session.getToken()).accessToken,
  )
})

test("H3: a reader that may not refresh gets what is valid or an error, and never makes a request", async () => {
  const as = await server({ accessTokenTtlSeconds: 1 })
  const { session } = await loggedIn(as)
  expect((await session.getToken({ mode: "cached-only" })).generation).toBe(1)
  await expired(session)

  const refused = session.getToken({ mode: "cached-only" })

  await expect(refused).rejects.toMatchObject({ code: "NO_VALID_TOKEN" })
  expect(as.counters().posts).toBe(0)
})
