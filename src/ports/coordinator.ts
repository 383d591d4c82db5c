/**
 * Who may refresh, and what came of it: the one thing a session talks to. Implementations differ in how members agree;
 * they share one meaning and one conformance suite.
 */

import type { Stage, StageCause } from "../core/refresh/status.ts"
import type { TakeOverPreview } from "../core/refresh/takeover.ts"
import type { Epoch, Generation, MemberId } from "../core/refresh/types.ts"
import type { ProviderSettings, TokenResponse } from "../core/oauth/types.ts"

/** The newest committed access token, opened. */
export interface CurrentToken {
  readonly accessToken: string
  readonly tokenType: string
  /** Epoch ms by this machine's wall clock as it was when the token came; for people. */
  readonly expiresAtMs: number
  /** On the machine's uptime clock, which all its processes share: this alone tells whether the token still serves. */
  readonly endsAtUptimeMs: number
  readonly generation: Generation
  readonly epoch: Epoch
  readonly scope: string | null
  /** Whether this member received it from the server itself. */
  readonly refreshedHere: boolean
}

export interface MemberStatus {
  readonly id: MemberId
  readonly name: string
  readonly role: "voter" | "learner"
  readonly connected: boolean
  /** The newest it told us; null: nothing yet. */
  readonly generation: Generation | null
  /** Epoch ms; null: never in this run. */
  readonly lastSeenMs: number | null
  readonly self: boolean
}

export interface ClusterStatus {
  readonly stage: Stage
  readonly cause: StageCause
  /** Since when the stage holds, epoch ms. */
  readonly sinceMs: number
  /** When the next attempt to get a token begins, epoch ms; null: none is wanted, or it is under way. */
  readonly nextAttemptAtMs: number | null
  readonly generation: Generation
  readonly epoch: Epoch
  readonly expiresAtMs: number | null
  readonly quorum: boolean
  readonly leader: MemberId | null
  readonly leaderSeenAtMs: number | null
  /** Who holds the open turn. */
  readonly holder: MemberId | null
  /** Who may hold a newer token than this cluster has, while that is in question. */
  readonly suspects: readonly MemberId[]
  readonly role: "leader" | "follower" | "candidate" | "learner"
  /** What carries a refresh of this member: a process that survives its host, or the host itself, whose death leaves a doubt. */
  readonly courier: "process" | "inline"
  readonly members: readonly MemberStatus[]
}

export type CoordinatorEvent =
  | { readonly type: "token"; readonly token: CurrentToken | null }
  | { readonly type: "status"; readonly status: ClusterStatus }
  | { readonly type: "member"; readonly id: MemberId; readonly connected: boolean }

/** What a login brings: the token response, and when its request started. */
export interface LoginTokens {
  readonly tokens: TokenResponse
  /** Epoch ms by this machine's wall clock. */
  readonly issuedAtMs: number
}

export interface Coordinator {
  /** Resolves when the member takes part; a quorum is not waited for. */
  start(): Promise<void>
  /** Newest committed token, valid or not; null before the first login and after a logout. */
  token(): CurrentToken | null
  /** Somebody needs a newer pair than this one. Returns at once. `force` also tries against a refused client. */
  demand(epoch: Epoch, generation: Generation, force: boolean): void
  /** Somebody used the token: keep the account fresh. */
  used(): void
  /** What the members agreed on; null before the first login. */
  provider(): ProviderSettings | null
  /**
   * Tells the cluster its provider; does nothing when it knows.
   *
   * @throws QuorateError `NO_QUORUM` (retryable), `PROVIDER_MISMATCH` (usage).
   */
  configure(settings: ProviderSettings, clientSecret: string | null): Promise<void>
  /** Commits a new login as the next epoch. @throws QuorateError `NO_QUORUM`, `TIMEOUT`, or `NOT_A_MEMBER` (refused): it was removed. */
  login(login: LoginTokens): Promise<CurrentToken>
  /** Ends the epoch on every member; without a quorum here at once, and elsewhere when there is one. */
  logout(): Promise<void>
  /**
   * A person accepts what it may cost: this member spends the newest refresh token once, whoever may have spent it before.
   * Does not wait for what comes of it, which is told as a token or a status.
   *
   * @param preview only tells what it may cost now.
   */
  takeOver(preview: boolean): Promise<TakeOverPreview>
  /**
   * Ends a member's part in the cluster, and with it the turn that it may hold.
   *
   * @param holderIsGone a person says so: without it a member that holds an open turn stays, where its removal can cost the login.
   * @throws QuorateError `NOT_A_MEMBER` (usage), `HOLDS_TURN` (refused), `NO_QUORUM`.
   */
  remove(member: MemberId, holderIsGone: boolean): Promise<void>
  status(): ClusterStatus
  /** @returns unsubscribes. Listeners are called synchronously and must not throw. */
  subscribe(listener: (event: CoordinatorEvent) => void): () => void
  close(): Promise<void>
}
