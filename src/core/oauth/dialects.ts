/**
 * How servers say no: the error codes of RFC 6749 §5.2 and what vendors send in their place. Decides which known code a
 * response carries and what family it belongs to; descriptions are read only where a vendor puts its code there.
 *
 * The result is always a word of this file, never text of the response, so it may be shown and counted.
 */

import type { Headers } from "./headers.ts"
import { isJsonObject, parseForm, parseJson, type JsonObject } from "./json.ts"

/** What a code says about the token that was sent, the strongest first. */
export type ErrorFamily =
  /** Refused for good. */
  | "dead"
  /** Another request for the same token is being served or has won. */
  | "conflict"
  /** Ask again later; the limiter runs before the grant. */
  | "throttled"
  /** Ask again later; how far the grant came is not said. */
  | "unavailable"
  /** Wants a proof that this client has not (DPoP, attestation): the same request would be refused for ever. */
  | "unsupported"
  /** The client or the request is refused. */
  | "client"
  /** The server failed somewhere. */
  | "server"

export interface KnownError {
  readonly family: ErrorFamily
  /** Short identifier, lower case. */
  readonly code: string
}

const FAMILIES: Readonly<Record<ErrorFamily, string>> = {
  // RFC 6749; GitHub; Slack; Codex; Supabase; Cognito; Entra and Google where a person must act; the RCC extension.
  dead: `invalid_grant bad_refresh_token invalid_refresh_token token_expired token_revoked account_inactive
    refresh_token_reused refresh_token_expired refresh_token_invalidated refresh_token_already_used
    refresh_token_not_found refresh_token_revoked session_not_found session_expired user_banned user_disabled
    inactive_user refreshtokenreuseexception notauthorizedexception usernotfoundexception invalidgrantexception
    expiredtokenexception invalid_token expired_token access_denied interaction_required login_required
    consent_required invalid_rapt refresh_conflict`,
  conflict: "conflict concurrent_refresh over_concurrency_limit",
  throttled: `slow_down ratelimited rate_limited rate_limit_error rate_limit_exceeded too_many_requests
    over_request_rate_limit toomanyrequestsexception limitexceededexception slowdownexception`,
  unavailable: "temporarily_unavailable overloaded_error request_timeout service_unavailable",
  unsupported: "use_dpop_nonce invalid_dpop_proof use_attestation_challenge",
  client: `invalid_client unauthorized_client unsupported_grant_type invalid_request invalid_scope invalid_target
    incorrect_client_credentials invalid_client_id bad_client_secret client_not_found invalid_request_error
    resourcenotfoundexception invalidparameterexception invalidclientexception unauthorizedclientexception
    unsupportedgranttypeexception invalidrequestexception invalidscopeexception idempotency_key_reused`,
  server:
    "server_error internal_error internal_server_error api_error internalerrorexception fatal_error",
}

const RANKS = Object.keys(FAMILIES) as ErrorFamily[]

const KNOWN: ReadonlyMap<string, ErrorFamily> = new Map(
  RANKS.flatMap((family) => FAMILIES[family].split(/\s+/).map((code) => [code, family] as const)),
)

/**
 * Entra ID's numbers, which say more than the error beside them: 50196 stops a client that asks too often, and comes as
 * `invalid_grant`.
 */
const AADSTS: ReadonlyMap<string, ErrorFamily> = new Map([
  ...["50057", "50076", "50078", "50079", "50158", "50173", "65001", "70008", "70043"].map(
    (number) => [number, "dead"] as const,
  ),
  ...["700081", "700082", "700084", "7000012"].map((number) => [number, "dead"] as const),
  ...["70001", "70002", "700016", "7000215", "7000222", "90002"].map(
    (number) => [number, "client"] as const,
  ),
  ...["50196", "90033", "90055"].map((number) => [number, "unavailable"] as const),
])

/** Places where codes are found, the most telling first. */
const PLACES = [
  "error_subtype",
  "suberror",
  "error_code",
  "errorCode",
  "code",
  "type",
  "error",
] as const
const TEXTS = ["error_hint", "hint", "error_description", "error_debug"] as const
/** Ory Hydra answers a race in its store with `invalid_request` and only a hint: the request may be repeated. */
const HYDRA_RACE = /multiple concurrent requests using the same token/i

/** The known error that a response carries, the one of the strongest family where there are several; null: none. */
export function findError(text: string, headers: Headers): KnownError | null {
  const body = errorBody(text)
  const errors: KnownError[] = []
  if (body !== null) collect(body, errors)
  for (const [name, value] of headers) {
    if (name === "x-amzn-errortype") add(value, errors)
    if (name === "www-authenticate") add(/\berror="([^"]{1,64})"/.exec(value)?.[1], errors)
  }
  return strongest(errors.filter(({ code }) => code.startsWith("aadsts"))) ?? strongest(errors)
}

function strongest(errors: readonly KnownError[]): KnownError | null {
  for (const family of RANKS) {
    const error = errors.find((candidate) => candidate.family === family)
    if (error !== undefined) return error
  }
  return null
}

/** The family of a code that {@link findError} gave; null for any other word. */
export function familyOf(code: string): ErrorFamily | null {
  return KNOWN.get(code) ?? AADSTS.get(code.replace(/^aadsts/, "")) ?? null
}

/** True where a body says by its shape that it is an error, whatever the status: `error` is set, or `ok` is false. */
export function isErrorBody(body: JsonObject): boolean {
  const error = body["error"]
  return body["ok"] === false || isJsonObject(error) || (typeof error === "string" && error !== "")
}

function errorBody(text: string): JsonObject | null {
  const json = parseJson(text)
  return isJsonObject(json) ? json : parseForm(text)
}

function collect(body: JsonObject, errors: KnownError[]): void {
  const numbers = Array.isArray(body["error_codes"]) ? body["error_codes"] : []
  for (const number of numbers) addAadsts(String(number), errors)
  const texts = TEXTS.map((name) => body[name]).filter((value) => typeof value === "string")
  for (const value of texts) addAadsts(/^AADSTS(\d{5,7})\b/.exec(value)?.[1], errors)
  if (texts.some((value) => HYDRA_RACE.test(value))) {
    errors.push({ family: "conflict", code: "concurrent_refresh" })
  }
  const nested = body["error"]
  if (isJsonObject(nested)) {
    for (const name of PLACES) add(nested[name], errors)
  }
  for (const name of PLACES) add(body[name], errors)
  // AWS: `com.amazonaws...#NotAuthorizedException`.
  add(body["__type"], errors)
}

function add(value: unknown, errors: KnownError[]): void {
  if (typeof value !== "string" || value.length > 128) return
  const code = value.replace(/^.*#/, "").replace(/:.*$/, "").toLowerCase()
  const family = KNOWN.get(code)
  if (family !== undefined) errors.push({ family, code })
}

function addAadsts(number: string | undefined, errors: KnownError[]): void {
  const family = number === undefined ? undefined : AADSTS.get(number)
  if (family !== undefined) errors.push({ family, code: `aadsts${number}` })
}
