/** Prepare, send and judge, against the real authorization server. */

import { afterEach, describe, expect, test } from "vitest"
import type { ProviderSettings } from "../../src/core/oauth/types.ts"
import { tokenEndpoint } from "../../src/endpoint/token-endpoint.ts"
import { attempt, settingsOf, start, stopAll } from "./attempts.ts"

afterEach(stopAll)

describe("against the real server", () => {
  test("a public client refreshes by discovery and learns who it is", async () => {
    const server = await start({ accessTokenTtlSeconds: 99 })
    const minted = await server.mint({ accountId: "ada" })
    const endpoint = tokenEndpoint({ settings: settingsOf(server), clientSecret: null })

    const { outcome } = await attempt(endpoint, minted.refresh_token)

    expect(outcome).toMatchObject({
      type: "granted",
      salvaged: [],
      tokens: { tokenType: "Bearer", expiresInSeconds: 99, subject: "ada", scope: minted.scope },
    })
    const next = outcome.type === "granted" ? (outcome.tokens.refreshToken ?? "") : ""
    expect(server.isAlive(next)).toBe(true)
    expect(server.counters()).toMatchObject({ posts: 1, refreshes: 1 })
  })

  test("without an issuer the token endpoint alone is enough", async () => {
    const server = await start()
    const minted = await server.mint()
    const settings = settingsOf(server, { issuer: null, tokenEndpoint: server.tokenEndpoint })
    const endpoint = tokenEndpoint({ settings, clientSecret: null })

    const { outcome } = await attempt(endpoint, minted.refresh_token)

    expect(outcome).toMatchObject({ type: "granted", salvaged: [], tokens: { subject: "ada" } })
  })

  test.each(["basic", "post"] as const)(
    "a confidential client authenticates with client_secret_%s",
    async (method) => {
      const server = await start()
      const { clientId, clientSecret } = server.clients[method]
      const minted = await server.mint({ clientId })
      const settings = settingsOf(server, {
        clientId,
        clientAuthentication: `client_secret_${method}`,
      })

      const good = await attempt(tokenEndpoint({ settings, clientSecret }), minted.refresh_token)
      const bad = await attempt(tokenEndpoint({ settings, clientSecret: "wrong" }), "RT")

      expect(good.outcome).toMatchObject({ type: "granted" })
      expect(bad.outcome).toEqual({ type: "misconfigured", cause: "invalid_client" })
      expect(server.counters().familiesRevoked).toBe(0)
    },
  )

  test("a prepared request carries no more than it must", async () => {
    const server = await start()
    const endpoint = tokenEndpoint({
      settings: settingsOf(server, { scope: "openid offline_access" }),
      clientSecret: null,
    })

    const request = await endpoint.prepare("RT/+ 0")

    expect(request.url).toBe(server.tokenEndpoint)
    expect(Object.fromEntries(new URLSearchParams(request.body))).toEqual({
      grant_type: "refresh_token",
      refresh_token: "RT/+ 0",
      client_id: server.clientId,
    })
    const headers = Object.fromEntries(request.headers)
    expect(headers).toMatchObject({ accept: "application/json", "accept-encoding": "identity" })
    expect(headers).not.toHaveProperty("authorization")
    expect(headers).not.toHaveProperty("idempotency-key")
    expect(server.counters().posts).toBe(0)
  })

  test("idempotent: every member sends the same key for a token, and another for the next", async () => {
    const server = await start({ replayPolicy: { type: "idempotent" }, dropReplyAfterCommit: 1 })
    const minted = await server.mint()
    const settings = settingsOf(server, { replayPolicy: { type: "idempotent" } })

    const lost = await attempt(
      tokenEndpoint({ settings, clientSecret: null }),
      minted.refresh_token,
    )
    const again = await attempt(
      tokenEndpoint({ settings, clientSecret: null }),
      minted.refresh_token,
    )

    expect(lost.outcome).toEqual({ type: "in-doubt", spent: false, cause: "ECONNRESET" })
    expect(again.outcome).toMatchObject({ type: "granted" })
    expect(server.counters()).toMatchObject({ refreshes: 1, replays: 1, familiesRevoked: 0 })
    const keyOf = async (token: string): Promise<string | undefined> => {
      const request = await tokenEndpoint({ settings, clientSecret: null }).prepare(token)
      return Object.fromEntries(request.headers)["idempotency-key"]
    }
    expect(await keyOf("A")).toBe(await keyOf("A"))
    expect(await keyOf("A")).not.toBe(await keyOf("B"))
    expect(await keyOf("A")).toMatch(/^"[\w-]{43}"$/)
  })
})

test("a confidential client without its secret is refused at once", () => {
  const settings: ProviderSettings = {
    issuer: null,
    tokenEndpoint: "https://as.example/token",
    clientId: "c",
    clientAuthentication: "client_secret_basic",
    scope: null,
    replayPolicy: { type: "strict" },
  }

  expect(() => tokenEndpoint({ settings, clientSecret: null })).toThrow("needs a secret")
  expect(() => tokenEndpoint({ settings, clientSecret: "" })).toThrow("needs a secret")
})
