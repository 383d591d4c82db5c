/** A crowd of processes of one machine that share a profile, logged in at a server of their own. Decides who hosts: the first. */

import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

import type { SessionOptions } from "../../src/session/types.ts"
import { Authority } from "./authority.ts"
import { Bare } from "./bare.ts"
import type { CrowdAnswer, CrowdOrder } from "./crowd-program.ts"

const PROGRAM = fileURLToPath(new URL("crowd-program.ts", import.meta.url))

const CACHE = fileURLToPath(new URL("../../node_modules/.cache/quorate", import.meta.url))

/** One process. */
export class Body {
  readonly #child: ChildProcess
  readonly #exit: Promise<unknown>
  readonly #waiting = new Map<number, (answer: CrowdAnswer) => void>()
  #ids = 0

  constructor() {
    this.#child = fork(PROGRAM, {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
      // The published package has no types to strip.
      env: { ...process.env, NODE_COMPILE_CACHE: CACHE },
    })
    this.#exit = once(this.#child, "exit")
    this.#child.on("message", (answer: CrowdAnswer) => this.#waiting.get(answer.id)?.(answer))
    this.#child.on("exit", () => {
      for (const [id, tell] of this.#waiting) tell({ id, values: null, why: "it was killed" })
    })
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /** @throws Error what the process says. */
  async ask(order: CrowdOrder): Promise<readonly number[]> {
    const id = (this.#ids += 1)
    const { values, why } = await new Promise<CrowdAnswer>((resolve) => {
      this.#waiting.set(id, resolve)
      this.#child.send({ id, order })
    })
    this.#waiting.delete(id)
    if (values === null) throw new Error(why ?? "unknown")
    return values
  }

  /** SIGKILL, without waiting. */
  kill(): void {
    this.#child.kill("SIGKILL")
  }

  /** Resolves when it is gone, whatever it was doing. It ends by itself: Node keeps what it compiled of no other. */
  async end(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect()
    await this.#exit
  }
}

export interface Crowd {
  /** The first of them hosts. */
  readonly bodies: Body[]
  readonly authority: Authority
  /** Of a login of its own at the same server. */
  readonly bare: Bare
  readonly options: SessionOptions
}

/** Makes a crowd, works with it, and leaves nothing behind. */
export async function withCrowd<T>(
  size: number,
  delayMs: number,
  work: (crowd: Crowd) => Promise<T>,
): Promise<T> {
  const authority = new Authority(delayMs)
  const directory = mkdtempSync(join(tmpdir(), "quorate-bench-"))
  const bodies: Body[] = []
  try {
    const { clientId, issuer } = await authority.hear("listening")
    const provider = { issuer, clientId }
    const options = { profile: join(directory, "profile"), provider, key: "file" } as const
    const [minted, other] = [
      await authority.ask("mint", "minted"),
      await authority.ask("mint", "minted"),
    ]
    for (let at = 0; at < size; at += 1) bodies.push(new Body())
    const [host, ...guests] = bodies
    await host?.ask({ type: "open", options })
    await host?.ask({ type: "login", tokens: minted.tokens })
    await Promise.all(guests.map((guest) => guest.ask({ type: "open", options })))
    const bare = new Bare(`${issuer}/token`, clientId, other.tokens.refresh_token)
    return await work({ bodies, authority, bare, options })
  } finally {
    await Promise.all(bodies.map((body) => body.end()))
    authority.close()
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
  }
}
