/**
 * The coordinator of a guest: what the host pushed, and requests to it. Decides what can be said of the member without
 * asking; every decision about tokens is the host's. It never sees a refresh token, except for a login that it brings.
 */

import type { ProviderSettings } from "../core/oauth/types.ts"
import { QuorateError } from "../core/base/errors.ts"
import type { TakeOverPreview } from "../core/refresh/takeover.ts"
import type { MemberId } from "../core/refresh/types.ts"
import type { GuestLink } from "../machine/guest-socket.ts"
import type { HostView } from "../machine/guest-protocol.ts"
import type { Clock } from "../ports/clock.ts"
import type {
  ClusterStatus,
  Coordinator,
  CoordinatorEvent,
  CurrentToken,
  LoginTokens,
} from "../ports/coordinator.ts"

export interface GuestParts {
  readonly link: GuestLink
  readonly clock: Clock
  /** The host is gone. Called once, before requests that wait are told; never after `close`. */
  readonly lost: () => void
  /** Longest wait for the host's answer, in ms: longer than the host itself waits for a quorum. @defaultValue 35_000 */
  readonly requestMs?: number | undefined
}

const REQUEST_MS = 35_000
/** Reads of the status ask the host for a newer one, at most so often. */
const LOOK_EVERY_MS = 250
const LOOK_MS = 30_000
/** An answer takes well under a millisecond; a host that owes one for so long is asleep or stuck. */
const SILENT_AFTER_MS = 2_000

export function guestCoordinator(parts: GuestParts): Coordinator {
  return new Guest(parts)
}

class Guest implements Coordinator {
  readonly #parts: GuestParts
  readonly #listeners = new Set<(event: CoordinatorEvent) => void>()
  #view: HostView
  #lookedAtMs = -Infinity
  #closed = false

  constructor(parts: GuestParts) {
    this.#parts = parts
    this.#view = parts.link.view
    parts.link.attach({
      view: (view) => this.#changed(view),
      member: (id, connected) => this.#emit({ type: "member", id, connected }),
      closed: () => this.#lost(),
    })
  }

  start(): Promise<void> {
    return Promise.resolve()
  }

  token(): CurrentToken | null {
    return this.#view.token
  }

  demand(epoch: number, generation: number, force: boolean): void {
    this.#parts.link.note({ type: "demand", epoch, generation, force })
    // A demand has no answer: this one tells whether the host hears at all.
    this.#look()
  }

  used(): void {
    this.#parts.link.note({ type: "used" })
  }

  provider(): ProviderSettings | null {
    return this.#view.provider
  }

  async configure(settings: ProviderSettings, clientSecret: string | null): Promise<void> {
    await this.#parts.link.call({ type: "configure", settings, clientSecret }, this.#requestMs)
  }

  async login(login: LoginTokens): Promise<CurrentToken> {
    const { token } = await this.#parts.link.call({ type: "login", login }, this.#requestMs)
    if (token === null) throw new QuorateError("INTERNAL", "internal", "a login without a token")
    return token
  }

  async logout(): Promise<void> {
    await this.#parts.link.call({ type: "logout" }, this.#requestMs)
  }

  async takeOver(preview: boolean): Promise<TakeOverPreview> {
    const { cost } = await this.#parts.link.call({ type: "take-over", preview }, this.#requestMs)
    if (cost === null)
      throw new QuorateError("INTERNAL", "internal", "a takeover without a preview")
    return cost
  }

  async remove(member: MemberId, holderIsGone: boolean): Promise<void> {
    await this.#parts.link.call({ type: "remove", member, holderIsGone }, this.#requestMs)
  }

  status(): ClusterStatus {
    this.#look()
    const since = this.#parts.link.waitingSinceMs
    const silent = since !== null && performance.now() - since > SILENT_AFTER_MS
    return derived(this.#view, this.#parts.clock, silent ? "host_silent" : null)
  }

  subscribe(listener: (event: CoordinatorEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  close(): Promise<void> {
    this.#closed = true
    this.#parts.link.close()
    return Promise.resolve()
  }

  get #requestMs(): number {
    return this.#parts.requestMs ?? REQUEST_MS
  }

  /** Changes without an event, such as another leader, come with the answer. */
  #look(): void {
    const now = this.#parts.clock.nowMs()
    if (this.#closed || this.#parts.link.waitingSinceMs !== null) return
    if (now - this.#lookedAtMs < LOOK_EVERY_MS) return
    this.#lookedAtMs = now
    this.#parts.link.call({ type: "look" }, LOOK_MS).catch(() => {
      // Nobody waits for it; a host that ended is told by `closed`.
    })
  }

  #changed(view: HostView): void {
    const before = this.#view
    this.#view = view
    if (!sameToken(before.token, view.token)) {
      this.#emit({ type: "token", token: view.token })
    }
    const { stage, cause } = before.status
    if (stage !== view.status.stage || cause !== view.status.cause) {
      this.#emit({ type: "status", status: this.status() })
    }
  }

  #lost(): void {
    if (this.#closed) return
    this.#closed = true
    this.#parts.lost()
  }

  #emit(event: CoordinatorEvent): void {
    for (const listener of this.#listeners) listener(event)
  }
}

/** True when a caller would get the same. */
export function sameToken(a: CurrentToken | null, b: CurrentToken | null): boolean {
  if (a === null || b === null) return a === b
  return a.accessToken === b.accessToken && a.epoch === b.epoch && a.generation === b.generation
}

/** True while the token serves. The wall clock may be set; what was told in one run of the machine holds only in that. */
export function isValid(token: CurrentToken | null, clock: Clock): boolean {
  return token !== null && clock.uptimeMs() < token.endsAtUptimeMs
}

/**
 * A status that was told some time ago, as it must read now: a token that has ended since is not ready, and without word
 * from a host (`trouble` says why) nothing is known of the quorum, nor whether somebody has logged in meanwhile.
 */
export function derived(
  { status: told, token }: { readonly status: ClusterStatus; readonly token: CurrentToken | null },
  clock: Clock,
  trouble: string | null,
): ClusterStatus {
  const { stage, cause, expiresAtMs, sinceMs } = told
  const known =
    trouble === null ? told : { ...told, quorum: false, leader: null, nextAttemptAtMs: null }
  const valid = isValid(token, clock)
  if (trouble !== null) {
    if (valid) return { ...known, stage: stage === "refreshing" ? stage : "ready", cause: trouble }
    const usable = stage === "ready" || stage === "refreshing"
    const since = usable ? Math.max(sinceMs, expiresAtMs ?? sinceMs) : sinceMs
    return { ...known, stage: "connecting", cause: trouble, sinceMs: since }
  }
  if (valid || stage !== "ready") return known
  const since = expiresAtMs ?? clock.wallMs()
  // What nobody had to see while the token was valid is now the reason why there is none.
  if (cause !== null) return { ...known, stage: "connecting", sinceMs: since }
  return { ...known, stage: "refreshing", cause: "idle", sinceMs: since }
}
