/**
 * The three members, the network between them and their account: what the scenes act upon. Decides the order in which it
 * all starts and ends, and what is asked of whom; the scenes decide what happens.
 */

import type { TokenResponse } from "../../src/core/oauth/types.ts"
import type { Account, Counts } from "./account.ts"
import { Member, RefusalError } from "./child.ts"
import { found, type Founded } from "./founding.ts"
import { countSent, type Sent } from "./journals.ts"
import { type Links, startLinks } from "./links.ts"
import type { Answers } from "./protocol.ts"

export const NAMES: readonly string[] = ["laptop", "desktop", "devbox"]
/** A member looks at itself this often, for the table. */
const WATCH_MS = 50
/** Longest wait for a token; the demonstration's own limit is longer. */
const PATIENCE_MS = 15_000

export interface WorldEvents {
  readonly changed: () => void
  readonly died: (what: string) => void
}

export class World {
  readonly account: Account
  readonly members: readonly Member[]
  readonly #links: Links
  readonly #founded: Founded
  readonly #cut = new Set<string>()
  /** Which member received which generation from the server. */
  readonly #refreshedBy = new Map<number, string>()
  readonly #knewLogin = new Set<string>()
  readonly #askedForLogin = new Set<string>()

  /** Makes profiles and network; no member runs yet. */
  static async make(account: Account, events: WorldEvents): Promise<World> {
    const links = await startLinks(NAMES)
    try {
      const founded = await found(NAMES, account.provider, (from, to) => links.address(from, to))
      return new World(account, links, founded, events)
    } catch (error) {
      await links.close()
      throw error
    }
  }

  private constructor(account: Account, links: Links, founded: Founded, events: WorldEvents) {
    this.account = account
    this.#links = links
    this.#founded = founded
    this.members = [...founded.directories].map(
      ([name, { path: profile }]) =>
        new Member({
          name,
          open: { type: "open", profile, provider: account.provider, watchMs: WATCH_MS },
          changed: (member) => {
            this.#watch(member)
            events.changed()
          },
          died: (member, how) => events.died(`${member.name} ended by itself (${how})`),
        }),
    )
  }

  member(name: string): Member {
    const member = this.members.find((one) => one.name === name)
    if (member === undefined) throw new Error(`no member is called ${name}`)
    return member
  }

  others(...names: readonly string[]): readonly Member[] {
    return this.members.filter(({ name }) => !names.includes(name))
  }

  /** Whom most running members take for the leader; null: nobody, or they disagree. */
  leader(): Member | null {
    const named = this.members.flatMap(({ seen }) => (seen === null ? [] : [seen.leader]))
    const [first] = named
    if (first == null || named.some((one) => one !== first)) return null
    return this.member(first)
  }

  isCut(name: string): boolean {
    return this.#cut.has(name)
  }

  cut(name: string): void {
    this.#cut.add(name)
    this.#links.cut(name)
  }

  heal(name: string): void {
    this.#cut.delete(name)
    this.#links.heal(name)
  }

  async login(at: string, tokens: TokenResponse, issuedAtMs: number): Promise<void> {
    await this.member(at).ask({ type: "login", tokens, issuedAtMs })
  }

  /** Resolves with the code of the refusal when the member gets no token in time. */
  async get(
    member: Member,
    mode: "need" | "force" | "refused",
    timeoutMs: number = PATIENCE_MS,
  ): Promise<Answers["get"] | string> {
    try {
      return await member.ask({ type: "get", mode, timeoutMs })
    } catch (error) {
      if (error instanceof RefusalError) return error.code
      throw error
    }
  }

  /** Uses the token of each of these members at the server. Null where the server has no such resource. */
  async use(members: readonly Member[]): Promise<readonly number[] | null> {
    const url = this.account.server?.userinfoEndpoint
    if (url === undefined) return null
    const answers = await Promise.all(members.map((one) => one.ask({ type: "fetch", url })))
    return answers.map(({ status }) => status)
  }

  /** The generation that a member shows; 0: none, or it does not run. */
  generation(member: Member): number {
    return member.seen?.generation ?? 0
  }

  all(generation: number, members: readonly Member[] = this.members): boolean {
    return members.every((one) => this.generation(one) === generation)
  }

  generations(members: readonly Member[] = this.members): string {
    return members.map((one) => `${one.name} ${one.seen?.generation ?? "-"}`).join(", ")
  }

  /** Every member's generation, then and now. */
  change(from: readonly number[], members: readonly Member[] = this.members): string {
    return members
      .map((one, at) => `${one.name} ${from[at] ?? "-"} → ${one.seen?.generation ?? "-"}`)
      .join(", ")
  }

  /** Who received this generation from the server; null: nobody said so. */
  refresher(generation: number): string | null {
    return this.#refreshedBy.get(generation) ?? null
  }

  courierDb(name: string): string {
    return this.#founded.directories.get(name)?.courierDb ?? ""
  }

  /** By the couriers' journals: what the members say they sent. */
  sent(): Sent {
    return countSent([...this.#founded.directories.values()].map(({ courierDb }) => courierDb))
  }

  /** Members that told a person to log in, after the login. */
  get askedForLogin(): readonly string[] {
    return [...this.#askedForLogin]
  }

  /** The server's own numbers, or what the members know where it does not tell. */
  counts(): Counts {
    const counted = this.account.counts()
    if (counted !== null) return counted
    const { posts, twice } = this.sent()
    const lost = this.#askedForLogin.size
    return {
      refreshes: this.#refreshedBy.size,
      posts,
      tokensSpentTwice: twice,
      familiesRevoked: Math.min(1, lost),
      relogins: 0,
    }
  }

  /** Ends what runs and removes what lies on the disk. Never throws: it is the last thing that happens. */
  async close(how: "gently" | "now"): Promise<void> {
    const ending = this.members.map((one) => (how === "now" ? one.kill() : one.close()))
    await Promise.allSettled(ending)
    await Promise.allSettled([this.#links.close(), this.account.close()])
    this.#founded.remove()
  }

  #watch(member: Member): void {
    const { seen, token } = member
    // The first generation is the login's.
    if (token?.here === true && token.generation > 1)
      this.#refreshedBy.set(token.generation, member.name)
    if (seen === null) return
    if (seen.generation > 0) this.#knewLogin.add(member.name)
    // Who has not heard of the login yet is right to ask for one; who had it must never ask, not even after a restart.
    else if (!this.#knewLogin.has(member.name)) return
    if (seen.stage === "relogin") this.#askedForLogin.add(member.name)
  }
}
