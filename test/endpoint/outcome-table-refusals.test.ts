/**
 * The outcome table, rows 10 to 19: answers that are no success, in the dialects of the vendors. Each row is one test,
 * against the real server or a raw socket that answers exactly so. Corners of single codes: core/oauth/outcome.test.ts.
 */

import { afterEach, expect, test } from "vitest"
import type { Outcome } from "../../src/core/oauth/types.ts"
import { tokenEndpoint } from "../../src/endpoint/token-endpoint.ts"
import { attempt, outcomesOf, settingsOf, start, stopAll } from "./attempts.ts"

afterEach(stopAll)

const doubt = (cause: string): Outcome => ({ type: "in-doubt", spent: false, cause })
const rejected = (cause: string): Outcome => ({ type: "rejected", cause })
const misconfigured = (cause: string): Outcome => ({ type: "misconfigured", cause })
const later = (seconds: number, cause: string, maybeSpent = false): Outcome => ({
  type: "retry-later",
  delayMs: seconds * 1_000,
  maybeSpent,
  cause,
})
const html = { "content-type": "text/html" }

test("row 10: a 500, 502 or 504 is a doubt, whatever its body repeats", async () => {
  const server = await start({ failAfterConsume: 1 })
  const minted = await server.mint()
  const endpoint = tokenEndpoint({ settings: settingsOf(server), clientSecret: null })

  const { outcome } = await attempt(endpoint, minted.refresh_token)

  expect(outcome).toEqual(doubt("server_error"))
  expect(server.isAlive(minted.refresh_token)).toBe(false)
  const { judged, wanted } = await outcomesOf({
    empty: [500, "", doubt("http_500")],
    "a proxy's page": [502, "<html>Bad Gateway</html>", doubt("http_502"), html],
    "a proxy's time-out": [504, "upstream request timeout", doubt("http_504")],
    "a gateway that repeats a refusal": [502, { error: "invalid_grant" }, doubt("invalid_grant")],
    "a server that fails with a refusal": [
      500,
      { error: { code: "refresh_token_reused" } },
      doubt("refresh_token_reused"),
    ],
    "a client's fault behind a gateway": [
      502,
      { error: "invalid_client" },
      doubt("invalid_client"),
    ],
  })
  expect(judged).toEqual(wanted)
})

test("row 11: a 503 waits, and is no doubt where it names the time: then it did not handle the request", async () => {
  const server = await start({ turnAway: { status: 503, remaining: 1, retryAfter: "7" } })
  const minted = await server.mint()
  const endpoint = tokenEndpoint({ settings: settingsOf(server), clientSecret: null })

  const { outcome } = await attempt(endpoint, minted.refresh_token)

  expect(outcome).toEqual(later(7, "temporarily_unavailable"))
  expect(server.isAlive(minted.refresh_token)).toBe(true)
  const { judged, wanted } = await outcomesOf({
    "a page without a time": [503, "<html>", later(30, "http_503", true), html],
    "the code alone": [
      400,
      { error: "temporarily_unavailable" },
      later(30, "temporarily_unavailable", true),
    ],
    "Anthropic, overloaded": [
      529,
      { type: "error", error: { type: "overloaded_error" } },
      later(30, "overloaded_error", true),
    ],
    "a repeated refusal": [503, { error: "invalid_grant" }, later(30, "invalid_grant", true)],
  })
  expect(judged).toEqual(wanted)
})

test("row 12: a 429 waits as long as it says, and leaves the token unspent", async () => {
  const server = await start({ turnAway: { status: 429, remaining: 1, retryAfter: "7" } })
  const minted = await server.mint()
  const endpoint = tokenEndpoint({ settings: settingsOf(server), clientSecret: null })

  const { outcome } = await attempt(endpoint, minted.refresh_token)

  expect(outcome).toEqual(later(7, "temporarily_unavailable"))
  expect(server.isAlive(minted.refresh_token)).toBe(true)
  const { judged, wanted } = await outcomesOf({
    "Auth0's": [
      429,
      {
        statusCode: 429,
        error: "Too Many Requests",
        message: "Global limit has been reached",
      },
      later(90, "http_429"),
      { "x-ratelimit-reset": "90" },
    ],
    "Anthropic's": [
      429,
      { type: "error", error: { type: "rate_limit_error", message: "x" } },
      later(30, "rate_limit_error"),
    ],
    "Slack's, as a success": [200, { ok: false, error: "ratelimited" }, later(30, "ratelimited")],
    "Entra's, against a loop of ours": [
      400,
      { error: "invalid_grant", error_description: "AADSTS50196: a client request loop" },
      later(30, "aadsts50196", true),
    ],
    "a page": [429, "<html>", later(30, "http_429"), html],
  })
  expect(judged).toEqual(wanted)
})

test("row 13: a race at the server waits a second and leaves the token unspent for us", async () => {
  const { judged, wanted } = await outcomesOf({
    Supabase: [
      409,
      {
        code: 409,
        error_code: "conflict",
        msg: "Too many concurrent token refresh requests on the same session or refresh token",
      },
      later(1, "conflict"),
    ],
    "Supabase, older": [409, { code: 409, msg: "x" }, later(1, "http_409")],
    Hydra: [
      400,
      {
        error: "invalid_request",
        error_description:
          "The request is malformed. Failed to refresh token because of multiple concurrent requests using the same token. Please retry the request.",
      },
      later(1, "concurrent_refresh"),
    ],
  })
  expect(judged).toEqual(wanted)
})

test("row 14: a demand for a DPoP nonce is a misconfiguration: no storm, no login", async () => {
  const challenge = { "www-authenticate": 'DPoP error="use_dpop_nonce", error_description="x"' }
  const { judged, wanted } = await outcomesOf({
    "in the body": [400, { error: "use_dpop_nonce" }, misconfigured("use_dpop_nonce")],
    "in the challenge": [401, "", misconfigured("use_dpop_nonce"), challenge],
    "beside a plain refusal": [
      400,
      { error: "invalid_request" },
      misconfigured("use_dpop_nonce"),
      challenge,
    ],
    "for the proof itself": [
      400,
      { error: "invalid_dpop_proof" },
      misconfigured("invalid_dpop_proof"),
    ],
  })
  expect(judged).toEqual(wanted)
})

test("row 15: a refused token is rejected in every dialect and under every status", async () => {
  const server = await start()
  const minted = await server.mint()
  const endpoint = tokenEndpoint({ settings: settingsOf(server), clientSecret: null })
  await attempt(endpoint, minted.refresh_token)

  const reuse = await attempt(endpoint, minted.refresh_token)
  const unknown = await attempt(endpoint, "canary")

  expect(reuse.outcome).toEqual(rejected("invalid_grant"))
  expect(unknown.outcome).toEqual(rejected("invalid_grant"))
  const openAi = (code: string): object => ({ error: { code, type: "invalid_request_error" } })
  const { judged, wanted } = await outcomesOf({
    Auth0: [
      403,
      { error: "invalid_grant", error_description: "Unknown or invalid refresh token." },
      rejected("invalid_grant"),
    ],
    "a 401": [401, { error: "invalid_grant" }, rejected("invalid_grant")],
    OpenAI: [401, openAi("refresh_token_reused"), rejected("refresh_token_reused")],
    "OpenAI, expired": [401, openAi("refresh_token_expired"), rejected("refresh_token_expired")],
    "OpenAI, by the old name": [401, openAi("token_expired"), rejected("token_expired")],
    Supabase: [
      400,
      { code: 400, error_code: "refresh_token_already_used", msg: "Already Used" },
      rejected("refresh_token_already_used"),
    ],
    Cognito: [
      400,
      { __type: "RefreshTokenReuseException", message: "x" },
      rejected("refreshtokenreuseexception"),
    ],
    "AWS SSO": [
      400,
      { message: "x" },
      rejected("invalidgrantexception"),
      { "x-amzn-errortype": "InvalidGrantException:http://internal.amazon.com/" },
    ],
    GitHub: [200, { error: "bad_refresh_token" }, rejected("bad_refresh_token")],
    Slack: [200, { ok: false, error: "invalid_refresh_token" }, rejected("invalid_refresh_token")],
  })
  expect(judged).toEqual(wanted)
})

test("row 16: a token that is dead for a reason of its own is rejected under that reason", async () => {
  const { judged, wanted } = await outcomesOf({
    OpenAI: [
      401,
      { error: { code: "refresh_token_invalidated" } },
      rejected("refresh_token_invalidated"),
    ],
    "Entra, revoked": [
      400,
      { error: "invalid_grant", error_codes: [50173] },
      rejected("aadsts50173"),
    ],
    "Entra, idle": [
      400,
      { error: "invalid_grant", error_description: "AADSTS700082: expired" },
      rejected("aadsts700082"),
    ],
    Keycloak: [
      400,
      { error: "invalid_grant", error_description: "User disabled" },
      rejected("invalid_grant"),
    ],
    Google: [
      400,
      { error: "invalid_grant", error_subtype: "invalid_rapt" },
      rejected("invalid_rapt"),
    ],
  })
  expect(judged).toEqual(wanted)
})

test("row 17: a client that is refused is a misconfiguration, and costs no login", async () => {
  const server = await start()
  const minted = await server.mint()
  const settings = settingsOf(server, { clientId: "nobody" })

  const { outcome } = await attempt(
    tokenEndpoint({ settings, clientSecret: null }),
    minted.refresh_token,
  )

  expect(outcome).toEqual(misconfigured("invalid_client"))
  expect(server.isAlive(minted.refresh_token)).toBe(true)
  const { judged, wanted } = await outcomesOf({
    "by a challenge": [401, "", misconfigured("invalid_client"), { "www-authenticate": "Basic" }],
    "by its right": [403, { error: "unauthorized_client" }, misconfigured("unauthorized_client")],
    Entra: [
      401,
      { error: "invalid_client", error_codes: [7000215] },
      misconfigured("aadsts7000215"),
    ],
    GitHub: [
      200,
      { error: "incorrect_client_credentials" },
      misconfigured("incorrect_client_credentials"),
    ],
  })
  expect(judged).toEqual(wanted)
})

test("row 18: a request that is refused is a misconfiguration", async () => {
  const errors = ["invalid_request", "unsupported_grant_type", "invalid_scope", "invalid_target"]
  const named = errors.map((error) => [error, [400, { error }, misconfigured(error)] as const])
  const { judged, wanted } = await outcomesOf({
    ...Object.fromEntries(named),
    "the wrong address": [404, "", misconfigured("http_404")],
    "the wrong method": [405, "", misconfigured("http_405")],
  })
  expect(judged).toEqual(wanted)
})

test("row 19: a bare 4xx of the grant is a refusal, one of a firewall a doubt", async () => {
  const { judged, wanted } = await outcomesOf({
    glewlwyd: [400, "", rejected("http_400")],
    "a code that is new": [400, { error: "some_news" }, rejected("http_400")],
    "a 401 without a challenge": [401, "", rejected("http_401")],
    "a firewall's page": [403, "<html>Attention required</html>", doubt("http_403"), html],
    "Cloudflare's text": [
      403,
      "error code: 1020",
      doubt("http_403"),
      { "content-type": "text/plain" },
    ],
    "Amazon's gateway": [403, { message: "Forbidden" }, doubt("http_403")],
    "a 400 that is a page": [400, "<html>", doubt("http_400")],
  })
  expect(judged).toEqual(wanted)
})
