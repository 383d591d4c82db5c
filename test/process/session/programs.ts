/** Programs of one profile in processes of their own, and the authorization server they all talk to. */

import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { DatabaseSync } from "node:sqlite"

import { onTestFinished } from "vitest"

import type { ProviderOptions } from "../../../src/wire/options.ts"
import type { ClusterStatus, GetTokenOptions, Token } from "../../../src/session/types.ts"
import {
  type AuthorizationServer,
  type AuthorizationServerOptions,
  startAuthorizationServer,
} from "../../../src/testing/authorization-server.ts"
import type { Order } from "./program.ts"

interface Failure {
  readonly code: string
  readonly message: string
  readonly hint: string | null
}

type Answer =
  | { readonly id: number; readonly value: unknown; readonly error?: undefined }
  | { readonly id: number; readonly error: Failure }

/** What a program was told instead of an answer. */
export class Told extends Error {
  readonly code: string
  readonly hint: string | null

  constructor(told: Failure) {
    super(told.message)
    this.code = told.code
    this.hint = told.hint
  }
}

export class Program {
  readonly process: ChildProcess
  readonly #exit: Promise<unknown>
  readonly #waiting = new Map<number, (answer: Answer) => void>()
  #ids = 0

  /** @param within a command that runs another one in its place. */
  constructor(within: readonly string[] = []) {
    const path = new URL("program.ts", import.meta.url).pathname
    const [command, ...args] = [...within, process.execPath, path]
    this.process = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] })
    this.#exit = once(this.process, "exit")
    // Orders to a killed program go nowhere.
    this.process.stdin?.on("error", () => {})
    createInterface({ input: this.process.stdout! }).on("line", (line) => {
      const answer = JSON.parse(line) as Answer
      this.#waiting.get(answer.id)?.(answer)
    })
  }

  open(profile: string, provider?: ProviderOptions): Promise<null> {
    return this.#order({ type: "open", options: { profile, provider } })
  }

  token(options: GetTokenOptions = {}): Promise<Token> {
    return this.#order({ type: "token", options })
  }

  status(): Promise<ClusterStatus> {
    return this.#order({ type: "status" })
  }

  generations(): Promise<readonly number[]> {
    return this.#order({ type: "generations" })
  }

  close(): Promise<null> {
    return this.#order({ type: "close" })
  }

  async login(server: AuthorizationServer): Promise<Token> {
    const minted = await server.mint()
    return this.#order({
      type: "login",
      accessToken: minted.access_token,
      refreshToken: minted.refresh_token,
      lifetimeSeconds: minted.expires_in,
    })
  }

  signal(name: "SIGSTOP" | "SIGTSTP" | "SIGCONT"): void {
    this.process.kill(name)
  }

  /** SIGKILL; resolves when it is gone. */
  async kill(): Promise<void> {
    this.process.kill("SIGKILL")
    await this.#exit
  }

  #order<T>(order: Order): Promise<T> {
    const id = (this.#ids += 1)
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, (answer) => {
        this.#waiting.delete(id)
        if (answer.error === undefined) resolve(answer.value as T)
        else reject(new Told(answer.error))
      })
      this.process.stdin?.write(`${JSON.stringify({ id, order })}\n`)
    })
  }
}

/** Started, killed when the test is over. */
export function program(within: readonly string[] = []): Program {
  const started = new Program(within)
  onTestFinished(() => started.kill())
  return started
}

export interface Stage {
  readonly server: AuthorizationServer
  readonly profile: string
  readonly provider: ProviderOptions
}

/** An authorization server and the path of a profile that nobody made yet. */
export async function stage(options: AuthorizationServerOptions = {}): Promise<Stage> {
  const server = await startAuthorizationServer(options)
  const directory = mkdtempSync(join(tmpdir(), "quorate-machine-"))
  onTestFinished(async () => {
    await server.close()
    rmSync(directory, { recursive: true, force: true })
  })
  const provider = { issuer: server.issuer, clientId: server.clientId }
  return { server, profile: join(directory, "profile"), provider }
}

/** A host that is logged in, and so many guests of it. */
export async function hostAndGuests(
  { server, profile, provider }: Stage,
  count: number,
  within: readonly string[] = [],
): Promise<{ readonly host: Program; readonly guests: readonly Program[] }> {
  const host = program(within)
  await host.open(profile, provider)
  await host.login(server)
  const guests = Array.from({ length: count }, () => program())
  await Promise.all(guests.map((guest) => guest.open(profile)))
  return { host, guests }
}

/** How many processes have opened the store as its host so far. */
export function hostsSoFar(profile: string): number {
  const db = new DatabaseSync(join(profile, "state.db"), { readOnly: true })
  try {
    return Number(db.prepare("SELECT number FROM fence").get()?.["number"])
  } finally {
    db.close()
  }
}
