/** Rows of the outcome table without a pair: failures, refusals, delays and doubts. */

import { describe, expect, test } from "vitest"
import { classify } from "../../../src/core/oauth/outcome.ts"
import type { ExchangePhase } from "../../../src/core/oauth/types.ts"
import { failed, judge, NOW_MS } from "./exchanges.ts"

describe("before the first byte", () => {
  test.each<[ExchangePhase, string]>([
    ["prepare", "TIMEOUT"],
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
    [{ __type: "com.amazonaws#NotAuthorizedException" }, "notauthorizedexception"],
    [{ error: "interaction_required", suberror: "x" }, "interaction_required"],
    [{ error: "refresh_conflict", refresh_generation: 4 }, "refresh_conflict"],
    [{ error: { type: "x", code: "token_revoked" }, type: "error" }, "token_revoked"],
    // Entra's number decides, whatever stands beside it.
    [{ error: "invalid_client", error_codes: [7, 50057] }, "aadsts50057"],
  ])("a 400 with %j rejects the token", (body, cause) => {
    expect(judge(400, { body })).toEqual({ type: "rejected", cause })
  })

  test.each([
    [400, "rejected"],
    [401, "rejected"],
    [422, "rejected"],
    [402, "in-doubt"],
    [403, "in-doubt"],
    [407, "in-doubt"],
    [451, "in-doubt"],
  ])("an unknown %i is %s, under its number", (status, type) => {
    for (const body of ["", "no", "{}", '{"error":"some_news"}']) {
      expect(judge(status, { body })).toMatchObject({ type, cause: `http_${status}` })
    }
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
    [429, {}, { "x-ratelimit-reset": String(NOW_MS / 1000 + 20) }, 20_000, false, "http_429"],
    [429, {}, { "retry-after": "86400" }, 3_600_000, false, "http_429"],
    [429, {}, { "retry-after": "0" }, 1_000, false, "http_429"],
    [503, {}, { "retry-after": "Thu, 01 Jan 2026 00:00:30 GMT" }, 30_000, false, "http_503"],
    [
      400,
      { error: "temporarily_unavailable" },
      { "retry-after": "5" },
      5_000,
      true,
      "temporarily_unavailable",
    ],
    [400, { error: "slow_down" }, {}, 30_000, false, "slow_down"],
  ])("a %i with %j %j waits", (status, body, headers, delayMs, maybeSpent, cause) => {
    const outcome = judge(status, { body, headers })

    expect(outcome).toEqual({ type: "retry-later", delayMs, maybeSpent, cause })
  })
})

describe("the client is refused", () => {
  test.each([404, 405, 406, 410, 411, 413, 414, 415, 421, 431])(
    "a %i never came to a grant, unless it is a page for people",
    (status) => {
      const cause = `http_${status}`

      expect(judge(status, { body: "{}" })).toEqual({ type: "misconfigured", cause })
      const page = judge(status, { body: "<html>" })
      expect(page).toEqual({ type: "in-doubt", spent: false, cause })
    },
  )

  test("an application that Entra does not know stops", () => {
    const body = { error_codes: [700016] }

    expect(judge(400, { body })).toEqual({ type: "misconfigured", cause: "aadsts700016" })
  })
})

describe("in between", () => {
  test.each([
    [500, { error: "server_error" }, "server_error"],
    [300, { error: "invalid_client" }, "invalid_client"],
    [408, "", "http_408"],
    [0, "", "http_0"],
  ])("a %i (%j) leaves a doubt", (status, body, cause) => {
    expect(judge(status, { body })).toEqual({ type: "in-doubt", spent: false, cause })
  })
})
