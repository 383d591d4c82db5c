/**
 * Reads a token response that a person brings along (`login --import`). Decides whether it can start a login, and says
 * what had to be assumed. Times stay relative: when the import happens is the caller's to know.
 */

import { isJsonObject, parseJson, type JsonObject } from "./json.ts"
import type { Parsed } from "./policy.ts"
import { readTokens, secondsOf } from "./tokens.ts"
import type { TokenResponse } from "./types.ts"

/** Assumed where neither `expires_at` nor `expires_in` is there. */
export const ASSUMED_LIFETIME_SECONDS = 3_600

export type ImportedExpiry =
  /** `expires_at`: Unix seconds. */
  | { readonly type: "at"; readonly unixSeconds: number }
  /** `expires_in`, or the assumption, counted from the import. */
  | { readonly type: "in"; readonly seconds: number; readonly assumed: boolean }

export interface TokenImport {
  readonly tokens: TokenResponse & { readonly refreshToken: string }
  readonly expiry: ImportedExpiry
  /** What had to be assumed or left out, in words for a person. */
  readonly notes: readonly string[]
}

/** Epoch milliseconds are a common mistake: as seconds they would lie beyond the year 5000. */
const UNIX_SECONDS_MAX = 99_999_999_999

/**
 * Reads an RFC 6749 §5.1 response, with `refresh_token`, and optionally `expires_at`.
 *
 * Without an access token the login starts with one that is already expired; a problem never quotes the text.
 */
export function parseTokenImport(text: string): Parsed<TokenImport> {
  const body = parseJson(text)
  if (!isJsonObject(body)) return { ok: false, problem: "not a JSON object" }
  const { tokens, faults, hasAccessToken } = readTokens(body)
  if (tokens.refreshToken === null) {
    return {
      ok: false,
      problem: "refresh_token is missing, and without it nothing can be kept alive",
    }
  }
  if (!hasAccessToken && body["access_token"] !== undefined && body["access_token"] !== null) {
    return { ok: false, problem: "access_token must be a string of visible characters" }
  }
  const bad = faults.find((name) => name === "expires_in" || name === "scope")
  if (bad !== undefined) {
    return { ok: false, problem: bad === "scope" ? "scope must be a string" : EXPIRES_IN }
  }
  const expiry = readExpiry(body, hasAccessToken)
  if (expiry === null) return { ok: false, problem: "expires_at must be Unix seconds" }
  return {
    ok: true,
    value: {
      tokens: { ...tokens, refreshToken: tokens.refreshToken },
      expiry,
      notes: notesOn(expiry, faults.includes("token_type"), hasAccessToken),
    },
  }
}

const EXPIRES_IN = "expires_in must be a number of seconds"

function readExpiry(body: JsonObject, hasAccessToken: boolean): ImportedExpiry | null {
  const expiresAt = body["expires_at"]
  if (expiresAt !== undefined && expiresAt !== null) {
    const unixSeconds = typeof expiresAt === "string" ? Number(expiresAt || "x") : expiresAt
    const sound = typeof unixSeconds === "number" && unixSeconds >= 0
    return sound && unixSeconds <= UNIX_SECONDS_MAX ? { type: "at", unixSeconds } : null
  }
  if (!hasAccessToken) return { type: "in", seconds: 0, assumed: false }
  const seconds = secondsOf(body["expires_in"])
  return { type: "in", seconds: seconds ?? ASSUMED_LIFETIME_SECONDS, assumed: seconds === null }
}

function notesOn(
  expiry: ImportedExpiry,
  typeAssumed: boolean,
  hasAccessToken: boolean,
): readonly string[] {
  const notes: string[] = []
  if (expiry.type === "in" && expiry.assumed) {
    notes.push(`no expires_at or expires_in: assumed ${ASSUMED_LIFETIME_SECONDS} s from now`)
  }
  if (!hasAccessToken) notes.push("no access_token: the first use refreshes")
  else if (typeAssumed) notes.push("no usable token_type: assumed Bearer")
  return notes
}
