/** A coordinator that records what it hears and says what a test tells it to. */

import type { ProviderSettings } from "../../src/core/oauth/types.ts"
import type { TakeOverPreview } from "../../src/core/refresh/takeover.ts"
import type {
  ClusterStatus,
  Coordinator,
  CoordinatorEvent,
  CurrentToken,
} from "../../src/ports/coordinator.ts"

export class FakeMember implements Coordinator {
  readonly heard: string[] = []
  readonly #listeners = new Set<(event: CoordinatorEvent) => void>()
  current: CurrentToken | null = null
  told: Partial<ClusterStatus> = {}
  /** Thrown by the next calls. */
  failure: Error | null = null
  /** Calls never come back. */
  stuck = false

  start(): Promise<void> {
    return Promise.resolve()
  }

  token(): CurrentToken | null {
    return this.current
  }

  demand(epoch: number, generation: number, force: boolean): void {
    this.heard.push(`demand ${epoch}.${generation}${force ? " force" : ""}`)
  }

  used(): void {
    this.heard.push("used")
  }

  provider(): ProviderSettings | null {
    return null
  }

  configure(): Promise<void> {
    return this.#answer("configure")
  }

  async login(): Promise<CurrentToken> {
    await this.#answer("login")
    if (this.current === null) throw new TypeError("the test gave no token")
    return this.current
  }

  logout(): Promise<void> {
    return this.#answer("logout")
  }

  async takeOver(preview: boolean): Promise<TakeOverPreview> {
    await this.#answer(preview ? "preview" : "take over")
    return { type: "risky", because: "in_doubt", holder: "m.2" }
  }

  remove(member: string, holderIsGone: boolean): Promise<void> {
    return this.#answer(`remove ${member}${holderIsGone ? ", gone" : ""}`)
  }

  status(): ClusterStatus {
    return {
      stage: "ready",
      cause: null,
      sinceMs: 0,
      nextAttemptAtMs: null,
      generation: this.current?.generation ?? 0,
      epoch: this.current?.epoch ?? 0,
      expiresAtMs: this.current?.expiresAtMs ?? null,
      quorum: true,
      leader: "m.1",
      leaderSeenAtMs: 0,
      holder: null,
      suspects: [],
      courier: "process",
      role: "leader",
      members: [],
      ...this.told,
    }
  }

  subscribe(listener: (event: CoordinatorEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  tell(event: CoordinatorEvent): void {
    for (const listener of this.#listeners) listener(event)
  }

  close(): Promise<void> {
    this.heard.push("close")
    return Promise.resolve()
  }

  async #answer(what: string): Promise<void> {
    this.heard.push(what)
    if (this.failure !== null) throw this.failure
    if (this.stuck) await new Promise(() => {})
  }
}
