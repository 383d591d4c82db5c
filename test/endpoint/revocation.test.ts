/** Revocation (RFC 7009): prepared here, sent like a refresh, and final at the real authorization server. */

import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { afterEach, describe, expect, test } from "vitest"
import { isRevoked } from "../../src/core/oauth/revocation.ts"
import type { Exchange } from "../../src/core/oauth/types.ts"
import { sendExchange } from "../../src/endpoint/exchange.ts"
import { tokenEndpoint } from "../../src/endpoint/token-endpoint.ts"
import type { TokenEndpoint } from "../../src/ports/token-endpoint.ts"
import { answered } from "../core/oauth/exchanges.ts"
import { attempt, settingsOf, start, stopAll } from "./attempts.ts"

afterEach(stopAll)

async function revoke(endpoint: TokenEndpoint, refreshToken: string): Promise<Exchange> {
  const request = await endpoint.revoke?.(refreshToken)
  if (request === null || request === undefined) throw new Error("nothing to send")
  return sendExchange(request, { claim: () => true, timeoutMs: 5_000 })
}

describe("against the real server", () => {
  test("a revoked pair is dead with its whole family, and a second request harms nobody", async () => {
    const server = await start()
    const other = await server.mint()
    const minted = await server.mint()
    const endpoint = tokenEndpoint({ settings: settingsOf(server), clientSecret: null })
    const { outcome } = await attempt(endpoint, minted.refresh_token)
    if (outcome.type !== "granted") throw new Error("not granted")
    const { accessToken, refreshToken } = outcome.tokens
    const resource = (token: string): Promise<Response> =>
      fetch(server.userinfoEndpoint, { headers: { authorization: `Bearer ${token}` } })
    expect((await resource(accessToken)).status).toBe(200)

    expect(isRevoked(await revoke(endpoint, refreshToken ?? ""))).toBe(true)

    expect((await resource(accessToken)).status).toBe(401)
    expect((await resource(minted.access_token)).status).toBe(401)
    expect((await attempt(endpoint, refreshToken ?? "")).outcome.type).toBe("rejected")
    expect(server.isAlive(other.refresh_token)).toBe(true)
    expect(server.counters()).toMatchObject({ refreshes: 1, familiesRevoked: 0 })
    expect(isRevoked(await revoke(endpoint, refreshToken ?? ""))).toBe(true)
  })

  test.each(["basic", "post"] as const)(
    "a confidential client revokes by its client_secret_%s, and nobody without the secret does",
    async (method) => {
      const server = await start()
      const { clientId, clientSecret } = server.clients[method]
      const { refresh_token: token } = await server.mint({ clientId })
      const clientAuthentication = `client_secret_${method}` as const
      const settings = settingsOf(server, { clientId, clientAuthentication })

      const stranger = tokenEndpoint({ settings, clientSecret: "wrong" })
      expect(isRevoked(await revoke(stranger, token))).toBe(false)
      expect(server.isAlive(token)).toBe(true)

      expect(isRevoked(await revoke(tokenEndpoint({ settings, clientSecret }), token))).toBe(true)
      expect(server.isAlive(token)).toBe(false)
    },
  )

  test("a server that is away has revoked nothing", async () => {
    const server = await start()
    const minted = await server.mint()
    const endpoint = tokenEndpoint({ settings: settingsOf(server), clientSecret: null })
    await endpoint.revoke(minted.refresh_token)
    await server.setOffline(true)

    expect(isRevoked(await revoke(endpoint, minted.refresh_token))).toBe(false)
  })

  test("a bare token endpoint has no place to revoke, and nothing is sent", async () => {
    const server = await start()
    const settings = settingsOf(server, { issuer: null, tokenEndpoint: server.tokenEndpoint })
    const endpoint = tokenEndpoint({ settings, clientSecret: null })

    expect(await endpoint.revoke("RT0")).toBe(null)
  })
})

test("a server whose metadata name no revocation endpoint, or an insecure one, cannot revoke", async () => {
  for (const member of [{}, { revocation_endpoint: "http://as.example/revoke" }]) {
    const { issuer, close } = await serving((at) => ({
      issuer: at,
      token_endpoint: `${at}/token`,
      ...member,
    }))
    const settings = settingsOf({ issuer, clientId: "c" })

    expect(await tokenEndpoint({ settings, clientSecret: null }).revoke("RT0")).toBe(null)
    await close()
  }
})

// RFC 7009 §2.2.1: behind a 503 the token still exists.
test.each([204, 302, 400, 401, 500, 503])("a %i is no revocation", (status) => {
  expect(isRevoked(answered(200))).toBe(true)
  expect(isRevoked(answered(status))).toBe(false)
})

async function serving(
  metadata: (issuer: string) => object,
): Promise<{ readonly issuer: string; readonly close: () => Promise<unknown> }> {
  const server = createServer((_, response) => {
    response.setHeader("content-type", "application/json")
    response.end(JSON.stringify(metadata(issuer)))
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { issuer, close: () => server[Symbol.asyncDispose]() }
}
