/**
 * The words of the token endpoint: what is asked, what was seen on the wire, and what that means for the refresh token.
 *
 * An `Exchange` only records; it can be kept by one process and judged by another, later. An `Outcome` is the judgement:
 * a value, never an exception. Decided by core/oauth/outcome.ts; taken by endpoint/.
 */

/** What an authorization server does with a second use of a refresh token (README, "Replay policies"). */
export type ReplayPolicy =
  | { readonly type: "strict" | "reject" | "multi-use" | "confirm" | "idempotent" }
  /** The old token works for `windowSeconds` after its first use and answers with the same or a new pair. */
  | { readonly type: "grace"; readonly windowSeconds: number; readonly answers: "same" | "new" }

/** How the client proves itself. A public client (RFC 6749 §2.1) uses `none`. */
export type ClientAuthentication = "none" | "client_secret_basic" | "client_secret_post"

/** The authorization server and the client, as all members know them. The client secret travels apart, sealed. */
export interface ProviderSettings {
  /** RFC 8414 issuer; null when only `tokenEndpoint` is known. */
  readonly issuer: string | null
  /** Overrides discovery; null: discovered from `issuer`. One of the two is set. */
  readonly tokenEndpoint: string | null
  readonly clientId: string
  readonly clientAuthentication: ClientAuthentication
  /** Space-separated; null: the server's default. Sent at login, never in a refresh (RFC 6749 §6: unchanged when omitted). */
  readonly scope: string | null
  readonly replayPolicy: ReplayPolicy
}

/** One POST, complete: whoever sends it needs nothing else. Holds secrets; never logged, never in arguments. */
export interface PreparedRequest {
  readonly url: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: string
}

/** How far a request came before it failed. Only `connect` and earlier prove that no byte left. */
export type ExchangePhase = "prepare" | "dns" | "connect" | "tls" | "claim" | "send" | "response"

/** What happened, nothing more. `body` and headers may hold tokens: sealed at rest, never logged. */
export interface Exchange {
  /** Wall clock at the start, epoch ms: lifetimes count from here (conservative). */
  readonly startedAtMs: number
  readonly finishedAtMs: number
  /** TCP, and TLS where used, stood. */
  readonly connected: boolean
  /** The request was handed to the kernel whole. Says nothing about the server having it. */
  readonly bodySent: boolean
  readonly response: {
    readonly status: number
    /** Lower-case names, in order. */
    readonly headers: readonly (readonly [name: string, value: string])[]
    readonly body: Uint8Array
    /** False: the body was cut, or longer than the cap. */
    readonly complete: boolean
  } | null
  /** Null exactly when the response is complete. `code` is a short identifier such as ECONNREFUSED, never text of a peer. */
  readonly failure: { readonly phase: ExchangePhase; readonly code: string } | null
}

/** The members of RFC 6749 §5.1 that matter here, checked; what was missing is null and carried forward by the caller. */
export interface TokenResponse {
  /** Empty when only the refresh token could be saved; `expiresInSeconds` is 0 then. */
  readonly accessToken: string
  readonly tokenType: string
  /** Null: the server did not rotate; keep the token that was sent (RFC 6749 §6). */
  readonly refreshToken: string | null
  /** Seconds; null when missing or unusable. */
  readonly expiresInSeconds: number | null
  /** Null: unchanged (RFC 6749 §5.1). */
  readonly scope: string | null
  /** Seconds the refresh token lives, from any of the spellings in use; null: unknown. */
  readonly refreshExpiresInSeconds: number | null
  /** `sub` of an ID token when one came: the account's identity, unverified beyond TLS (OIDC Core §3.1.3.7 point 6). */
  readonly subject: string | null
}

/** Why; a short identifier for status and metrics, such as `invalid_grant` or `ECONNREFUSED`. */
export type CauseCode = string

/** What one attempt means for the token that was sent. */
export type Outcome =
  /** A 200: the old token is spent. `salvaged` names what a strict parser refused and we kept all the same. */
  | {
      readonly type: "granted"
      readonly tokens: TokenResponse
      readonly salvaged: readonly string[]
    }
  /** Surely not spent; anybody may try again. */
  | { readonly type: "unspent"; readonly cause: CauseCode }
  /** Not spent (or, `maybeSpent`, probably not), and the server named a time. One clock for the whole cluster. */
  | {
      readonly type: "retry-later"
      readonly delayMs: number
      readonly maybeSpent: boolean
      readonly cause: CauseCode
    }
  /** The token was refused: it is dead, or somebody else has spent it. */
  | { readonly type: "rejected"; readonly cause: CauseCode }
  /** It may be spent and the answer is lost. `spent` true: a 200 was seen, and nothing could be saved from it. */
  | { readonly type: "in-doubt"; readonly spent: boolean; readonly cause: CauseCode }
  /** The server refuses the client or the request, not the token: stop and tell. */
  | { readonly type: "misconfigured"; readonly cause: CauseCode }
