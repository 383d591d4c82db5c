/** A simulated cluster that is logged in, for tests of one story: it says what happens, nothing is drawn. */

import { seededRandom } from "../../src/core/base/random.ts"
import type { ProviderSettings, ReplayPolicy } from "../../src/core/oauth/types.ts"
import type { Fallback } from "../../src/core/refresh/alone.ts"
import type { LastResort } from "../../src/core/refresh/doubt.ts"
import type { ClusterStatus, Coordinator } from "../../src/ports/coordinator.ts"
import { type SimulatedMember, simulatedWorld, type World } from "../../src/testing/world.ts"

export interface ClusterOptions {
  /** Voters. @defaultValue 3 */
  readonly members?: number
  /** @defaultValue 0 */
  readonly learners?: number
  /** @defaultValue strict */
  readonly policy?: ReplayPolicy
  /** @defaultValue 600 */
  readonly lifetimeSeconds?: number
  /** @defaultValue "ask": whatever is sent twice then was sent twice by mistake */
  readonly lastResort?: LastResort
  /** @defaultValue "proof" */
  readonly fallback?: Fallback
  /** @defaultValue true */
  readonly courierSurvives?: boolean
}

/** Long enough for an election and everything after it. */
const SOON_MS = 20_000

export class Cluster {
  readonly world: World
  readonly #options: Required<ClusterOptions>

  constructor(options: ClusterOptions = {}) {
    this.#options = {
      members: 3,
      learners: 0,
      policy: { type: "strict" },
      lifetimeSeconds: 600,
      lastResort: "ask",
      fallback: "proof",
      courierSurvives: true,
      ...options,
    }
    const { members: voters, ...rest } = this.#options
    this.world = simulatedWorld({ random: seededRandom(1), voters, ...rest })
  }

  get members(): readonly SimulatedMember[] {
    return this.world.members
  }

  get nowMs(): number {
    return this.world.scheduler.nowMs
  }

  /** Of the members that run. */
  get running(): readonly Coordinator[] {
    return this.members.flatMap(({ coordinator }) => (coordinator === null ? [] : [coordinator]))
  }

  member(at: number): SimulatedMember {
    const member = this.members[at]
    if (member === undefined) throw new RangeError(`no member ${at}`)
    return member
  }

  /** @throws when it does not run. */
  at(at: number): Coordinator {
    const { coordinator } = this.member(at)
    if (coordinator === null) throw new Error(`member ${at} does not run`)
    return coordinator
  }

  status(at: number): ClusterStatus {
    return this.at(at).status()
  }

  /** `connecting no_quorum` of each member that runs, in order. */
  stages(): readonly string[] {
    return this.running.map((one) => {
      const { stage, cause } = one.status()
      return cause === null ? stage : `${stage} ${cause}`
    })
  }

  /** `epoch.generation` of each member that runs; `-`: no token. */
  heads(): readonly string[] {
    return this.running.map((one) => {
      const token = one.token()
      return token === null ? "-" : `${token.epoch}.${token.generation}`
    })
  }

  all(head: string): boolean {
    const heads = this.heads()
    return heads.length > 0 && heads.every((one) => one === head)
  }

  /** Somebody at this member wants a token newer than what it has. */
  demand(at: number, force = false): void {
    const token = this.at(at).token()
    if (token === null) throw new Error(`member ${at} has no token`)
    this.at(at).used()
    this.at(at).demand(token.epoch, token.generation, force)
  }

  /** Lets everything happen until it holds. @returns how long it took, in ms. */
  async until(what: string, holds: () => boolean, withinMs: number = SOON_MS): Promise<number> {
    const beganMs = this.nowMs
    // A cluster of one has promises to settle and nothing to wait for.
    await this.world.step()
    while (!holds()) {
      const nextMs = this.world.scheduler.nextAtMs()
      if (nextMs === null || nextMs > beganMs + withinMs) {
        const seen = [...this.stages(), ...this.heads()].join(", ")
        throw new Error(`not within ${withinMs} ms: ${what}; ${seen}`)
      }
      await this.world.step()
    }
    return this.nowMs - beganMs
  }

  async runFor(ms: number): Promise<void> {
    const endMs = this.nowMs + ms
    // Step by step: a cluster of one may have promises to settle although nothing is scheduled yet.
    while ((this.world.scheduler.nextAtMs() ?? Infinity) <= endMs) await this.world.step()
    await this.world.runUntil(endMs)
  }

  /** Runs past the end of the token that member 0 has. */
  async expire(): Promise<void> {
    const endsMs = (this.status(0).expiresAtMs ?? 0) - EPOCH_MS + CLOCK_ERROR_MS
    await this.runFor(Math.max(endsMs - this.nowMs, 0))
  }

  /** A new login of a family of its own, made at this member. */
  async login(at: number): Promise<{ readonly refreshToken: string; readonly family: number }> {
    const minted = this.world.server.mint()
    const tokens = {
      accessToken: minted.accessToken,
      tokenType: "Bearer",
      refreshToken: minted.refreshToken,
      expiresInSeconds: this.#options.lifetimeSeconds,
      scope: null,
      refreshExpiresInSeconds: null,
      subject: null,
    }
    const coordinator = this.at(at)
    const login = async (): Promise<void> => {
      await coordinator.configure(this.settings(), null)
      await coordinator.login({ tokens, issuedAtMs: EPOCH_MS + this.nowMs })
    }
    await this.finish(login())
    return minted
  }

  settings(): ProviderSettings {
    return {
      issuer: "https://as.example",
      tokenEndpoint: null,
      clientId: "simulated",
      clientAuthentication: "none",
      scope: null,
      replayPolicy: this.#options.policy,
    }
  }

  /** Lets everything happen until the promise settles. */
  async finish(work: Promise<unknown>): Promise<void> {
    const [settle, settled] = outcomeOf(work)
    await this.until("it is done", () => settled() !== null)
    await settle
  }

  /** A cluster whose members all have the first token. */
  static async loggedIn(options: ClusterOptions = {}): Promise<Cluster> {
    const cluster = new Cluster(options)
    for (const member of cluster.members) member.start()
    await cluster.until("there is a leader", () => cluster.running.every(isLed))
    await cluster.login(0)
    await cluster.until("all have the login", () => cluster.all("1.1"))
    return cluster
  }
}

/** The world's time 0, and how wrong a member's clock may be. */
const EPOCH_MS = 1_800_000_000_000
const CLOCK_ERROR_MS = 1_000

function isLed(member: Coordinator): boolean {
  return member.status().leader !== null
}

function outcomeOf(work: Promise<unknown>): readonly [Promise<unknown>, () => string | null] {
  let outcome: string | null = null
  const settled = work.then(
    () => (outcome = "done"),
    () => (outcome = "failed"),
  )
  void settled
  return [work, () => outcome]
}
