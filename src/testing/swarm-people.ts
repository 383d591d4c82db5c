/** The people and applications of a simulated account: they use the token, log in when they are asked to, log out, and
 * remove a member. */

import type { ReplayPolicy } from "../core/oauth/types.ts"
import { isQuorateError } from "../core/base/errors.ts"
import type { ClusterStatus } from "../ports/coordinator.ts"
import { CANARY } from "./simulated-server.ts"
import { nameOf } from "./swarm-invariants.ts"
import type { SimulatedMember, World } from "./world.ts"

/** A person who was asked to log in tries elsewhere after this. */
const LOGIN_PATIENCE_MS = 20_000
/** An application asks for a token that lives this long. */
const MIN_TTL_MS = 5_000
/** A doubt that would last longer than this is ended by a new login, although the token is still of use. */
const LONG_DOUBT_MS = 15 * 60_000
/** An impatient person looks at "connecting" this long. */
const IMPATIENT_MS = 20_000

export interface PeopleParts {
  readonly world: World
  /** The first of its members. */
  readonly voters: number
  readonly policy: ReplayPolicy
  readonly lifetimeSeconds: number
  readonly impatient: boolean
  readonly note: (line: string) => void
  readonly complain: (what: string) => void
  /** Somebody accepted what a second use may cost, for this login. */
  readonly consent: (epoch: number) => void
}

export class People {
  readonly #parts: PeopleParts
  #loginAgainMs = 0
  #family: number | null = null
  #removed: SimulatedMember | null = null

  constructor(parts: PeopleParts) {
    this.#parts = parts
  }

  /** Of the newest login; null before the first. */
  family(): number | null {
    return this.#family
  }

  /** @param force a caller that was refused with this token. */
  use(member: SimulatedMember, force: boolean): void {
    const { coordinator } = member
    if (coordinator === null || !this.counts(member)) return
    const status = coordinator.status()
    if (this.#wantsLogin(member, status)) return this.#loginOnce(member)
    const token = coordinator.token()
    if (token === null) return
    coordinator.used()
    if (!force && token.expiresAtMs > member.wallMs() + MIN_TTL_MS) return
    this.#parts.note(`${nameOf(member)} demands a successor of ${token.epoch}.${token.generation}`)
    coordinator.demand(token.epoch, token.generation, force)
  }

  login(member: SimulatedMember): void {
    const { coordinator } = member
    if (coordinator === null) return
    const { world, policy, lifetimeSeconds } = this.#parts
    const minted = world.server.mint()
    this.#family = minted.family
    const settings = {
      issuer: "https://as.example",
      tokenEndpoint: null,
      clientId: "simulated",
      clientAuthentication: "none" as const,
      scope: null,
      replayPolicy: policy,
    }
    const tokens = {
      accessToken: minted.accessToken,
      tokenType: "Bearer",
      refreshToken: minted.refreshToken,
      expiresInSeconds: lifetimeSeconds,
      scope: null,
      refreshExpiresInSeconds: null,
      subject: null,
    }
    this.#parts.note(`${nameOf(member)} logs in with ${minted.refreshToken}`)
    this.#ask("login", async () => {
      await coordinator.configure(settings, null)
      await coordinator.login({ tokens, issuedAtMs: member.wallMs() })
    })
  }

  /** They accept what it may cost. */
  takeOver(member: SimulatedMember): void {
    const { coordinator } = member
    if (coordinator === null) return
    this.#parts.note(`a person takes over at ${nameOf(member)}`)
    this.#parts.consent(coordinator.status().epoch)
    this.#ask("takeover", () => coordinator.takeOver(false))
  }

  /** At `member`, which cannot know what `other` is doing at this moment. One in a story: the others must be able to go on. */
  remove(member: SimulatedMember, other: SimulatedMember, holderIsGone: boolean): boolean {
    const { coordinator } = member
    if (coordinator === null || member === other || this.#removed !== null) return false
    // Nobody could commit anything any more.
    if (this.#parts.voters === 1 && other.at === 0) return false
    this.#parts.note(
      `a person removes ${nameOf(other)} at ${nameOf(member)}, gone: ${holderIsGone}`,
    )
    this.#removed = other
    if (holderIsGone) this.#parts.consent(coordinator.status().epoch)
    this.#ask("removal", () => coordinator.remove(other.id, holderIsGone))
    return true
  }

  /** Nobody removed it, or asked for it. */
  counts(member: SimulatedMember): boolean {
    return member !== this.#removed
  }

  logout(member: SimulatedMember): void {
    const { coordinator } = member
    if (coordinator === null) return
    this.#parts.note(`${nameOf(member)} logs out`)
    this.#ask("logout", () => coordinator.logout())
  }

  #loginOnce(member: SimulatedMember): void {
    const { nowMs } = this.#parts.world.scheduler
    if (nowMs < this.#loginAgainMs) return
    this.#loginAgainMs = nowMs + LOGIN_PATIENCE_MS
    this.login(member)
  }

  #wantsLogin(
    member: SimulatedMember,
    { stage, cause, sinceMs, expiresAtMs }: ClusterStatus,
  ): boolean {
    if (stage === "relogin") return true
    const leftMs = (expiresAtMs ?? 0) - member.wallMs()
    if (cause === "in_doubt" && leftMs > LONG_DOUBT_MS) return true
    const waited = member.wallMs() - sinceMs
    return this.#parts.impatient && stage === "connecting" && waited > IMPATIENT_MS
  }

  /** That nobody committed it is an answer; what the answer says must not hold a token. */
  #ask(what: string, act: () => Promise<unknown>): void {
    const { world, note, complain } = this.#parts
    world.ask(async () => {
      try {
        await act()
      } catch (error) {
        const text = isQuorateError(error) ? `${error.code} ${error.message} ${error.hint}` : "died"
        note(`the ${what} failed: ${text.split(" ")[0]}`)
        if (text.includes(CANARY)) complain(`a token shows in the error of a ${what}`)
      }
    })
  }
}
