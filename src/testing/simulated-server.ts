/**
 * An authorization server in virtual time: one token endpoint with rotation, replay policies and real revocation. Decides
 * what a POST means for a family of tokens and counts what was sent; when a POST arrives is the simulator's business.
 */

import type { ReplayPolicy } from "../core/oauth/types.ts"

interface Issued {
  readonly family: number
  readonly parent: string | null
  /** Times it was presented and judged. */
  posts: number
  successor: string | null
  spentAtMs: number | null
}

export interface ServerAnswer {
  readonly status: number
  readonly body: string
  readonly retryAfterSeconds: number | null
}

/** What the server does to requests, changeable at any time. */
export interface ServerFaults {
  /** Answers 429 before looking at the token. */
  readonly throttled: boolean
  /** Answers 503 with Retry-After before looking at the token. */
  readonly unavailable: boolean
  /** Answers 500 after the grant was written. */
  readonly failsAfterCommit: boolean
}

export interface SimulatedServer {
  /** A new login: the first pair of a new family. */
  mint(): { readonly accessToken: string; readonly refreshToken: string; readonly family: number }
  /** Judges one POST at the world's time `nowMs`. */
  post(refreshToken: string, nowMs: number): ServerAnswer
  setFaults(faults: Partial<ServerFaults>): void
  /** True while the token would be accepted as the newest of its family. */
  isCurrent(refreshToken: string): boolean
  isRevoked(family: number): boolean
  familyOf(refreshToken: string): number | null
  /** The newest refresh token of a family. */
  currentOf(family: number): string
  revoke(family: number): void
  readonly counts: {
    readonly posts: number
    readonly refreshes: number
    readonly rejected: number
    /** Tokens whose grant was asked for more than once. */
    readonly sentTwice: number
    /** Families that a second use revoked. */
    readonly revoked: number
  }
}

export interface SimulatedServerOptions {
  readonly policy: ReplayPolicy
  readonly lifetimeSeconds: number
  /** Told when a second use revokes a family, with its newest refresh token. */
  readonly onRevoked?: ((family: number, current: string) => void) | undefined
}

export function simulatedServer(options: SimulatedServerOptions): SimulatedServer {
  return new Server(options)
}

class Server implements SimulatedServer {
  readonly counts: {
    posts: number
    refreshes: number
    rejected: number
    sentTwice: number
    revoked: number
  } = { posts: 0, refreshes: 0, rejected: 0, sentTwice: 0, revoked: 0 }
  readonly #options: SimulatedServerOptions
  readonly #issued = new Map<string, Issued>()
  readonly #current = new Map<number, string>()
  readonly #revoked = new Set<number>()
  #faults: ServerFaults = { throttled: false, unavailable: false, failsAfterCommit: false }
  #families = 0
  #serial = 0

  constructor(options: SimulatedServerOptions) {
    this.#options = options
  }

  mint(): { accessToken: string; refreshToken: string; family: number } {
    const family = (this.#families += 1)
    const refreshToken = this.#issue(family, null)
    return { accessToken: `at-of-${refreshToken}`, refreshToken, family }
  }

  setFaults(faults: Partial<ServerFaults>): void {
    this.#faults = { ...this.#faults, ...faults }
  }

  post(refreshToken: string, nowMs: number): ServerAnswer {
    this.counts.posts += 1
    if (this.#faults.throttled) return answer(429, { error: "slow_down" }, 30)
    if (this.#faults.unavailable) return answer(503, {}, 20)
    const token = this.#issued.get(refreshToken)
    if (token === undefined) return this.#reject()
    token.posts += 1
    if (token.posts === 2) this.counts.sentTwice += 1
    if (this.#revoked.has(token.family)) return this.#reject()
    if (this.#current.get(token.family) === refreshToken)
      return this.#rotate(refreshToken, token, nowMs)
    return this.#replayed(refreshToken, token, nowMs)
  }

  isCurrent(refreshToken: string): boolean {
    const family = this.#issued.get(refreshToken)?.family
    return (
      family !== undefined &&
      !this.#revoked.has(family) &&
      this.#current.get(family) === refreshToken
    )
  }

  isRevoked(family: number): boolean {
    return this.#revoked.has(family)
  }

  familyOf(refreshToken: string): number | null {
    return this.#issued.get(refreshToken)?.family ?? null
  }

  currentOf(family: number): string {
    return this.#current.get(family) ?? ""
  }

  revoke(family: number): void {
    this.#revoked.add(family)
  }

  #issue(family: number, parent: string | null): string {
    const name = `rt-${(this.#serial += 1)}`
    this.#issued.set(name, { family, parent, posts: 0, successor: null, spentAtMs: null })
    this.#current.set(family, name)
    return name
  }

  #rotate(presented: string, token: Issued, nowMs: number): ServerAnswer {
    token.successor = this.#issue(token.family, presented)
    token.spentAtMs ??= nowMs
    this.counts.refreshes += 1
    if (this.#faults.failsAfterCommit) return answer(500, { error: "server_error" }, null)
    return this.#granted(token.successor)
  }

  #replayed(presented: string, token: Issued, nowMs: number): ServerAnswer {
    const { policy } = this.#options
    const current = this.#current.get(token.family) ?? ""
    const isParent = this.#issued.get(current)?.parent === presented
    switch (policy.type) {
      case "multi-use":
        return this.#granted(token.successor ?? current)
      case "reject":
        return this.#reject()
      case "grace": {
        const open = nowMs - (token.spentAtMs ?? 0) <= policy.windowSeconds * 1_000
        if (!isParent || !open) break
        return policy.answers === "same"
          ? this.#granted(current)
          : this.#rotate(presented, token, nowMs)
      }
      case "confirm":
      case "idempotent":
        if (isParent) return this.#granted(current)
        break
      case "strict":
        break
      default:
        return policy satisfies never
    }
    this.#revoked.add(token.family)
    this.counts.revoked += 1
    this.#options.onRevoked?.(token.family, current)
    return this.#reject()
  }

  #granted(refreshToken: string): ServerAnswer {
    return answer(
      200,
      {
        access_token: `at-of-${refreshToken}`,
        token_type: "Bearer",
        expires_in: this.#options.lifetimeSeconds,
        refresh_token: refreshToken,
      },
      null,
    )
  }

  #reject(): ServerAnswer {
    this.counts.rejected += 1
    return answer(400, { error: "invalid_grant" }, null)
  }
}

function answer(status: number, body: object, retryAfterSeconds: number | null): ServerAnswer {
  return { status, body: JSON.stringify(body), retryAfterSeconds }
}
