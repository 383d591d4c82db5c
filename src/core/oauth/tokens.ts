/**
 * Reads the members of RFC 6749 §5.1, leniently. Decides what of a response can be used, and names what cannot; never
 * whether the old token is spent.
 */

import { isJsonObject, parseJson, type JsonObject } from "./json.ts"
import { decodeBase64Url, decodeUtf8 } from "./text.ts"
import type { TokenResponse } from "./types.ts"

/** The members that may be faulty. */
export type MemberName =
  | "access_token"
  | "token_type"
  | "refresh_token"
  | "expires_in"
  | "scope"
  | "id_token"

export interface ReadTokens {
  /** `accessToken` is "" where none can be used, and expires at once. */
  readonly tokens: TokenResponse
  readonly faults: readonly MemberName[]
  /** A usable string was there. */
  readonly hasAccessToken: boolean
}

/** RFC 6749 appendix A: tokens are visible ASCII. Anything else could forge a header. */
const VISIBLE = /^[\x20-\x7e]+$/
/** A hundred years: what is longer is no lifetime. */
const LIFETIME_SECONDS_MAX = 3_153_600_000

/** GitHub, Keycloak, and the two of draft-ietf-oauth-refresh-token-expiration-03. */
const REFRESH_LIFETIMES = [
  "refresh_token_expires_in",
  "refresh_expires_in",
  "refresh_token_timeout",
  "authorization_expires_in",
] as const

export function readTokens(body: JsonObject): ReadTokens {
  const faults: MemberName[] = []
  const accessToken = textOf(body["access_token"])
  const usable = accessToken !== null && VISIBLE.test(accessToken)
  if (!usable) faults.push("access_token")
  const tokenType = readTokenType(body["token_type"])
  if (tokenType === null) faults.push("token_type")

  const refreshToken = textOf(body["refresh_token"])
  // Null is how some servers say "not rotated" (Notion).
  if (refreshToken === null && !isAbsent(body["refresh_token"])) faults.push("refresh_token")
  const expiresIn = secondsOf(body["expires_in"])
  if (expiresIn === null && !isAbsent(body["expires_in"])) faults.push("expires_in")
  const scope = typeof body["scope"] === "string" ? body["scope"] : null
  if (scope === null && !isAbsent(body["scope"])) faults.push("scope")
  const subject = subjectOf(body["id_token"])
  if (subject === null && !isAbsent(body["id_token"])) faults.push("id_token")

  const tokens: TokenResponse = {
    accessToken: usable ? accessToken : "",
    tokenType: tokenType ?? "Bearer",
    refreshToken,
    expiresInSeconds: usable ? expiresIn : 0,
    scope,
    refreshExpiresInSeconds: refreshLifetime(body),
    subject,
  }
  return { tokens, faults, hasAccessToken: usable }
}

/** Case-insensitive (RFC 6749 §7.1), given back as it is written in an `Authorization` header. */
function readTokenType(value: unknown): string | null {
  if (typeof value !== "string") return null
  const type = value.toLowerCase()
  if (type === "bearer") return "Bearer"
  return type === "dpop" ? "DPoP" : null
}

function refreshLifetime(body: JsonObject): number | null {
  const seconds = REFRESH_LIFETIMES.map((name) => secondsOf(body[name])).filter(
    // Keycloak says 0 for a token without an end of its own.
    (value) => value !== null && value > 0,
  )
  return seconds.length === 0 ? null : Math.min(...(seconds as number[]))
}

/** `sub` of an ID token (OIDC Core §2), its signature unchecked: it came over TLS from the issuer itself. */
function subjectOf(idToken: unknown): string | null {
  const payload = typeof idToken === "string" ? idToken.split(".")[1] : undefined
  const bytes = payload === undefined ? null : decodeBase64Url(payload)
  const claims = bytes === null ? null : parseJson(decodeUtf8(bytes))
  return isJsonObject(claims) ? textOf(claims["sub"]) : null
}

/** Seconds, also when a server sends digits as text; null when it is no lifetime. */
export function secondsOf(value: unknown): number | null {
  const digits = typeof value === "string" && /^\d{1,10}(?:\.\d{1,9})?$/.test(value)
  const seconds = digits ? Number(value) : value
  if (typeof seconds !== "number" || !Number.isFinite(seconds)) return null
  return seconds >= 0 && seconds <= LIFETIME_SECONDS_MAX ? seconds : null
}

function textOf(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null
}
