/** Rows of the outcome table that begin with a 200: the old token is spent, so what can be kept is kept. */

import { describe, expect, test } from "vitest"
import { judge } from "./exchanges.ts"

const PAIR = { access_token: "AT1", refresh_token: "RT1", token_type: "Bearer", expires_in: 3600 }

const tokens = (overrides: object = {}): object => ({
  accessToken: "AT1",
  tokenType: "Bearer",
  refreshToken: "RT1",
  expiresInSeconds: 3600,
  scope: null,
  refreshExpiresInSeconds: null,
  subject: null,
  ...overrides,
})

const jwt = (claims: object): string =>
  `e30.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.c2ln`

describe("a 200", () => {
  test("brings the pair", () => {
    expect(judge(200, { body: PAIR })).toEqual({ type: "granted", tokens: tokens(), salvaged: [] })
  })

  test("names the account by the subject of an ID token that the strict parser accepted", () => {
    const body = { ...PAIR, id_token: jwt({ sub: "ada" }) }

    expect(judge(200, { body })).toMatchObject({ tokens: { subject: "ada" }, salvaged: [] })
    expect(judge(200, { body, strict: "refused-id-token" })).toMatchObject({
      tokens: { subject: null, refreshToken: "RT1" },
      salvaged: ["id_token"],
    })
  })

  test.each([
    ["a vendor's token_type", { token_type: "bot" }, {}, ["token_type"]],
    ["a negative expires_in", { expires_in: -1 }, { expiresInSeconds: null }, ["expires_in"]],
    ["a bad scope", { scope: ["read"] }, {}, ["scope"]],
    ["a bad ID token", { id_token: "no.jwt!.x" }, {}, ["id_token"]],
    ["a bad refresh token", { refresh_token: 7 }, { refreshToken: null }, ["refresh_token"]],
    [
      "a missing access token",
      { access_token: undefined },
      { accessToken: "", expiresInSeconds: 0 },
      ["access_token"],
    ],
    [
      "an access token that would forge a header",
      { access_token: "AT1\r\nx: y" },
      { accessToken: "", expiresInSeconds: 0 },
      ["access_token"],
    ],
  ])("with %s is salvaged", (_, member, difference, salvaged) => {
    expect(judge(200, { body: { ...PAIR, ...member }, strict: "refused" })).toEqual({
      type: "granted",
      tokens: tokens(difference),
      salvaged,
    })
  })

  test("with digits as text is read", () => {
    expect(judge(200, { body: { ...PAIR, expires_in: "60" } })).toMatchObject({
      tokens: { expiresInSeconds: 60 },
      salvaged: [],
    })
  })

  test("tells the shortest life of the refresh token, in any spelling", () => {
    const body = { ...PAIR, refresh_token_expires_in: 900, refresh_expires_in: 0 }

    expect(judge(200, { body: { ...body, refresh_token_timeout: 300 } })).toMatchObject({
      tokens: { refreshExpiresInSeconds: 300 },
    })
  })

  test("that was cut behind the refresh token is salvaged", () => {
    const body = '{"access_token":"AT1","refresh_token":"RT1","expires_in":36'

    expect(judge(200, { body, complete: false, strict: "refused" })).toEqual({
      type: "granted",
      tokens: tokens({ expiresInSeconds: null }),
      salvaged: ["token_type", "body"],
    })
  })

  test("that was cut before the access token keeps the refresh token", () => {
    const body = '{"refresh_token":"RT1","access_to'

    expect(judge(200, { body, complete: false, strict: "refused" })).toMatchObject({
      type: "granted",
      tokens: { refreshToken: "RT1", accessToken: "", expiresInSeconds: 0 },
    })
  })

  test.each(['{"access_token":"AT1","refresh_token":"RT', '{"access_token":"AT1",', "{", ""])(
    "that was cut before the refresh token was complete is spent and lost: %s",
    (body) => {
      expect(judge(200, { body, complete: false, strict: "refused" })).toEqual({
        type: "in-doubt",
        spent: true,
        cause: "body_cut",
      })
    },
  )

  test("whose JSON is whole is read although the connection broke", () => {
    const body = { ...PAIR, id_token: jwt({ sub: "ada" }) }

    expect(judge(200, { body, complete: false })).toMatchObject({
      tokens: { subject: "ada" },
      salvaged: [],
    })
  })

  test.each([
    [")]}',\n", "", "refused"],
    ["\ufeff", "", "refused"],
    ["", ",", "refused"],
  ] as const)("with noise around its JSON is salvaged", (before, after, strict) => {
    const body = `${before}${JSON.stringify(PAIR)}${after}`

    expect(judge(200, { body, strict })).toMatchObject({ tokens: { refreshToken: "RT1" } })
  })

  test("whose tokens lie deeper is salvaged", () => {
    const body = { ok: true, authed_user: { access_token: "AT1", refresh_token: "RT1" } }

    expect(judge(200, { body, strict: "refused" })).toMatchObject({
      type: "granted",
      tokens: { accessToken: "AT1", refreshToken: "RT1" },
    })
  })

  test("as a form is salvaged when it is whole, and not trusted when it was cut", () => {
    const body = "access_token=AT1&refresh_token=R%2BT1&expires_in=28800&token_type=bearer&x"

    expect(judge(200, { body, strict: "refused" })).toMatchObject({
      type: "granted",
      tokens: { refreshToken: "R+T1", expiresInSeconds: 28_800 },
    })
    expect(judge(200, { body, strict: "refused", complete: false })).toMatchObject({
      type: "in-doubt",
      spent: true,
    })
  })

  test.each([
    ["text", "all is well", "not_json"],
    ["an error that is none", '{"error":false}', "no_token"],
    ["JSON that is no object", "[1]", "not_json"],
  ])("with %s is spent and lost", (_, body, cause) => {
    expect(judge(200, { body, strict: "refused" })).toEqual({
      type: "in-doubt",
      spent: true,
      cause,
    })
  })

  test.each([
    ["by its type", { body: "hello", headers: { "content-type": "text/html; charset=utf-8" } }],
    ["by its text", { body: "  <!doctype html><title>Welcome</title>" }],
  ])("that is a page for people, %s, may not have come from the server", (_, given) => {
    expect(judge(200, { ...given, strict: "refused" })).toEqual({
      type: "in-doubt",
      spent: false,
      cause: "captive_portal",
    })
  })

  test.each([
    [
      { ok: false, error: "invalid_refresh_token" },
      { type: "rejected", cause: "invalid_refresh_token" },
    ],
    [
      { ok: false, error: "some_news" },
      { type: "in-doubt", spent: false, cause: "http_200" },
    ],
  ])("with an error in its body is judged by the error: %j", (body, outcome) => {
    expect(judge(200, { body, strict: "refused" })).toEqual(outcome)
  })

  test("under another 2xx is salvaged", () => {
    expect(judge(201, { body: PAIR })).toEqual({
      type: "granted",
      tokens: tokens(),
      salvaged: ["response"],
    })
  })
})
