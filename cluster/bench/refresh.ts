/**
 * How long a refresh takes from the moment one member asks for it until all three have the new pair, beside a bare POST of
 * one process to the same server in the same minutes. Decides what is measured and between which two moments.
 */

import { parseTokenImport } from "../../src/core/oauth/import.ts"
import { Member } from "../demo/child.ts"
import { found } from "../demo/founding.ts"
import { freePorts, loopback } from "../demo/links.ts"
import { Authority } from "./authority.ts"
import { Bare } from "./bare.ts"
import type { ServedRefresh } from "./server.ts"

export interface RefreshOptions {
  readonly warmUps: number
  readonly rounds: number
  /** Between two rounds, in ms: what a member tidies up after a refresh is not part of the next one. */
  readonly gapMs: number
}

/** One round, in ms. */
export interface Round {
  /** From the demand until all three members have the new pair. */
  readonly total: number
  /** From the demand until the one that asked has it. */
  readonly asker: number
  /** The demand, until the server has the whole request: turn agreed, token taken out, connected, recorded. */
  readonly toServer: number
  /** The server's own time, by its counter. */
  readonly server: number
  /** From the new pair at the server until the one that asked has it committed: answer, record, agreement. */
  readonly toAsker: number
  /** From there until the last member has it. */
  readonly toAll: number
  readonly askedByLeader: boolean
  /** A bare refresh by one process right after it, on a new connection. */
  readonly bare: number
  /** The server's own time for the bare one. */
  readonly bareServer: number
}

export interface RefreshReport {
  readonly rounds: readonly Round[]
  readonly posts: number
  readonly spentTwice: number
}

const NAMES = ["one", "two", "three"] as const
const PATIENCE_MS = 10_000

/** The three members and when each had which generation. */
class Watched {
  readonly members: readonly Member[]
  readonly #at = new Map<string, number>()
  #look = (): void => undefined
  #fail: (error: Error) => void = () => undefined
  #failure: Error | null = null

  constructor(profiles: ReadonlyMap<string, string>, issuer: string, clientId: string) {
    this.members = [...profiles].map(
      ([name, profile]) =>
        new Member({
          name,
          open: { type: "open", profile, provider: { issuer, clientId }, watchMs: null },
          changed: ({ token }) => {
            if (token !== null) this.#at.set(`${name} ${token.generation}`, token.at)
            this.#look()
          },
          died: (_, how) => this.stop(new Error(`${name} ended (${how})`)),
        }),
    )
  }

  at(member: Member, generation: number): number | undefined {
    return this.#at.get(`${member.name} ${generation}`)
  }

  /** Whoever waits, now or later, fails with this. */
  stop(error: Error): void {
    this.#failure ??= error
    this.#fail(this.#failure)
  }

  /** Resolves with the moment at which the last member had it. */
  all(generation: number): Promise<number> {
    if (this.#failure !== null) return Promise.reject(this.#failure)
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error("a member did not follow")), PATIENCE_MS)
      this.#fail = (error) => {
        clearTimeout(late)
        reject(error)
      }
      this.#look = () => {
        const times = this.members.map((one) => this.at(one, generation) ?? Number.NaN)
        if (times.some(Number.isNaN)) return
        clearTimeout(late)
        this.#look = () => undefined
        resolve(Math.max(...times))
      }
      this.#look()
    })
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms))
}

interface Timed {
  readonly askedAt: number
  readonly askerAt: number
  readonly allAt: number
  readonly askedByLeader: boolean
  readonly bare: number
}

async function round(watched: Watched, bare: Bare, asker: Member, head: number): Promise<Timed> {
  const got = await asker.ask({ type: "get", mode: "force", timeoutMs: PATIENCE_MS })
  if (got.generation !== head + 1) throw new Error("somebody refreshed who was not asked")
  const allAt = await watched.all(head + 1)
  const { leader } = await asker.ask({ type: "leader" })
  return {
    askedAt: got.askedAt,
    askerAt: watched.at(asker, head + 1) ?? Number.NaN,
    allAt,
    askedByLeader: leader === asker.name,
    bare: await bare.refresh(),
  }
}

/** Cluster and bare client take turns, so the server's account alternates between them. */
function roundOf(timed: Timed, at: number, served: readonly ServedRefresh[]): Round {
  const ours = served[2 * at]
  const other = served[2 * at + 1]
  if (ours === undefined || other === undefined) throw new Error("the server counted otherwise")
  return {
    total: timed.allAt - timed.askedAt,
    asker: timed.askerAt - timed.askedAt,
    toServer: ours.arrivedAt - timed.askedAt,
    server: ours.ownMs,
    toAsker: timed.askerAt - ours.committedAt,
    toAll: timed.allAt - timed.askerAt,
    askedByLeader: timed.askedByLeader,
    bare: timed.bare,
    bareServer: other.ownMs,
  }
}

/** Runs the cluster for a few seconds on temporary profiles; removes them. */
export async function measureRefresh(options: RefreshOptions): Promise<RefreshReport> {
  const server = new Authority()
  const { issuer, clientId } = await server.hear("listening")
  const ports = await freePorts(NAMES.length)
  const port = new Map<string, number>(NAMES.map((name, at) => [name, ports[at] ?? 0]))
  const founded = await found(NAMES, { issuer, clientId }, (_, to) => loopback(port.get(to) ?? 0))
  const profiles = new Map([...founded.directories].map(([name, { path }]) => [name, path]))
  const watched = new Watched(profiles, issuer, clientId)
  const interrupted = (): void => watched.stop(new Error("interrupted"))
  process.once("SIGINT", interrupted)
  try {
    await Promise.all(watched.members.map((one) => one.start()))
    const [first] = watched.members
    if (first === undefined) throw new Error("no members")
    const minted = await server.ask("mint", "minted")
    const parsed = parseTokenImport(JSON.stringify(minted.tokens))
    if (!parsed.ok) throw new Error(parsed.problem)
    const { tokens } = parsed.value
    await first.ask({
      type: "login",
      tokens: { ...tokens, expiresInSeconds: minted.tokens.expires_in },
      issuedAtMs: Date.now(),
    })
    await watched.all(1)
    const other = await server.ask("mint", "minted")
    const bare = new Bare(`${issuer}/token`, clientId, other.tokens.refresh_token)
    const timed: Timed[] = []
    for (let at = 0; at < options.warmUps + options.rounds; at += 1) {
      const asker = watched.members[at % watched.members.length] ?? first
      timed.push(await round(watched, bare, asker, at + 1))
      await pause(options.gapMs)
    }
    const { served, posts, spentTwice } = await server.ask("account", "account")
    const rounds = timed.map((one, at) => roundOf(one, at, served)).slice(options.warmUps)
    return { rounds, posts, spentTwice }
  } finally {
    process.off("SIGINT", interrupted)
    await Promise.allSettled(watched.members.map((one) => one.close()))
    server.close()
    founded.remove()
  }
}
