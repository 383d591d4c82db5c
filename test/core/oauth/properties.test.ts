/** What holds for every answer, also for those that no server would give. */

import fc from "fast-check"
import { expect, test } from "vitest"
import { findError } from "../../../src/core/oauth/dialects.ts"
import { classify, type StrictVerdict } from "../../../src/core/oauth/outcome.ts"
import { salvageMembers } from "../../../src/core/oauth/salvage.ts"
import { decodeBase64Url, decodeUtf8 } from "../../../src/core/oauth/text.ts"
import type { Exchange, ExchangePhase, Outcome } from "../../../src/core/oauth/types.ts"
import { answered } from "./exchanges.ts"

const strict = fc.constantFrom<StrictVerdict>("accepted", "refused", "refused-id-token")
const phase = fc.constantFrom<ExchangePhase>(
  "prepare",
  "dns",
  "connect",
  "tls",
  "claim",
  "send",
  "response",
)
const OUR_WORDS =
  /^(?:http_\d{1,3}|aadsts\d{5,7}|no_response|body_cut|empty_body|not_json|no_token|captive_portal)$/

/** Bodies that look like something: JSON, the names that matter, damaged. */
const body = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc.json().map((text) => new TextEncoder().encode(text)),
  fc
    .dictionary(
      fc.constantFrom(
        "error",
        "access_token",
        "refresh_token",
        "ok",
        "code",
        "type",
        "error_codes",
        "scope",
      ),
      fc.oneof(
        fc.string(),
        fc.constant("invalid_grant"),
        fc.boolean(),
        fc.array(fc.nat()),
        fc.constant(null),
      ),
    )
    .chain((members) => {
      const text = JSON.stringify(members)
      return fc.nat(text.length).map((cut) => new TextEncoder().encode(text.slice(0, cut)))
    }),
)

const exchange: fc.Arbitrary<Exchange> = fc.record({
  startedAtMs: fc.nat(),
  finishedAtMs: fc.nat(),
  connected: fc.boolean(),
  bodySent: fc.boolean(),
  response: fc.option(
    fc.record({
      status: fc.integer({ min: 0, max: 999 }),
      headers: fc.array(
        fc.tuple(
          fc.constantFrom(
            "content-type",
            "retry-after",
            "date",
            "www-authenticate",
            "x-amzn-errortype",
          ),
          fc.string(),
        ),
        { maxLength: 3 },
      ),
      body,
      complete: fc.boolean(),
    }),
  ),
  failure: fc.option(fc.record({ phase, code: fc.oneof(fc.string(), fc.constant("ECONNRESET")) })),
})

function isOurs(cause: string): boolean {
  if (OUR_WORDS.test(cause) || /^[A-Z][A-Z0-9_]{0,63}$/.test(cause)) return true
  // Else it is a known error code: it finds itself.
  return findError(JSON.stringify({ error: cause }), [])?.code === cause
}

function isSound(outcome: Outcome): boolean {
  switch (outcome.type) {
    case "granted": {
      const { accessToken, refreshToken } = outcome.tokens
      const named = outcome.salvaged.every((name) => /^[a-z_]{4,16}$/.test(name))
      return named && accessToken + (refreshToken ?? "") !== ""
    }
    case "retry-later":
      return isOurs(outcome.cause) && outcome.delayMs >= 1_000 && outcome.delayMs <= 3_600_000
    case "unspent":
    case "rejected":
    case "in-doubt":
    case "misconfigured":
      return isOurs(outcome.cause)
    default:
      return outcome satisfies never
  }
}

test("every exchange has an outcome, and its cause is a word of our own", () => {
  fc.assert(
    fc.property(exchange, strict, (given, verdict) => {
      const outcome = classify(given, verdict)

      expect({ outcome, sound: isSound(outcome) }).toEqual({ outcome, sound: true })
    }),
    { numRuns: 2_000 },
  )
})

const TOKEN = fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 })

test("a refresh token is found behind any cut after its closing quote", () => {
  fc.assert(
    fc.property(
      TOKEN,
      fc.dictionary(fc.string({ maxLength: 8 }), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 }),
      fc.dictionary(fc.string({ maxLength: 8 }), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 }),
      fc.nat(),
      (token, before, after, cut) => {
        const [head, tail] = [{ ...before }, { ...after }]
        for (const name of ["refresh_token", "error", "ok"]) {
          delete head[name]
          delete tail[name]
        }
        for (const name of Object.keys(tail)) delete head[name]
        const start = `${JSON.stringify({ ...head, refresh_token: token }).slice(0, -1)}`
        const end = JSON.stringify(tail).replace(/^\{/, Object.keys(tail).length > 0 ? "," : "")
        const text = start + end.slice(0, cut % (end.length + 1))

        expect(salvageMembers(text)["refresh_token"]).toBe(token)

        const outcome = classify(answered(200, { body: text, complete: false }), "refused")
        expect(outcome).toMatchObject({ type: "granted", tokens: { refreshToken: token } })
      },
    ),
    { numRuns: 1_000 },
  )
})

test("a refresh token that was cut is never taken for a whole one", () => {
  fc.assert(
    fc.property(TOKEN, fc.nat(), (token, cut) => {
      const text = JSON.stringify({ access_token: "AT1", refresh_token: token })
      const open = text.slice(0, text.length - 2 - (cut % token.length))

      expect(salvageMembers(open)).not.toHaveProperty("refresh_token")
    }),
  )
})

test("a member inside a string is not mistaken for a member", () => {
  const text = JSON.stringify({ note: '{"refresh_token":"forged"}', x: 1 }).slice(0, -1)

  expect(salvageMembers(text)).not.toHaveProperty("refresh_token")
})

test("broken strings without end cost no more than a few walks", () => {
  // A walk per quote would be a million walks of a million characters, and never end within the test's time.
  expect(salvageMembers('\\"'.repeat(500_000))).toEqual({})
})

test("UTF-8 is read as the platform reads it", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const bytes = new TextEncoder().encode(text)
      expect(decodeUtf8(bytes)).toBe(new TextDecoder().decode(bytes))
    }),
  )
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(typeof decodeUtf8(bytes)).toBe("string")
    }),
  )
  expect(decodeUtf8(new Uint8Array(20_000).fill(97))).toBe("a".repeat(20_000))
})

test("damaged UTF-8 becomes replacement characters", () => {
  const cases = [
    [0xff],
    [0xc3],
    [0xe2, 0x82],
    [0xed, 0xa0, 0x80],
    [0xc0, 0x80],
    [0xf5, 0x80, 0x80, 0x80],
  ]
  for (const bytes of cases) {
    expect(decodeUtf8(Uint8Array.from([...bytes, 0x61]))).toMatch(/^\ufffd+a$/)
  }
})

test("base64url is read back, and other text is none", () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      const text = Buffer.from(bytes).toString("base64url")
      expect(decodeBase64Url(text)).toEqual(bytes)
    }),
  )
  expect(decodeBase64Url("YQ==")).toEqual(Uint8Array.of(0x61))
  expect([decodeBase64Url("a"), decodeBase64Url("a+b/")]).toEqual([null, null])
})
