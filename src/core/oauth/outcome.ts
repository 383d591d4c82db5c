/**
 * Judges a recorded exchange: what does it mean for the refresh token that was sent? Decides nothing about what to do
 * then; that is core/refresh. Every input gives an outcome, and every cause is a word of our own, never of a peer.
 *
 * Two rules carry it. A 200 means that the old token is spent, so whatever can be read of the new pair is kept. And only
 * what happened before the first byte, or what the grant itself says, proves that a token is unspent.
 */

import { isCauseCode } from "./cause.ts"
import { findError, isErrorBody } from "./dialects.ts"
import { isJsonObject, parseForm, parseJson, type JsonObject } from "./json.ts"
import { retryDelayMs } from "./retry-after.ts"
import { salvageMembers } from "./salvage.ts"
import { decodeUtf8 } from "./text.ts"
import { readTokens } from "./tokens.ts"
import type { Exchange, Outcome } from "./types.ts"

type Response = NonNullable<Exchange["response"]>

/** What a strict parser (RFC 6749 §5.1, OIDC Core §3.1.3.7) said of the same response. */
export type StrictVerdict =
  | "accepted"
  /** Only the ID token is at fault: its issuer, audience or times. */
  | "refused-id-token"
  | "refused"

const UNSENDABLE = /^(?:INVALID_URL|INSECURE_URL|ERR_INVALID_[A-Z_]+)$/
/** Where a server says "later" without a time. */
const RETRY_DELAY_MS_DEFAULT = 30_000
const NO_GRANT: readonly number[] = [404, 405, 406, 410, 411, 413, 414, 415, 421, 431]
/** The winner of a race has its answer by then. */
const CONFLICT_DELAY_MS = 1_000

/**
 * Never throws, also not on bytes that no server would send.
 *
 * @param strict - matters for a 200 only. `refused` makes it a salvage; the tokens are read from the raw bytes anyway.
 */
export function classify(exchange: Exchange, strict: StrictVerdict): Outcome {
  const { response } = exchange
  if (response === null) return classifyFailure(exchange)
  const text = decodeUtf8(response.body)
  return response.status >= 200 && response.status < 300
    ? classifySuccess(exchange, response, text, strict)
    : classifyRefusal(exchange, response, text)
}

/** No response: all depends on whether a byte can have left. */
function classifyFailure({ failure }: Exchange): Outcome {
  const phase = failure?.phase ?? "response"
  const cause = failureCode(failure)
  switch (phase) {
    case "prepare":
      // The same request would fail for ever: its address is none, or a header cannot be sent.
      return UNSENDABLE.test(cause) ? { type: "misconfigured", cause } : { type: "unspent", cause }
    case "dns":
    case "connect":
    case "tls":
    case "claim":
      return { type: "unspent", cause }
    // A part of the request may be all that the server needed; and the kernel does not say what it has delivered.
    case "send":
    case "response":
      return { type: "in-doubt", spent: false, cause }
    default:
      return phase satisfies never
  }
}

function failureCode(failure: Exchange["failure"]): string {
  const code = failure?.code ?? ""
  return /^[A-Z]/.test(code) && isCauseCode(code) ? code : "no_response"
}

function classifySuccess(
  exchange: Exchange,
  response: Response,
  text: string,
  strict: StrictVerdict,
): Outcome {
  const json = parseJson(text)
  const body = isJsonObject(json) ? json : null
  if (body !== null && isErrorBody(body) && body["access_token"] === undefined) {
    return classifyRefusal(exchange, response, text)
  }
  // A form that was cut has a cut token at its end; JSON tells by the closing quote.
  const form = response.complete ? parseForm(text) : null
  const read = body !== null && hasToken(body) ? body : (form ?? salvageMembers(text))
  if (hasToken(read)) {
    const whole = read === body || (response.complete && (body ?? form) !== null)
    return granted(read, whole, response.status === 200 ? strict : "refused", exchange)
  }
  const error = findError(text, response.headers)
  if (error !== null) return classifyRefusal(exchange, response, text)
  if (isMarkup(response, text)) return { type: "in-doubt", spent: false, cause: "captive_portal" }
  return { type: "in-doubt", spent: true, cause: lossCode(exchange, text, body) }
}

function granted(
  members: JsonObject,
  whole: boolean,
  strict: StrictVerdict,
  exchange: Exchange,
): Outcome {
  const { tokens, faults, hasAccessToken } = readTokens(members)
  // Without the rest of the text nobody knows whether a new refresh token came in it.
  if (tokens.refreshToken === null && (!whole || !hasAccessToken)) {
    return { type: "in-doubt", spent: true, cause: lossCode(exchange, "?", members) }
  }
  const salvaged: string[] = [...faults]
  if (!whole) salvaged.push("body")
  if (strict === "refused-id-token" && !salvaged.includes("id_token")) salvaged.push("id_token")
  if (strict === "refused" && salvaged.length === 0) salvaged.push("response")
  // An ID token that was not checked names nobody.
  const subject = strict === "accepted" && whole ? tokens.subject : null
  return { type: "granted", tokens: { ...tokens, subject }, salvaged }
}

function hasToken(members: JsonObject): boolean {
  return ["access_token", "refresh_token"].some((name) => {
    const value = members[name]
    return typeof value === "string" && value !== ""
  })
}

function lossCode(exchange: Exchange, text: string, body: JsonObject | null): string {
  if (exchange.response?.complete === false) return "body_cut"
  if (text.trim() === "") return "empty_body"
  return body === null ? "not_json" : "no_token"
}

/** A status that is no success, or a success whose body says otherwise. */
function classifyRefusal(exchange: Exchange, response: Response, text: string): Outcome {
  const { status } = response
  const error = findError(
    response.complete ? text : JSON.stringify(salvageMembers(text)),
    response.headers,
  )
  const cause = error?.code ?? statusCode(status)
  // Behind a 5xx nobody knows how far the grant came, except where the server names the time to come back: a 503 with
  // Retry-After says that it did not handle the request (RFC 9110 §15.6.4). And the answer is here, so no pair is on its way.
  const later = (maybeSpent: boolean, unsaidMs: number): Outcome => {
    const saidMs = retryDelayMs(response.headers, exchange.finishedAtMs)
    const unhandled = status < 500 || (status === 503 && saidMs !== null)
    const doubtful = !unhandled || (maybeSpent && status !== 503)
    return { type: "retry-later", delayMs: saidMs ?? unsaidMs, maybeSpent: doubtful, cause }
  }
  // A limiter and a maintenance page speak before the grant, whatever the body repeats.
  if (status === 429 || status === 503) return later(false, RETRY_DELAY_MS_DEFAULT)
  if (error === null) return classifyStatus(response, text, later)
  switch (error.family) {
    case "dead":
      return refused(status, { type: "rejected", cause })
    case "conflict":
      return later(false, CONFLICT_DELAY_MS)
    case "throttled":
      return later(false, RETRY_DELAY_MS_DEFAULT)
    case "unavailable":
      return later(true, RETRY_DELAY_MS_DEFAULT)
    case "unsupported":
    case "client":
      return refused(status, { type: "misconfigured", cause })
    case "server":
      return { type: "in-doubt", spent: false, cause }
    default:
      return error.family satisfies never
  }
}

/**
 * Behind a 5xx a known code proves nothing: a gateway repeats it, or the server failed after it had spent the token. A
 * login that lives must not be called dead on the word of a server that fails, nor of one that only redirects.
 */
function refused(status: number, outcome: Outcome & { readonly cause: string }): Outcome {
  const told = status < 300 || (status >= 400 && status < 500)
  return told ? outcome : { type: "in-doubt", spent: false, cause: outcome.cause }
}

/** Nothing known in the body: the status is all there is. */
function classifyStatus(
  response: Response,
  text: string,
  later: (maybeSpent: boolean, unsaidMs: number) => Outcome,
): Outcome {
  const { status } = response
  const cause = statusCode(status)
  if (status === 409) return later(false, CONFLICT_DELAY_MS)
  if (isMarkup(response, text) || !response.complete) {
    // A page for people did not come from a grant: a portal, a proxy, a firewall. Nor is a cut refusal one.
    return { type: "in-doubt", spent: false, cause }
  }
  // The address or the method is wrong: no grant ever ran (RFC 9110 §15.5).
  if (NO_GRANT.includes(status)) return { type: "misconfigured", cause }
  if (status === 401 && response.headers.some(([name]) => name === "www-authenticate")) {
    return { type: "misconfigured", cause: "invalid_client" }
  }
  // glewlwyd answers reuse with an empty 400: a refusal, if a less certain one. Others come as often from a firewall as
  // from a grant: Cloudflare's 403 is `error code: 1020`, Amazon's `{"message":"Forbidden"}`.
  return [400, 401, 422].includes(status)
    ? { type: "rejected", cause }
    : { type: "in-doubt", spent: false, cause }
}

function isMarkup(response: Response, text: string): boolean {
  const type = response.headers.find(([name]) => name === "content-type")?.[1] ?? ""
  return text.trim() !== "" && (/html/i.test(type) || /^\s*</.test(text))
}

function statusCode(status: number): string {
  return Number.isInteger(status) && status >= 100 && status <= 999 ? `http_${status}` : "http_0"
}
