/** A server that repeats secrets in what it answers: nothing of them leaves `interpret`, wherever they stand. */

import fc from "fast-check"
import { expect, test } from "vitest"
import { isCauseCode } from "../../src/core/oauth/cause.ts"
import type { Exchange, Outcome } from "../../src/core/oauth/types.ts"
import type { Report } from "../../src/core/refresh/types.ts"
import { tokenEndpoint } from "../../src/endpoint/token-endpoint.ts"
import { encodeEntry } from "../../src/wire/entries.ts"
import { settingsOf } from "./attempts.ts"

const letters = (alphabet: string, minLength: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...alphabet.split("")), minLength, maxLength: 60 })
const LOWER = "abcdefghijklmnopqrstuvwxyz"
const DIGITS = "0123456789"

/** Opaque tokens as servers make them: base64url, hexadecimal, base32, dotted, with a prefix. */
const secret = fc.oneof(
  letters(`${LOWER}${LOWER.toUpperCase()}${DIGITS}-_`, 43),
  letters(`${DIGITS}abcdef`, 32),
  letters(`${LOWER.toUpperCase()}234567`, 32),
  letters(`${LOWER}${DIGITS}`, 32).map((text) => `ghr_${text}`),
  fc.uuid(),
  letters(`${LOWER}${DIGITS}`, 32).map((text) => `eyJ0.${text}.sig`),
)
const secrets = fc.record({ refresh: secret, access: secret, client: secret })
type Secrets = Readonly<Record<"refresh" | "access" | "client", string>>

/** Where a secret is put: alone, in a sentence, behind what looks like a code, with its quotes broken. */
const placed = fc.constantFrom<((text: string) => string)[]>(
  (text) => text,
  (text) => `the token ${text} was used`,
  (text) => `AADSTS70008: ${text}`,
  (text) => `${text}: refresh_token_reused`,
  (text) => `com.amazonaws#${text}`,
  (text) => `"${text}`,
  (text) => `invalid_grant\r\n${text}`,
)
const field = fc.constantFrom(
  ..."error error_description error_hint error_debug error_uri error_subtype suberror code type".split(
    " ",
  ),
  ..."error_code errorCode __type message msg hint token refreshToken client_secret scope".split(
    " ",
  ),
)
const header = fc.constantFrom(
  ..."www-authenticate x-amzn-errortype retry-after date location content-type set-cookie".split(
    " ",
  ),
)

const which = fc.constantFrom<keyof Secrets>("refresh", "access", "client")
const placements = fc.array(fc.tuple(field, which, placed), { minLength: 1, maxLength: 6 })
const known = fc.constantFrom(null, "invalid_grant", "invalid_client", "server_error", "slow_down")
const form = fc.constantFrom("json", "nested", "form", "html", "text", "cut")

interface Shape {
  readonly secrets: Secrets
  readonly placements: readonly (readonly [string, keyof Secrets, (text: string) => string])[]
  readonly headers: readonly (readonly [string, keyof Secrets, (text: string) => string])[]
  readonly known: string | null
  readonly form: string
  readonly status: number
}

const shape: fc.Arbitrary<Shape> = fc.record({
  secrets,
  placements,
  headers: fc.array(fc.tuple(header, which, placed), { maxLength: 3 }),
  known,
  form,
  status: fc.oneof(
    fc.constantFrom(200, 201, 302, 400, 401, 403, 429, 500, 503),
    fc.integer({ min: 100, max: 999 }),
  ),
})

function bodyOf({ secrets: all, placements: places, known: code, form: how }: Shape): string {
  const members: Record<string, string> = {}
  for (const [name, key, place] of places) members[name] = place(all[key])
  if (code !== null) members["error"] = code
  switch (how) {
    case "nested":
      return JSON.stringify({ ok: false, error: members })
    case "form":
      return new URLSearchParams(members).toString()
    case "html":
      return `<html><title>${code}</title>${Object.values(members).join("<br>")}</html>`
    case "text":
      return Object.values(members).join(" ")
    case "cut":
      return JSON.stringify(members).slice(0, -5)
    default:
      return JSON.stringify(members)
  }
}

function exchangeOf(given: Shape): Exchange {
  return {
    startedAtMs: 0,
    finishedAtMs: 5,
    connected: true,
    bodySent: true,
    response: {
      status: given.status,
      headers: given.headers.map(([name, key, place]) => [name, place(given.secrets[key])]),
      body: new TextEncoder().encode(bodyOf(given)),
      complete: given.form !== "cut",
    },
    failure: given.form === "cut" ? { phase: "response", code: "ECONNRESET" } : null,
  }
}

/** The entry that tells the others of an outcome, as far as an outcome alone determines it. */
function reported(outcome: Exclude<Outcome, { type: "granted" }>): Uint8Array {
  const { cause } = outcome
  const at = { cause, atMs: 1 }
  const report: Report =
    outcome.type === "unspent"
      ? { type: "unspent", cause }
      : outcome.type === "retry-later"
        ? { type: "retry-later", cause, notBeforeMs: outcome.delayMs, delayMs: outcome.delayMs }
        : outcome.type === "in-doubt"
          ? { type: "in-doubt", ...at, spent: outcome.spent, sentAtMs: 1, sends: 1 }
          : { type: outcome.type, ...at }
  return encodeEntry({ type: "report", turn: 1, holder: "a.0", report })
}

test("no outcome of a refusal holds a secret that the server repeated, and every cause fits the log", async () => {
  const issuer = "https://as.example"
  const settings = settingsOf(
    { issuer, clientId: "c" },
    { tokenEndpoint: `${issuer}/token`, clientAuthentication: "client_secret_basic" },
  )
  await fc.assert(
    fc.asyncProperty(shape, async (given) => {
      const endpoint = tokenEndpoint({ settings, clientSecret: given.secrets.client })

      const outcome = await endpoint.interpret(exchangeOf(given))

      if (outcome.type === "granted") throw new Error("nothing was granted")
      const told = JSON.stringify(outcome) + new TextDecoder().decode(reported(outcome))
      for (const one of Object.values(given.secrets)) expect(told).not.toContain(one)
      expect(isCauseCode(outcome.cause)).toBe(true)
    }),
    { numRuns: 500 },
  )
})

test("a secret is no cause, whatever its alphabet", () => {
  fc.assert(
    fc.property(secret, (text) => {
      expect(isCauseCode(text)).toBe(false)
    }),
    { numRuns: 2_000 },
  )
})

test.each(["", "a b", "in-doubt", "_x", "x_", "x__y", "Mixed", "a\n", `${"ab_".repeat(22)}a`])(
  "%j is no cause",
  (text) => {
    expect(isCauseCode(text)).toBe(false)
  },
)

test.each([
  "invalid_grant",
  "http_429",
  "aadsts7000215",
  "ECONNRESET",
  "ERR_SSL_WRONG_VERSION_NUMBER",
])("%s is one", (text) => {
  expect(isCauseCode(text)).toBe(true)
})
