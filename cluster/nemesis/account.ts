/**
 * The account at the authorization server, seen from the parent of its process: asks for logins, turns knobs, and keeps the
 * server's own history of what arrived and what was issued. Decides what belongs to which login; judges nothing.
 */

import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"

import type {
  AuthorizationServerCounters,
  AuthorizationServerKnobs,
  MintedTokens,
} from "../../src/testing/authorization-server.ts"

export type Knobs = Pick<AuthorizationServerKnobs, "delayBeforeCommitMs" | "delayAfterCommitMs">

/** SHA-256 of a pair's tokens, hexadecimal. */
export interface Hashes {
  readonly access: string
  readonly refresh: string
}

export type ServerQuestion =
  | { readonly type: "knobs"; readonly id: number; readonly knobs: Partial<Knobs> }
  | { readonly type: "mint" | "counters"; readonly id: number }

/** Times are `machineMs`. Tokens are the server's numbers. */
export type ServerEvent =
  | { readonly type: "listening"; readonly issuer: string; readonly clientId: string }
  | {
      readonly type: "arrived"
      readonly token: number
      readonly posts: number
      readonly at: number
    }
  | {
      readonly type: "committed"
      readonly token: number
      readonly successor: number
      readonly hashes: Hashes
      readonly at: number
      /** When its answer leaves. */
      readonly answersAt: number
    }
  | {
      readonly type: "rejected"
      readonly token: number
      readonly error: string
      readonly at: number
    }
  | { readonly type: "turned"; readonly id: number }
  | {
      readonly type: "minted"
      readonly id: number
      readonly tokens: MintedTokens
      readonly token: number
      readonly hashes: Hashes
    }
  | {
      readonly type: "counters"
      readonly id: number
      readonly counters: AuthorizationServerCounters
    }

export type Served = Extract<ServerEvent, { type: "arrived" | "committed" | "rejected" }>

/** One login and all that came of it. */
export interface Family {
  /** Of its pairs in order of birth, the login's first: generation n is at n - 1. */
  readonly pairs: { readonly token: number; readonly hashes: Hashes }[]
}

const SCRIPT = fileURLToPath(new URL("server.ts", import.meta.url))

export class Account {
  readonly issuer: string
  readonly clientId: string
  readonly families: Family[] = []
  readonly events: Served[] = []
  /** What it writes to its stderr: a connection that is cut is worth a line to it. */
  stderr = ""
  /** Called with each event when it is part of the history. */
  happened: (event: Served) => void = () => undefined
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, (event: ServerEvent) => void>()
  #ids = 0
  #inFlight = 0

  static async start(): Promise<Account> {
    const child = spawn(process.execPath, [SCRIPT], {
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    })
    const [first] = (await once(child, "message")) as [ServerEvent]
    if (first.type !== "listening") throw new Error(`the server said ${first.type}`)
    return new Account(child, first.issuer, first.clientId)
  }

  private constructor(child: ChildProcess, issuer: string, clientId: string) {
    this.#child = child
    this.issuer = issuer
    this.clientId = clientId
    child.on("message", (event: ServerEvent) => this.#hear(event))
    child.stderr?.setEncoding("utf8").on("data", (text: string) => (this.stderr += text))
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /** The present login. */
  get family(): Family {
    const family = this.families.at(-1)
    if (family === undefined) throw new Error("nobody has logged in yet")
    return family
  }

  /** The newest generation that the server issued for the present login. */
  get generation(): number {
    return this.family.pairs.length
  }

  /** Requests that arrived and were neither granted nor refused yet. */
  get inFlight(): number {
    return this.#inFlight
  }

  async turn(knobs: Partial<Knobs>): Promise<void> {
    await this.#ask({ type: "knobs", id: (this.#ids += 1), knobs }, "turned")
  }

  /** A new login, whose family is the present one from now on. */
  async mint(): Promise<MintedTokens> {
    const { tokens } = await this.#ask({ type: "mint", id: (this.#ids += 1) }, "minted")
    return tokens
  }

  async counters(): Promise<AuthorizationServerCounters> {
    const id = (this.#ids += 1)
    return (await this.#ask({ type: "counters", id }, "counters")).counters
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null) return
    const closed = once(this.#child, "close")
    this.#child.kill("SIGKILL")
    await closed
  }

  #ask<K extends "turned" | "minted" | "counters">(
    question: ServerQuestion,
    type: K,
  ): Promise<Extract<ServerEvent, { type: K }>> {
    return new Promise((resolve, reject) => {
      this.#waiting.set(question.id, (event) => {
        if (event.type === type) resolve(event as Extract<ServerEvent, { type: K }>)
        else reject(new Error(`the server said ${event.type}, not ${type}`))
      })
      this.#child.send(question, (error) => error !== null && reject(error))
    })
  }

  #hear(event: ServerEvent): void {
    switch (event.type) {
      case "listening":
        return
      case "arrived":
      case "rejected":
        break
      case "committed":
        this.families
          .find(({ pairs }) => pairs.at(-1)?.token === event.token)
          ?.pairs.push({ token: event.successor, hashes: event.hashes })
        break
      case "minted":
        this.families.push({ pairs: [{ token: event.token, hashes: event.hashes }] })
        this.#waiting.get(event.id)?.(event)
        return
      case "turned":
      case "counters":
        this.#waiting.get(event.id)?.(event)
        return
      default:
        return event satisfies never
    }
    this.#inFlight += event.type === "arrived" ? 1 : -1
    this.events.push(event)
    this.happened(event)
  }
}
