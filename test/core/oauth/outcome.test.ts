/** Rows of the outcome table without a pair: failures, refusals, delays and doubts. */

import { describe, expect, test } from "vitest"
import { classify } from "../../../src/core/oauth/outcome.ts"
import type { ExchangePhase } from "../../../src/core/oauth/types.ts"
import { answered, failed, judge, NOW_MS } from "./exchanges.ts"

const PAIR = { access_token: "AT1", refresh_token: "RT1", token_type: "Bearer", expires_in: 3600 }

describe("before the first byte", () => {
  test.each<[ExchangePhase, string]>([
    ["prepare", "INSECURE_URL"],
    ["dns", "ENOTFOUND"],
    ["dns", "EAI_AGAIN"],
    ["connect", "ECONNREFUSED"],
    ["connect", "ENETUNREACH"],
    ["connect", "EHOSTUNREACH"],
    ["connect", "ETIMEDOUT"],
    ["tls", "DEPTH_ZERO_SELF_SIGNED_CERT"],
    ["tls", "ERR_SSL_WRONG_VERSION_NUMBER"],
    ["claim", "CLAIM_REFUSED"],
  ])("a failure in phase %s (%s) leaves the token unspent", (phase, code) => {
    expect(classify(failed(phase, code), "refused")).toEqual({ type: "unspent", cause: code })
  })
})

describe("after the first byte, without an answer", () => {
  test.each<[ExchangePhase, string]>([
    ["send", "ECONNRESET"],
    ["send", "EPIPE"],
    ["response", "ECONNRESET"],
    ["response", "TIMEOUT"],
    ["response", "HPE_INVALID_CONSTANT"],
  ])("a failure in phase %s (%s) leaves a doubt", (phase, code) => {
    const outcome = classify(failed(phase, code), "refused")

    expect(outcome).toEqual({ type: "in-doubt", spent: false, cause: code })
  })

  test("a record that says nothing at all leaves a doubt", () => {
    const empty = { ...failed("response", "X1"), failure: null }

    expect(classify(empty, "refused")).toEqual({
      type: "in-doubt",
      spent: false,
      cause: "no_response",
    })
  })
})

describe("refused", () => {
  test.each([
    [400, { error: "invalid_grant" }, "invalid_grant"],
    [401, { error: "invalid_grant" }, "invalid_grant"],
    [
      403,
      { error: "invalid_grant", error_description: "Unknown or invalid refresh token." },
      "invalid_grant",
    ],
    [500, { error: "invalid_grant" }, "invalid_grant"],
    [400, { error: "invalid_grant", error_subtype: "invalid_rapt" }, "invalid_rapt"],
    [
      401,
      { error: { code: "refresh_token_reused", type: "invalid_request_error" } },
      "refresh_token_reused",
    ],
    [401, { error: { code: "refresh_token_invalidated" } }, "refresh_token_invalidated"],
    [
      400,
      { code: 400, error_code: "refresh_token_already_used", msg: "x" },
      "refresh_token_already_used",
    ],
    [400, { error: "invalid_grant", error_codes: [50173] }, "aadsts50173"],
    [400, { error: "invalid_grant", error_description: "AADSTS700082: expired" }, "aadsts700082"],
    [400, { error: "interaction_required", suberror: "x" }, "interaction_required"],
    [400, { __type: "com.amazonaws#NotAuthorizedException" }, "notauthorizedexception"],
    [400, { error: "refresh_conflict", refresh_generation: 4 }, "refresh_conflict"],
  ])("a %i with %j rejects the token", (status, body, cause) => {
    expect(judge(status, { body })).toEqual({ type: "rejected", cause })
  })

  test("a code in a header counts too", () => {
    const headers = { "x-amzn-errortype": "RefreshTokenReuseException:http://x/" }

    expect(judge(400, { headers })).toEqual({
      type: "rejected",
      cause: "refreshtokenreuseexception",
    })
  })

  // glewlwyd: 400 and an empty body for reuse, unknown and missing tokens alike.
  test.each([
    [400, ""],
    [400, '{"error":"some_news"}'],
    [403, "no"],
    [422, "{}"],
  ])("an unknown %i (%s) rejects the token, under its number", (status, body) => {
    expect(judge(status, { body })).toEqual({ type: "rejected", cause: `http_${status}` })
  })

  test("a refusal that was cut is judged by what can be read of it", () => {
    const body = '{"error":"invalid_grant","error_desc'

    expect(judge(400, { body, complete: false })).toEqual({
      type: "rejected",
      cause: "invalid_grant",
    })
    expect(judge(400, { body: '{"err', complete: false })).toEqual({
      type: "in-doubt",
      spent: false,
      cause: "http_400",
    })
  })
})

describe("later", () => {
  test.each([
    [429, {}, { "retry-after": "7" }, 7_000, false, "http_429"],
    [429, { error: { type: "rate_limit_error" } }, {}, 30_000, false, "rate_limit_error"],
    [429, { error: "Too Many Requests" }, { "x-ratelimit-reset": "90" }, 90_000, false, "http_429"],
    [429, {}, { "x-ratelimit-reset": String(NOW_MS / 1000 + 20) }, 20_000, false, "http_429"],
    [429, {}, { "retry-after": "86400" }, 3_600_000, false, "http_429"],
    [429, {}, { "retry-after": "0" }, 1_000, false, "http_429"],
    [503, {}, { "retry-after": "Thu, 01 Jan 2026 00:00:30 GMT" }, 30_000, false, "http_503"],
    [503, "<html>", {}, 30_000, true, "http_503"],
    [
      400,
      { error: "temporarily_unavailable" },
      { "retry-after": "5" },
      5_000,
      true,
      "temporarily_unavailable",
    ],
    [400, { error: "slow_down" }, {}, 30_000, false, "slow_down"],
    [529, { error: { type: "overloaded_error" } }, {}, 30_000, true, "overloaded_error"],
  ])("a %i with %j %j waits", (status, body, headers, delayMs, maybeSpent, cause) => {
    const outcome = judge(status, { body, headers })

    expect(outcome).toEqual({ type: "retry-later", delayMs, maybeSpent, cause })
  })

  test.each([
    [409, { code: 409, msg: "Too many concurrent token refresh requests" }, "http_409"],
    [409, { error_code: "conflict" }, "conflict"],
    [
      400,
      {
        error: "invalid_request",
        error_hint:
          "... multiple concurrent requests using the same token. Please retry the request.",
      },
      "concurrent_refresh",
    ],
  ])("a race on the server, %i with %j, waits a second", (status, body, cause) => {
    expect(judge(status, { body })).toEqual({
      type: "retry-later",
      delayMs: 1_000,
      maybeSpent: false,
      cause,
    })
  })

  // RFC 9449 §8: refused before the grant.
  test.each([
    { body: { error: "use_dpop_nonce" } },
    { headers: { "www-authenticate": 'DPoP error="use_dpop_nonce", error_description="x"' } },
  ])("a demand for a nonce leaves the token unspent", (given) => {
    expect(judge(400, given)).toEqual({ type: "unspent", cause: "use_dpop_nonce" })
  })
})

describe("the client is refused", () => {
  test.each([
    [401, { error: "invalid_client" }, "invalid_client"],
    [400, { error: "unauthorized_client" }, "unauthorized_client"],
    [400, { error: "invalid_request" }, "invalid_request"],
    [400, { error: "unsupported_grant_type" }, "unsupported_grant_type"],
    [400, { error: "invalid_scope" }, "invalid_scope"],
    [400, { error: "invalid_target" }, "invalid_target"],
    [401, { error: "invalid_client", error_codes: [7000215] }, "aadsts7000215"],
    [400, { error_codes: [700016] }, "aadsts700016"],
    [404, "<html>", "http_404"],
    [404, "{}", "http_404"],
    [405, "", "http_405"],
  ])("a %i with %j stops", (status, body, cause) => {
    const outcome = judge(status, { body })

    expect(outcome).toEqual(
      body === "<html>"
        ? { type: "in-doubt", spent: false, cause }
        : { type: "misconfigured", cause },
    )
  })

  test("a 401 with a bare challenge stops", () => {
    expect(judge(401, { headers: { "www-authenticate": 'Basic realm="x"' } })).toEqual({
      type: "misconfigured",
      cause: "invalid_client",
    })
  })

  test("a client error behind a 5xx proves nothing", () => {
    expect(judge(502, { body: { error: "invalid_request" } })).toEqual({
      type: "in-doubt",
      spent: false,
      cause: "invalid_request",
    })
  })
})

describe("in between", () => {
  test.each([
    [500, { error: "server_error" }, "server_error"],
    [500, "", "http_500"],
    [502, "<html>Bad gateway</html>", "http_502"],
    [504, "", "http_504"],
    [511, "<html>Log in to this network</html>", "http_511"],
    [302, "", "http_302"],
    [307, "<html>", "http_307"],
    [403, "<html>Attention required</html>", "http_403"],
    [408, "", "http_408"],
    [0, "", "http_0"],
  ])("a %i (%j) leaves a doubt", (status, body, cause) => {
    expect(judge(status, { body })).toEqual({ type: "in-doubt", spent: false, cause })
  })

  test("an answer that came late is judged like any other", () => {
    const late = { ...answered(200, { body: PAIR }), startedAtMs: NOW_MS - 3_600_000 }

    expect(classify(late, "accepted")).toMatchObject({ type: "granted" })
  })
})
