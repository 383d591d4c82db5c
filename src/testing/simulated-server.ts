/**
 * An authorization server in virtual time: one token endpoint with rotation, replay policies and real revocation. Decides
 * what a POST means for a family of tokens and counts what was sent; when a POST arrives is the simulator's business.
 */

import type { ReplayPolicy } from "../core/oauth/types.ts"

interface Successor {
  readonly refreshToken: string
  readonly accessToken: string
}

interface Issued {
  readonly family: number
  readonly parent: string | null
  /** Times it was presented and judged. */
  posts: number
  successor: Successor | null
  spentAtMs: number | null
}

export interface ServerAnswer {
  readonly status: number
  /** Lower-case names. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: string
  /** False: the connection broke within the body. */
  readonly complete: boolean
}

/** How a 200 may look that no parser likes. The grant was written all the same. */
export type Garbage =
  /** A page for people in its place. */
  | "page"
  | "empty"
  /** The body ends behind the refresh token, or before it. */
  | "cut-late"
  | "cut-early"
  /** Something before the JSON. */
  | "prefixed"

/** What the server does to requests, changeable at any time. */
export interface ServerFaults {
  /** Answers 429 before looking at the token. */
  readonly throttled: boolean
  /** Answers 503 with Retry-After before looking at the token. */
  readonly unavailable: boolean
  /** Seconds that both name. */
  readonly retryAfterSeconds: number
  /** Answers 500 after the grant was written. */
  readonly failsAfterCommit: boolean
  readonly garbage: Garbage | null
  /** Leaves `expires_in`, `token_type` and `scope` out. */
  readonly terse: boolean
  /** Gives a part of the scope only. */
  readonly narrows: boolean
  /** Gives a new access token and leaves the refresh token as it is. */
  readonly keepsToken: boolean
}

/** Nothing goes wrong. */
export const WELL: ServerFaults = {
  throttled: false,
  unavailable: false,
  retryAfterSeconds: 20,
  failsAfterCommit: false,
  garbage: null,
  terse: false,
  narrows: false,
  keepsToken: false,
}

/** Every token that is minted begins so: it is known wherever it should not be. */
export const CANARY = "canary-"

/** The refresh token that an access token came with. */
export function refreshTokenOf(accessToken: string): string {
  return accessToken.slice(accessToken.indexOf("-of-") + "-of-".length)
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
  #faults: ServerFaults = WELL
  #families = 0
  #serial = 0

  constructor(options: SimulatedServerOptions) {
    this.#options = options
  }

  mint(): { accessToken: string; refreshToken: string; family: number } {
    const family = (this.#families += 1)
    const refreshToken = this.#issue(family, null)
    return { accessToken: this.#accessToken(refreshToken), refreshToken, family }
  }

  setFaults(faults: Partial<ServerFaults>): void {
    this.#faults = { ...this.#faults, ...faults }
  }

  post(refreshToken: string, nowMs: number): ServerAnswer {
    this.counts.posts += 1
    const { throttled, unavailable, retryAfterSeconds } = this.#faults
    if (throttled) return answer(429, { error: "slow_down" }, retryAfterSeconds)
    if (unavailable) return answer(503, {}, retryAfterSeconds)
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
    const name = `${CANARY}rt-${(this.#serial += 1)}`
    this.#issued.set(name, { family, parent, posts: 0, successor: null, spentAtMs: null })
    this.#current.set(family, name)
    return name
  }

  #rotate(presented: string, token: Issued, nowMs: number): ServerAnswer {
    this.counts.refreshes += 1
    const kept = this.#faults.keepsToken
    if (!kept) {
      const next = this.#issue(token.family, presented)
      token.successor = { refreshToken: next, accessToken: this.#accessToken(next) }
      token.spentAtMs ??= nowMs
    }
    if (this.#faults.failsAfterCommit) return answer(500, { error: "server_error" })
    // The same token may be sent again for the next generation.
    if (kept) token.posts = 0
    return kept || token.successor === null
      ? this.#granted(this.#accessToken(presented), null)
      : this.#repeated(token.successor)
  }

  #replayed(presented: string, token: Issued, nowMs: number): ServerAnswer {
    const { policy } = this.#options
    const current = this.#current.get(token.family) ?? ""
    const isParent = this.#issued.get(current)?.parent === presented
    switch (policy.type) {
      case "multi-use":
        return this.#renewed(token.successor?.refreshToken ?? current)
      case "reject":
        return this.#reject()
      case "grace": {
        const open = nowMs - (token.spentAtMs ?? 0) <= policy.windowSeconds * 1_000
        if (!isParent || !open) break
        return policy.answers === "same"
          ? this.#renewed(current)
          : this.#rotate(presented, token, nowMs)
      }
      case "confirm":
        if (isParent) return this.#renewed(current)
        break
      case "idempotent":
        // The key belongs to the token, so whoever sends it again sends the same key: it is honoured for ever, also when the
        // answer was used long ago.
        if (token.successor !== null) return this.#repeated(token.successor)
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

  /** The answer of the first use. */
  #repeated({ accessToken, refreshToken }: Successor): ServerAnswer {
    return this.#granted(accessToken, refreshToken)
  }

  /** The same refresh token with another access token. */
  #renewed(refreshToken: string): ServerAnswer {
    return this.#granted(this.#accessToken(refreshToken), refreshToken)
  }

  /** `refreshToken` null: the one that was presented stays. */
  #granted(accessToken: string, refreshToken: string | null): ServerAnswer {
    const { terse, narrows, garbage } = this.#faults
    const whole = answer(200, {
      access_token: accessToken,
      ...(terse ? {} : { token_type: "Bearer", expires_in: this.#options.lifetimeSeconds }),
      ...(refreshToken === null ? {} : { refresh_token: refreshToken }),
      ...(narrows ? { scope: "read" } : {}),
    })
    return garbage === null ? whole : spoilt(whole, garbage)
  }

  #accessToken(refreshToken: string): string {
    return `${CANARY}at-${(this.#serial += 1)}-of-${refreshToken}`
  }

  #reject(): ServerAnswer {
    this.counts.rejected += 1
    return answer(400, { error: "invalid_grant" })
  }
}

function answer(status: number, body: object, retryAfterSeconds?: number): ServerAnswer {
  const headers: [string, string][] = [["content-type", "application/json"]]
  if (retryAfterSeconds !== undefined) headers.push(["retry-after", String(retryAfterSeconds)])
  return { status, headers, body: JSON.stringify(body), complete: true }
}

function spoilt(whole: ServerAnswer, garbage: Garbage): ServerAnswer {
  const { body } = whole
  switch (garbage) {
    case "page":
      return {
        ...whole,
        headers: [["content-type", "text/html"]],
        body: "<html><p>Welcome to our network</p></html>",
      }
    case "empty":
      return { ...whole, body: "" }
    case "cut-late":
      return { ...whole, body: body.slice(0, -1), complete: false }
    case "cut-early":
      return { ...whole, body: body.slice(0, 24), complete: false }
    case "prefixed":
      return { ...whole, body: `)]}',\n${body}` }
    default:
      return garbage satisfies never
  }
}
