import { createHash } from "node:crypto"

import { describe, expect, test, vi } from "vitest"

import { isQuorateError, PendingRefreshError, type Session } from "../../src/index.ts"
import { directory, loggedIn, open, server } from "./profiles.ts"

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
  } catch (error) {
    return isQuorateError(error) ? error.code : String(error)
  }
  return "none"
}

/** Waits for the token's end without using it. */
async function expired(session: Session): Promise<void> {
  const ends = session.status().expiresAtMs ?? 0
  await vi.waitFor(() => expect(Date.now()).toBeGreaterThan(ends), { timeout: 3_000, interval: 20 })
}

describe("getToken", () => {
  test("serves a valid token from memory without asking anybody", async () => {
    const as = await server()
    const { session } = await loggedIn(as)

    expect(await session.getToken()).toMatchObject({ source: "cache", generation: 1, epoch: 1 })
    expect(as.counters().posts).toBe(0)
  })

  test("any number of callers share one refresh", async () => {
    const as = await server({ delayBeforeCommitMs: 50 })
    const { session } = await loggedIn(as)

    const tokens = await Promise.all(
      Array.from({ length: 50 }, () => session.getToken({ mode: "force" })),
    )

    expect(new Set(tokens.map(({ accessToken }) => accessToken)).size).toBe(1)
    expect(as.counters()).toMatchObject({ posts: 1, refreshes: 1 })
  })

  test("a caller that cancels ends its own wait and nothing else", async () => {
    const as = await server({ delayBeforeCommitMs: 100 })
    const { session } = await loggedIn(as)
    const impatient = new AbortController()

    const cancelled = session.getToken({ mode: "force", signal: impatient.signal })
    const patient = session.getToken({ mode: "force" })
    impatient.abort(new Error("never mind"))

    await expect(cancelled).rejects.toThrow("never mind")
    expect(await patient).toMatchObject({ generation: 2, source: "refresh" })
    expect(as.counters().posts).toBe(1)
  })

  test("a refused token is refreshed once; refused again by its hash, it is no longer the current one", async () => {
    const as = await server()
    const { session } = await loggedIn(as)
    const first = await session.getToken()
    const hash = createHash("sha256").update(first.accessToken).digest("hex")

    const second = await session.getToken({ rejected: first.accessToken })
    const third = await session.getToken({ rejected: `sha256:${hash}` })

    expect(second).toMatchObject({ generation: 2, source: "refresh" })
    expect(third).toMatchObject({ generation: 2, source: "cache" })
    expect(as.counters().posts).toBe(1)
  })

  test("a wish for more life than the server grants costs one refresh per call, not a storm", async () => {
    const as = await server({ accessTokenTtlSeconds: 60 })
    const { session } = await loggedIn(as)

    const token = await session.getToken({ minTtlMs: 3_600_000 })

    expect(token.generation).toBe(2)
    expect(as.counters().posts).toBe(1)
  })

  test("cached-only never refreshes", async () => {
    const as = await server({ accessTokenTtlSeconds: 1 })
    const { session } = await loggedIn(as)

    expect((await session.getToken({ mode: "cached-only" })).generation).toBe(1)
    await expired(session)

    expect(await codeOf(session.getToken({ mode: "cached-only" }))).toBe("NO_VALID_TOKEN")
    expect(as.counters().posts).toBe(0)
  })

  test("an expired token is refreshed before it is served", async () => {
    const as = await server({ accessTokenTtlSeconds: 1 })
    const { session } = await loggedIn(as)
    await expired(session)

    expect(() => session.peekToken()).toThrow(PendingRefreshError)
    const token = await session.getToken()

    expect(token.generation).toBeGreaterThan(1)
    expect(token.expiresAt).toBeGreaterThan(Date.now())
    expect(as.counters().tokensSentTwice).toBe(0)
  })

  test("before a login it says so at once", async () => {
    const as = await server()
    const session = await open({
      profile: directory(),
      provider: { issuer: as.issuer, clientId: as.clientId },
    })

    expect(await codeOf(session.getToken())).toBe("LOGIN_REQUIRED")
  })

  test("a refused refresh token asks for a login, once, and every later caller hears the same", async () => {
    const as = await server()
    const { session, refreshToken } = await loggedIn(as)
    as.revokeFamily(refreshToken)

    expect(await codeOf(session.getToken({ mode: "force" }))).toBe("LOGIN_REQUIRED")
    expect(await codeOf(session.getToken({ mode: "force" }))).toBe("LOGIN_REQUIRED")
    expect(session.status()).toMatchObject({ stage: "relogin", cause: "invalid_grant" })
    expect(as.counters().posts).toBe(1)
  })

  test("a server that cannot be reached costs nothing, and the wait ends by the caller's time", async () => {
    const as = await server()
    const { session } = await loggedIn(as)
    await as.setOffline(true)

    expect(await codeOf(session.getToken({ mode: "force", timeoutMs: 300 }))).toBe("TIMEOUT")
    expect(["ready", "refreshing"]).toContain(session.status().stage)
    await as.setOffline(false)

    expect(await session.getToken({ mode: "force" })).toMatchObject({ generation: 2 })
    expect(as.counters().tokensSentTwice).toBe(0)
  })

  test("a busy server is asked again when it said, and not before", async () => {
    const as = await server()
    const { session } = await loggedIn(as)
    as.knobs.turnAway = { status: 429, remaining: 1, retryAfter: "1" }
    const started = Date.now()

    const token = await session.getToken({ mode: "force" })

    expect(token.generation).toBe(2)
    expect(Date.now() - started).toBeGreaterThanOrEqual(900)
    expect(as.counters()).toMatchObject({ posts: 2, turnedAway: 1 })
  })

  test("a lost reply on a strict server is a doubt: no second POST, and the old token serves on", async () => {
    const as = await server({ dropReplyAfterCommit: 1 })
    const { session } = await loggedIn(as)

    expect(await codeOf(session.getToken({ mode: "force", timeoutMs: 500 }))).toBe("TIMEOUT")

    await vi.waitFor(() => {
      expect(session.status()).toMatchObject({ stage: "ready", cause: "in_doubt" })
    })
    expect(await session.getToken()).toMatchObject({ generation: 1, source: "cache" })
    expect(as.counters()).toMatchObject({ posts: 1, tokensSentTwice: 0, familiesRevoked: 0 })
  })
})

describe("a profile", () => {
  test("opened again serves its token without asking the server", async () => {
    const as = await server()
    const { session, profile } = await loggedIn(as)
    await session.getToken({ mode: "force" })
    await session.close()

    const again = await open({ profile })

    expect(await again.getToken()).toMatchObject({ generation: 2, source: "cache" })
    expect(as.counters().posts).toBe(1)
  })

  test("opened with another client is refused, naming the field", async () => {
    const as = await server()
    const { session, profile } = await loggedIn(as)
    await session.close()

    const other = open({ profile, provider: { issuer: as.issuer, clientId: "somebody-else" } })

    await expect(other).rejects.toThrow(/clientId/)
    expect(await codeOf(other)).toBe("PROVIDER_MISMATCH")
  })

  test("without provider settings a new profile says what is missing", async () => {
    expect(await codeOf(open({ profile: directory() }))).toBe("NOT_INITIALIZED")
  })
})

test("logout ends the login, and a new one starts the next epoch", async () => {
  const as = await server()
  const { session } = await loggedIn(as)

  await session.logout()

  expect(session.status()).toMatchObject({ stage: "relogin", cause: "logged_out", epoch: 2 })
  expect(await codeOf(session.getToken())).toBe("LOGIN_REQUIRED")
})

test("a listener that throws disturbs neither the member nor the other listeners", async () => {
  const as = await server()
  const { session } = await loggedIn(as)
  const seen: number[] = []
  const warned = vi.fn<(warning: Error) => void>()
  process.once("warning", warned)
  session.subscribe(() => {
    throw new Error("mine")
  })
  session.subscribe((event) => {
    if (event.type === "token") seen.push(event.token?.generation ?? 0)
  })

  await session.getToken({ mode: "force" })

  expect(seen).toEqual([2])
  await vi.waitFor(() => expect(warned).toHaveBeenCalledWith(new Error("mine")))
})

test("fetch adds the token, and after a 401 sends once more with the next one", async () => {
  const as = await server()
  const { session } = await loggedIn(as)
  const first = await session.getToken()

  const welcome = await session.fetch(as.userinfoEndpoint)
  as.revokeFamily("unknown")
  await session.getToken({ rejected: first.accessToken })

  expect(welcome.status).toBe(200)
  expect((await session.fetch(as.userinfoEndpoint)).status).toBe(200)
})
