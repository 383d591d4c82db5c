/** What an application sees. Decides the public shapes; `session.ts` says how they behave. */

import type { ClusterStatus, CurrentToken } from "../ports/coordinator.ts"
import type { TokenResponse } from "../core/oauth/types.ts"
import type { TakeOverPreview } from "../core/refresh/takeover.ts"

export type { ClusterStatus, MemberStatus } from "../ports/coordinator.ts"
export type { Stage } from "../core/refresh/status.ts"
export type { TakeOverPreview } from "../core/refresh/takeover.ts"
export type { ClusterOptions, ProviderOptions, SessionOptions } from "../wire/options.ts"

/** An access token, ready to use. The refresh token never leaves the cluster. */
export interface Token {
  readonly accessToken: string
  readonly tokenType: string
  /** Epoch ms. */
  readonly expiresAt: number
  readonly generation: number
  readonly epoch: number
  readonly scope: string | null
  /** cache: it was at hand. refresh: this member fetched it for this call. adopted: another member did. */
  readonly source: "cache" | "refresh" | "adopted" | "gateway"
}

export interface GetTokenOptions {
  /** How long the token must still live, in ms. One refresh is tried; its token is returned whatever its life. @defaultValue 0 */
  readonly minTtlMs?: number | undefined
  /** The access token that a resource server refused, or `sha256:HEX` of it. Refreshes only if it is still the current one. */
  readonly rejected?: string | undefined
  /**
   * cached-only: never refreshes. force: a person insists on a newer one.
   *
   * @defaultValue "refresh-if-needed"
   */
  readonly mode?: "cached-only" | "refresh-if-needed" | "force" | undefined
  /** Ends this caller's wait and nothing else: a refresh under way goes on. */
  readonly signal?: AbortSignal | undefined
  /** Longest wait, in ms. @defaultValue 30_000 */
  readonly timeoutMs?: number | undefined
}

export type SessionEvent =
  | { readonly type: "token"; readonly token: Token | null }
  | { readonly type: "status"; readonly status: ClusterStatus }
  | { readonly type: "member"; readonly id: string; readonly connected: boolean }

export interface Session {
  /**
   * A token that is valid now. Any number of callers share one refresh.
   *
   * @throws QuorateError `LOGIN_REQUIRED`, `NO_VALID_TOKEN` (cached-only), `TIMEOUT`, `CLOSED`; the signal's reason.
   */
  getToken(options?: GetTokenOptions): Promise<Token>
  /** The token without waiting. @throws PendingRefreshError after asking for a refresh; QuorateError `LOGIN_REQUIRED`. */
  peekToken(): Token
  /** Derived on every read. */
  status(): ClusterStatus
  /** @returns unsubscribes. */
  subscribe(listener: (event: SessionEvent) => void): () => void
  /** `fetch` with the token; on 401 refreshes once and sends again when the body can be read twice. */
  fetch(input: string | URL | Request, init?: RequestInit): Promise<Response>
  /**
   * Gives the cluster a login made elsewhere.
   *
   * @param issuedAtMs when the response was received, epoch ms; lifetimes count from here.
   * @throws QuorateError `NO_QUORUM`, `PROVIDER_MISMATCH`, `NOT_A_MEMBER` once removed, `USAGE` without a refresh token.
   */
  login(tokens: TokenResponse, issuedAtMs: number): Promise<Token>
  /** Ends the login on every member; without a quorum here at once, and elsewhere as soon as there is one. */
  logout(): Promise<void>
  /**
   * A person accepts what it may cost: this member refreshes now, whoever may have spent the refresh token before. Does not
   * wait for the new token.
   *
   * @param options.preview only tells what it may cost.
   * @returns what it may cost: nothing (`safe`), the login (`risky`: why, and who may have spent it), or there is no login
   *   left to refresh (`hopeless`).
   */
  takeOver(options?: { readonly preview?: boolean | undefined }): Promise<TakeOverPreview>
  /**
   * Ends a member's part in the cluster.
   *
   * @param options.holderIsGone a person says that the member will not come back: needed while it holds an open turn.
   * @throws QuorateError `NOT_A_MEMBER` (usage), `HOLDS_TURN` (refused), `NO_QUORUM`.
   */
  removeMember(id: string, options?: { readonly holderIsGone?: boolean | undefined }): Promise<void>
  /** Lets go of everything, the profile's lock last. A refresh under way is recorded by its courier or found in doubt. */
  close(): Promise<void>
}

/** The public form of what a coordinator holds. */
export function publicToken(token: CurrentToken, source: Token["source"]): Token {
  const { accessToken, tokenType, expiresAtMs, generation, epoch, scope } = token
  return { accessToken, tokenType, expiresAt: expiresAtMs, generation, epoch, scope, source }
}
