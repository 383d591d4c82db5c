/** What oauth4webapi says of a recorded 200, and what that costs. */

import { generateKeyPairSync, sign } from "node:crypto"
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib"
import { describe, expect, test } from "vitest"
import type { Outcome, ProviderSettings } from "../../src/core/oauth/types.ts"
import { tokenEndpoint } from "../../src/endpoint/token-endpoint.ts"

describe("the strict parser's verdict", () => {
  const ISSUER = "https://as.example"
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" })

  function idToken(claims: object): string {
    const now = Math.floor(Date.now() / 1000)
    const all = { iss: ISSUER, aud: "c", sub: "ada", iat: now, exp: now + 60, ...claims }
    const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString("base64url")
    const text = `${encode({ alg: "ES256" })}.${encode(all)}`
    const signature = sign("sha256", Buffer.from(text), {
      key: privateKey,
      dsaEncoding: "ieee-p1363",
    })
    return `${text}.${signature.toString("base64url")}`
  }

  const settings: ProviderSettings = {
    issuer: ISSUER,
    tokenEndpoint: "https://as.example/token",
    clientId: "c",
    clientAuthentication: "none",
    scope: null,
    replayPolicy: { type: "strict" },
  }

  const PAIR = { access_token: "AT1", refresh_token: "RT1", token_type: "Bearer", expires_in: 60 }

  function interpret(
    body: Uint8Array | object,
    headers: readonly (readonly [string, string])[] = [["content-type", "application/json"]],
  ): Promise<Outcome> {
    const bytes = body instanceof Uint8Array ? body : Buffer.from(JSON.stringify(body))
    return tokenEndpoint({ settings, clientSecret: null }).interpret({
      startedAtMs: 0,
      finishedAtMs: 1,
      connected: true,
      bodySent: true,
      response: { status: 200, headers, body: new Uint8Array(bytes), complete: true },
      failure: null,
    })
  }

  test("an ID token for this client and of this issuer names the account", async () => {
    expect(await interpret({ ...PAIR, id_token: idToken({}) })).toMatchObject({
      type: "granted",
      salvaged: [],
      tokens: { subject: "ada" },
    })
  })

  test.each([
    ["another issuer", { iss: "https://evil.example" }],
    ["another client", { aud: "d" }],
    ["the past", { exp: 1 }],
  ])("an ID token of %s costs the subject, not the pair", async (_, claims) => {
    expect(await interpret({ ...PAIR, id_token: idToken(claims) })).toMatchObject({
      type: "granted",
      salvaged: ["id_token"],
      tokens: { subject: null, refreshToken: "RT1" },
    })
  })

  test("a wrong content type and a missing token type cost nothing but their names", async () => {
    expect(await interpret(PAIR, [["content-type", "text/plain"]])).toMatchObject({
      type: "granted",
      salvaged: [],
    })
    expect(await interpret({ ...PAIR, token_type: undefined })).toMatchObject({
      type: "granted",
      salvaged: ["token_type"],
    })
    expect(
      await interpret({ ...PAIR, token_type: undefined, id_token: idToken({}) }),
    ).toMatchObject({
      salvaged: ["token_type"],
      tokens: { subject: null },
    })
  })

  test.each([
    ["gzip", gzipSync],
    ["deflate", deflateSync],
    ["br", brotliCompressSync],
  ] as const)("a body that came as %s is read", async (coding, pack) => {
    const body = pack(JSON.stringify(PAIR))
    const headers = [
      ["content-type", "application/json"],
      ["content-encoding", coding],
    ] as const

    expect(await interpret(body, headers)).toMatchObject({ type: "granted", salvaged: [] })
  })

  test("a body whose coding lies or is unknown is read as it stands", async () => {
    for (const coding of ["gzip", "zstd"]) {
      expect(await interpret(PAIR, [["content-encoding", coding]])).toMatchObject({
        type: "granted",
      })
    }
  })
})
