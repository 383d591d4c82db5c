/**
 * The public object: serves the current token, waits for a newer one, tells what happens. Decides when a caller's wait
 * ends; who refreshes and when is the coordinator's business.
 */

import { isOlder } from "../core/refresh/head.ts"
import { createHash } from "node:crypto"

import { PendingRefreshError, QuorateError } from "../core/base/errors.ts"
import type { ProviderSettings, TokenResponse } from "../core/oauth/types.ts"
import type { TakeOverPreview } from "../core/refresh/takeover.ts"
import { describeStage } from "../core/refresh/describe.ts"
import type { Clock } from "../ports/clock.ts"
import type { ClusterStatus, Coordinator, CurrentToken } from "../ports/coordinator.ts"
import { whileAwake } from "./awake.ts"
import { fetchWith } from "./fetch.ts"
import { publicToken } from "./types.ts"
import type { GetTokenOptions, Session, SessionEvent, Token } from "./types.ts"

export interface SessionParts {
  readonly coordinator: Coordinator
  readonly clock: Clock
  /** What this profile was set up with; null: it joined, and knows the provider from the log alone. */
  readonly provider: {
    readonly settings: ProviderSettings
    readonly clientSecret: string | null
  } | null
  /** Called once, when the coordinator has let go of everything. */
  readonly release: () => void
}

const TIMEOUT_MS = 30_000
/** An account that was used within minutes is kept fresh: the member need not hear of every call, of each token of one. */
const USED_EVERY_MS = 5_000

/** A caller that waits for a token newer than what it has seen. */
interface Waiter {
  readonly epoch: number
  readonly generation: number
  readonly settle: (token: CurrentToken) => void
  readonly fail: (error: unknown) => void
}

export class ClusterSession implements Session {
  readonly #parts: SessionParts
  readonly #waiters = new Set<Waiter>()
  readonly #listeners = new Set<(event: SessionEvent) => void>()
  #unsubscribe: (() => void) | null
  /** What the member was last told of, and when by the machine's uptime. */
  #used: { readonly token: CurrentToken | null; readonly at: number } = { token: null, at: 0 }
  #closed = false

  constructor(parts: SessionParts) {
    this.#parts = parts
    this.#unsubscribe = parts.coordinator.subscribe((event) => {
      if (event.type === "token") this.#tokenChanged(event.token)
      else if (event.type === "status") this.#statusChanged(event.status)
      this.#emit(
        event.type === "token"
          ? { type: "token", token: event.token && publicToken(event.token, sourceOf(event.token)) }
          : event,
      )
    })
  }

  async getToken(options: GetTokenOptions = {}): Promise<Token> {
    this.#alive()
    options.signal?.throwIfAborted()
    const { coordinator } = this.#parts
    const token = coordinator.token()
    const mode = options.mode ?? "refresh-if-needed"
    const at = this.#parts.clock.uptimeMs()
    if (token !== null && mode !== "force" && serves(token, options, at)) {
      // A reader that may not refresh is no reason to keep the account fresh either.
      if (mode !== "cached-only") this.#use(token, at)
      return publicToken(token, "cache")
    }
    if (mode === "cached-only") throw noValidToken()
    this.#refuseHopeless()
    const next = await whileAwake(this.#newerThan(token, options, mode === "force"))
    coordinator.used()
    return publicToken(next, sourceOf(next))
  }

  peekToken(): Token {
    this.#alive()
    const { coordinator } = this.#parts
    const token = coordinator.token()
    const at = this.#parts.clock.uptimeMs()
    if (token !== null && serves(token, {}, at)) {
      this.#use(token, at)
      return publicToken(token, "cache")
    }
    this.#refuseHopeless()
    if (token !== null) coordinator.demand(token.epoch, token.generation, false)
    throw new PendingRefreshError()
  }

  status(): ClusterStatus {
    return this.#parts.coordinator.status()
  }

  subscribe(listener: (event: SessionEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  fetch(input: string | URL | Request, init?: RequestInit): Promise<Response> {
    return fetchWith((options) => this.getToken(options), input, init)
  }

  async login(tokens: TokenResponse, issuedAtMs: number): Promise<Token> {
    this.#alive()
    const { coordinator, provider } = this.#parts
    const configured =
      provider === null
        ? Promise.resolve()
        : coordinator.configure(provider.settings, provider.clientSecret)
    const login = configured.then(() => coordinator.login({ tokens, issuedAtMs }))
    return publicToken(await whileAwake(login), "refresh")
  }

  async logout(): Promise<void> {
    this.#alive()
    await whileAwake(this.#parts.coordinator.logout())
  }

  takeOver(options: { readonly preview?: boolean | undefined } = {}): Promise<TakeOverPreview> {
    this.#alive()
    return whileAwake(this.#parts.coordinator.takeOver(options.preview ?? false))
  }

  async removeMember(
    id: string,
    options: { readonly holderIsGone?: boolean | undefined } = {},
  ): Promise<void> {
    this.#alive()
    await whileAwake(this.#parts.coordinator.remove(id, options.holderIsGone ?? false))
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#unsubscribe?.()
    this.#unsubscribe = null
    const closed = new QuorateError("CLOSED", "retryable", "the session was closed")
    for (const waiter of this.#waiters) waiter.fail(closed)
    try {
      await whileAwake(this.#parts.coordinator.close())
    } finally {
      this.#parts.release()
    }
  }

  #alive(): void {
    if (this.#closed) throw new QuorateError("CLOSED", "retryable", "the session was closed")
  }

  #use(token: CurrentToken, at: number): void {
    if (token === this.#used.token && at - this.#used.at < USED_EVERY_MS) return
    this.#used = { token, at }
    this.#parts.coordinator.used()
  }

  /** Waiting would be in vain: only a person can help. */
  #refuseHopeless(): void {
    const status = this.status()
    if (status.stage !== "relogin") return
    const { coordinator } = this.#parts
    const token = coordinator.token()
    // Stuck is not dead: somebody who wants the token may be what it takes to go on.
    if (token !== null && status.cause === "stuck") {
      coordinator.demand(token.epoch, token.generation, false)
    }
    throw loginRequired(status)
  }

  #newerThan(
    seen: CurrentToken | null,
    options: GetTokenOptions,
    force: boolean,
  ): Promise<CurrentToken> {
    const { clock, coordinator } = this.#parts
    const { signal } = options
    return new Promise((resolve, reject) => {
      const finish = (): void => {
        this.#waiters.delete(waiter)
        cancel()
        signal?.removeEventListener("abort", onAbort)
      }
      const onAbort = (): void => waiter.fail(signal?.reason)
      const waiter: Waiter = {
        epoch: seen?.epoch ?? 0,
        generation: seen?.generation ?? 0,
        settle: (token) => (finish(), resolve(token)),
        fail: (error) => (finish(), reject(error)),
      }
      const timeoutMs = options.timeoutMs ?? TIMEOUT_MS
      const cancel = clock.timer(clock.nowMs() + timeoutMs, () =>
        waiter.fail(timedOut(timeoutMs, this.status())),
      )
      signal?.addEventListener("abort", onAbort, { once: true })
      this.#waiters.add(waiter)
      if (seen !== null) coordinator.demand(seen.epoch, seen.generation, force)
    })
  }

  #tokenChanged(token: CurrentToken | null): void {
    if (token === null) return
    for (const waiter of this.#waiters) {
      if (isOlder(waiter, token)) waiter.settle(token)
    }
  }

  #statusChanged(status: ClusterStatus): void {
    if (status.stage !== "relogin") return
    for (const waiter of this.#waiters) waiter.fail(loginRequired(status))
  }

  #emit(event: SessionEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event)
      } catch (error) {
        // A listener's defect is the application's to see; it stops neither a member in the middle of its work nor the
        // application, which an uncaught exception would.
        process.emitWarning(error instanceof Error ? error : String(error))
      }
    }
  }
}

function serves(token: CurrentToken, options: GetTokenOptions, at: number): boolean {
  const left = token.endsAtUptimeMs - at
  return left > 0 && left >= (options.minTtlMs ?? 0) && !isRejected(token, options.rejected)
}

function sourceOf(token: CurrentToken): Token["source"] {
  return token.refreshedHere ? "refresh" : "adopted"
}

function isRejected(token: CurrentToken, rejected: string | undefined): boolean {
  if (rejected === undefined) return false
  if (!rejected.startsWith("sha256:")) return rejected === token.accessToken
  const digest = createHash("sha256").update(token.accessToken).digest("hex")
  return rejected.slice("sha256:".length).toLowerCase() === digest
}

function noValidToken(): QuorateError {
  return new QuorateError("NO_VALID_TOKEN", "retryable", "no valid token is at hand", {
    hint: "call without cached-only to refresh it",
  })
}

function loginRequired(status: ClusterStatus): QuorateError {
  const { cause } = status
  // Where opening another device may save the login, that is said first.
  const hint = cause === "stuck" ? describeStage(status).title : "run `quorate login`"
  return new QuorateError("LOGIN_REQUIRED", "login", `a login is needed (${cause ?? "unknown"})`, {
    hint,
  })
}

function timedOut(timeoutMs: number, status: ClusterStatus): QuorateError {
  const because = status.cause === null ? status.stage : `${status.stage}, ${status.cause}`
  const message = `no valid token within ${timeoutMs} ms (${because})`
  return new QuorateError("TIMEOUT", "retryable", message, { hint: "see `quorate status`" })
}
