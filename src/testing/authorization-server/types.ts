/** What a test says to the authorization server and what it may ask it: options, knobs, counters, answers. */

import type { ReplayPolicy } from "../../core/oauth/types.ts"

/** Answers given instead of the grant: the token is not looked at and not spent. */
export interface TurnAway {
  /** HTTP status, 400..599. */
  readonly status: number
  /** How many requests; counts down. */
  remaining: number
  /** Sent as it is: seconds or an HTTP-date. Null: no such header. */
  readonly retryAfter: string | null
  /** Value of `error` in the JSON body. @defaultValue `temporarily_unavailable` */
  readonly error?: string | undefined
}

/** Everything that may be changed while the server runs; each request reads them anew. */
export interface AuthorizationServerKnobs {
  /** What a second use of a refresh token does. */
  replayPolicy: ReplayPolicy
  /** False: the old refresh token stays the current one and comes back in the answer. */
  rotate: boolean
  /** Whole seconds, at least 1. */
  accessTokenTtlSeconds: number
  /** Whole seconds, at least 1; counts from each rotation. */
  refreshTokenTtlSeconds: number
  /** Waits after the token was found and before it is consumed, in ms. */
  delayBeforeCommitMs: number
  /** Waits after the new pair exists and before it is answered, in ms. */
  delayAfterCommitMs: number
  /** Cuts the connection instead of answering, after the commit: so many times, or always. */
  dropReplyAfterCommit: number | boolean
  /** The store fails after the token was consumed (HTTP 500, pair lost): so many times. */
  failAfterConsume: number
  /** Answers before the grant, such as 429 and 503. */
  turnAway: TurnAway | null
}

/** One refresh request that arrived whole. Tokens appear as opaque numbers, counted from 1 in order of birth. */
export interface RequestEvent {
  /** Number of the refresh token it carries. */
  readonly token: number
  /** How often this token was posted so far, this time included. */
  readonly posts: number
}

/** A refresh that took effect: the pair exists, whether or not its answer arrives. */
export interface CommitEvent {
  readonly token: number
  /** Number of the refresh token in the answer; the same as `token` without rotation. */
  readonly successor: number
  /** SHA-256 of both tokens in the answer, hexadecimal. */
  readonly hashes: { readonly access: string; readonly refresh: string }
}

/** A refresh that was refused. */
export interface RejectEvent {
  readonly token: number
  readonly status: number
  readonly error: string
}

export interface AuthorizationServerOptions extends Partial<AuthorizationServerKnobs> {
  /** TCP port on 127.0.0.1. @defaultValue 0, any free one */
  readonly port?: number | undefined
  /** Called when a refresh request has arrived, before anything is done about it. */
  readonly onRequest?: ((event: RequestEvent) => void) | undefined
  /** Called when a refresh took effect, before the answer leaves. */
  readonly onCommit?: ((event: CommitEvent) => void) | undefined
  readonly onReject?: ((event: RejectEvent) => void) | undefined
  /** Called when reuse has killed a family. */
  readonly onFamilyRevoked?: (() => void) | undefined
}

/**
 * The server's own account, taken where requests arrive and where tokens are stored.
 *
 * `posts` equals `refreshes + replays + rejected + turnedAway + serverErrors + inFlight` at any time.
 */
export interface AuthorizationServerCounters {
  /** Refresh requests that arrived. */
  readonly posts: number
  /** All posts of each token, by its opaque number. */
  readonly postsPerToken: Readonly<Record<number, number>>
  /** Tokens that reached the grant more than once; posts that were turned away before it do not count. */
  readonly tokensSentTwice: number
  /** Families killed by reuse. */
  readonly familiesRevoked: number
  /** Refreshes that took effect. */
  readonly refreshes: number
  /** Second uses answered with the pair of the first. */
  readonly replays: number
  /** Refused with a 4xx. */
  readonly rejected: number
  readonly turnedAway: number
  readonly serverErrors: number
  readonly inFlight: number
  readonly inFlightMax: number
  /** Logins handed out by `mint`. */
  readonly minted: number
  /** The server's own time of each refresh that took effect, in ms, injected delays left out; the latest 10,000. */
  readonly refreshMs: readonly number[]
  /** Null before the first refresh. */
  readonly lastRefreshMs: number | null
}

/** A registered client. */
export interface RegisteredClient {
  readonly clientId: string
  /** Null: a public client. */
  readonly clientSecret: string | null
}

export interface MintOptions {
  /** @defaultValue `ada` */
  readonly accountId?: string | undefined
  /** One of the registered clients. @defaultValue the public one */
  readonly clientId?: string | undefined
}

/** An RFC 6749 §5.1 response, as a login would have given it. */
export interface MintedTokens {
  readonly access_token: string
  readonly refresh_token: string
  readonly expires_in: number
  readonly token_type: "Bearer"
  readonly scope: string
}

export interface AuthorizationServer {
  /** `http://127.0.0.1:PORT`; the discovery document lies at its two well-known places. */
  readonly issuer: string
  readonly tokenEndpoint: string
  readonly introspectionEndpoint: string
  readonly revocationEndpoint: string
  /** A resource that wants a valid access token: 200 or 401. */
  readonly userinfoEndpoint: string
  /** The public client. */
  readonly clientId: string
  readonly clients: {
    readonly public: RegisteredClient
    /** Authenticates with `client_secret_basic`. */
    readonly basic: RegisteredClient
    /** Authenticates with `client_secret_post`. */
    readonly post: RegisteredClient
  }
  readonly knobs: AuthorizationServerKnobs
  /** A new login, without a browser. */
  mint(options?: MintOptions): Promise<MintedTokens>
  counters(): AuthorizationServerCounters
  /** The opaque number of a refresh token that this server has seen. */
  numberOf(refreshToken: string): number | undefined
  /** True when the token's family lives and nothing has superseded the token. Changes nothing. */
  isAlive(refreshToken: string): boolean
  /** Ends the login as an administrator would; not counted in `familiesRevoked`. */
  revokeFamily(refreshToken: string): void
  /** True: connections are refused, open ones cut. False: back on the same port. */
  setOffline(offline: boolean): Promise<void>
  close(): Promise<void>
}
