/**
 * The outcome table, rows 20 to 27: answers that begin with a 200, and what only looks like one. Each row is one test,
 * against the real server or a raw socket that answers exactly so. Corners of single members: core/oauth/success.test.ts.
 */

import { afterEach, expect, test } from "vitest"
import type { Outcome } from "../../src/core/oauth/types.ts"
import { tokenEndpoint } from "../../src/endpoint/token-endpoint.ts"
import { decodeExchange } from "../../src/wire/exchange.ts"
import { encodeExchange } from "../../src/wire/exchange-bytes.ts"
import { LOGIN, refusal, result, state } from "../core/refresh/fixtures.ts"
import { attempt, outcomesOf, outcomeOf, settingsOf, start, stopAll } from "./attempts.ts"

afterEach(stopAll)

const html = { "content-type": "text/html" }
const doubt = (cause: string): Outcome => ({ type: "in-doubt", spent: false, cause })
const PAIR = { access_token: "AT1", refresh_token: "RT1", token_type: "Bearer", expires_in: 60 }
const TOKENS = {
  accessToken: "AT1",
  tokenType: "Bearer",
  refreshToken: "RT1",
  expiresInSeconds: 60,
  scope: null,
  refreshExpiresInSeconds: null,
  subject: null,
}
const granted = (different: object, ...salvaged: readonly string[]): Outcome => ({
  type: "granted",
  tokens: { ...TOKENS, ...different },
  salvaged,
})

test("row 20: a 200 that carries an error is judged by the error before it counts as spent", async () => {
  const { judged, wanted } = await outcomesOf({
    "a dead token, as a form": [
      200,
      "error=bad_refresh_token&error_description=The+token",
      { type: "rejected", cause: "bad_refresh_token" },
      { "content-type": "application/x-www-form-urlencoded" },
    ],
    "a failure of the server": [200, { ok: false, error: "fatal_error" }, doubt("fatal_error")],
    "a code that is new": [200, { ok: false, error: "some_news" }, doubt("http_200")],
    "a pair beside a warning": [
      200,
      { access_token: "AT1", refresh_token: "RT1", token_type: "Bearer", error: "warning" },
      expect.objectContaining({ type: "granted" }),
    ],
  })
  expect(judged).toEqual(wanted)
})

test("row 21: a captive portal and a redirect are doubts, and nobody follows them", async () => {
  const { judged, wanted } = await outcomesOf({
    "a page in place of the answer": [200, "<!doctype html>", doubt("captive_portal"), html],
    "a page that claims to be JSON": [200, " <html>Welcome</html>", doubt("captive_portal")],
    "a redirect": [302, "", doubt("http_302"), { location: "http://127.0.0.1:1/login" }],
    "a redirect that keeps the method": [307, "", doubt("http_307"), { location: "/elsewhere" }],
    "a redirect with a refusal": [302, { error: "invalid_grant" }, doubt("invalid_grant")],
    "network authentication": [511, "<html>Log in to this network</html>", doubt("http_511"), html],
  })
  expect(judged).toEqual(wanted)
})

test("row 22: a 200 is spent, so of an answer that no strict parser takes the pair is kept", async () => {
  const { judged, wanted } = await outcomesOf({
    "without token_type": [200, { ...PAIR, token_type: undefined }, granted({}, "token_type")],
    "expires_in that is no number": [
      200,
      { ...PAIR, expires_in: "soon" },
      granted({ expiresInSeconds: null }, "expires_in"),
    ],
    "an ID token that is none": [200, { ...PAIR, id_token: "no.jwt.x" }, granted({}, "id_token")],
    "JSON with a comma too much": [
      200,
      JSON.stringify(PAIR).replace("}", ",}"),
      granted({}, "body"),
    ],
    "without an access token": [
      200,
      { ...PAIR, access_token: undefined },
      granted({ accessToken: "", expiresInSeconds: 0 }, "access_token"),
    ],
    "as a form": [
      200,
      "access_token=AT1&refresh_token=RT1&expires_in=60&token_type=bearer",
      granted({}, "response"),
      { "content-type": "application/x-www-form-urlencoded" },
    ],
    "nothing to keep": [200, "{}", { type: "in-doubt", spent: true, cause: "no_token" }],
    "nothing at all": [200, "", { type: "in-doubt", spent: true, cause: "empty_body" }],
  })
  expect(judged).toEqual(wanted)
  // Digits as text are no fault: half of the vendors send them.
  expect(await outcomeOf(200, { ...PAIR, expires_in: "60" })).toEqual(granted({}))
})

test("row 23: a 200 without a refresh token was no rotation", async () => {
  const { refresh_token: _, ...bare } = PAIR

  expect(await outcomeOf(200, bare)).toEqual(granted({ refreshToken: null }))
  // Notion's way; a strict parser refuses it.
  expect(await outcomeOf(200, { ...bare, refresh_token: null })).toEqual(
    granted({ refreshToken: null }, "response"),
  )
})

test("row 24: a 200 with the refresh token that was sent was no rotation, and the token lives", async () => {
  const server = await start({ rotate: false })
  const minted = await server.mint()
  const endpoint = tokenEndpoint({ settings: settingsOf(server), clientSecret: null })

  const { outcome } = await attempt(endpoint, minted.refresh_token)

  expect(outcome).toMatchObject({ tokens: { refreshToken: minted.refresh_token }, salvaged: [] })
  expect(server.isAlive(minted.refresh_token)).toBe(true)
})

test("row 25: a narrowed scope is told, and the next refresh asks for none", async () => {
  expect(await outcomeOf(200, { ...PAIR, scope: "read" })).toEqual(granted({ scope: "read" }))

  const settings = settingsOf({ issuer: "https://as.example", clientId: "c" }, { scope: "read" })
  const known = { ...settings, tokenEndpoint: "https://as.example/token" }
  const request = await tokenEndpoint({ settings: known, clientSecret: null }).prepare("RT1")
  expect([...new URLSearchParams(request.body).keys()]).not.toContain("scope")
})

test("row 26: a 200 that is judged late, by another process and from the record alone, is a pair like any other", async () => {
  const server = await start()
  const minted = await server.mint({ accountId: "ada" })
  const settings = settingsOf(server)
  const holder = tokenEndpoint({ settings, clientSecret: null })
  const { exchange, outcome } = await attempt(holder, minted.refresh_token)

  await server.setOffline(true)
  const heir = tokenEndpoint({ settings, clientSecret: null })
  const late = await heir.interpret(decodeExchange(encodeExchange(exchange)))

  expect(late).toEqual(outcome)
  expect(late).toMatchObject({ type: "granted", salvaged: [], tokens: { subject: "ada" } })
})

test("row 27: two answers to one token are two pairs, and the log takes the first alone", async () => {
  const replayPolicy = { type: "grace", windowSeconds: 30, answers: "new" } as const
  const server = await start({ replayPolicy })
  const minted = await server.mint()
  const endpoint = tokenEndpoint({
    settings: settingsOf(server, { replayPolicy }),
    clientSecret: null,
  })

  const first = await attempt(endpoint, minted.refresh_token)
  const second = await attempt(endpoint, minted.refresh_token)

  const [one, two] = [first, second].map(({ outcome }) => {
    if (outcome.type !== "granted") throw new Error("both are granted")
    return outcome.tokens.refreshToken ?? ""
  })
  expect(one).not.toBe(two)
  const before = state(LOGIN, result(2, { lineage: `${one}` }))
  expect(refusal(before, result(2, { lineage: `${two}` }))).toBe("wrong-generation")
  expect(refusal(before, result(3, { parent: `${two}` }))).toBe("wrong-parent")
})
