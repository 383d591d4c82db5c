/**
 * A member process seen from its parent: starts it, asks it, hears it, kills it. Decides when a member counts as gone, and
 * that one which ends without being told to fails whoever waits for it.
 */

import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"

import type { Answers, Command, Event, Seen } from "./protocol.ts"

const SCRIPT = fileURLToPath(new URL("../member.ts", import.meta.url))
const STDERR_CHARACTERS_MAX = 2_000
/** A member closes within this time, or is killed. */
const CLOSE_MS = 2_000

/** A member said no. */
export class RefusalError extends Error {
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

export interface TokenSeen {
  readonly generation: number
  readonly here: boolean
  readonly at: number
}

export interface MemberOptions {
  readonly name: string
  readonly open: Extract<Command, { type: "open" }>
  /** Called when what is known of it has changed. */
  readonly changed: (member: Member) => void
  /** It ended although nobody told it to. */
  readonly died: (member: Member, how: string) => void
  /** Every word of it. */
  readonly heard?: ((member: Member, event: Event) => void) | undefined
  /** Whatever it writes to its stderr. */
  readonly said?: ((text: string) => void) | undefined
  /** It leads a process group, which can be killed as one. @defaultValue false */
  readonly ownGroup?: boolean | undefined
}

interface Waiting {
  readonly settle: (value: unknown) => void
  readonly fail: (error: Error) => void
}

/** A member that can be started again on the same profile after it was killed. */
export class Member {
  readonly name: string
  readonly #options: MemberOptions
  readonly #waiting = new Map<number, Waiting>()
  #process: ChildProcess | null = null
  #sequence = 0
  #told = false
  #stderr = ""
  #seen: Seen | null = null
  #token: TokenSeen | null = null

  constructor(options: MemberOptions) {
    this.name = options.name
    this.#options = options
  }

  /** Null while no process runs. */
  get pid(): number | null {
    return this.#process?.pid ?? null
  }

  /** What it last said of itself; null while it does not run or has not spoken. */
  get seen(): Seen | null {
    return this.#seen
  }

  /** The newest pair that its present process has seen committed. */
  get token(): TokenSeen | null {
    return this.#token
  }

  /** Resolves when the session is open. */
  async start(): Promise<void> {
    const child = spawn(process.execPath, [SCRIPT], {
      stdio: ["ignore", "ignore", "pipe", "ipc"],
      windowsHide: true,
      detached: this.#options.ownGroup ?? false,
    })
    this.#process = child
    this.#told = false
    this.#stderr = ""
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_CHARACTERS_MAX)
      this.#options.said?.(text)
    })
    child.on("message", (event: Event) => this.#hear(event))
    child.on("error", (error) => this.#ended(child, String(error)))
    child.on("close", (code, signal) => this.#ended(child, signal ?? `exit code ${code}`))
    await this.ask(this.#options.open)
  }

  /** @throws RefusalError with the code of the member's error; Error when the member ends first. */
  ask<K extends keyof Answers>(command: Extract<Command, { type: K }>): Promise<Answers[K]> {
    const child = this.#process
    if (child === null) return Promise.reject(new Error(`${this.name} does not run`))
    const id = (this.#sequence += 1)
    return new Promise((resolve, reject) => {
      // The type of an answer follows its question; `member.ts` keeps to it.
      this.#waiting.set(id, { settle: (value) => resolve(value as Answers[K]), fail: reject })
      child.send({ id, command }, (error) => {
        if (error !== null) this.#take(id)?.fail(error)
      })
    })
  }

  /** SIGKILL, also to the whole group that it leads (`ownGroup`). Resolves when the process is gone. */
  async kill(whom: "process" | "group" = "process"): Promise<void> {
    const child = this.#process
    if (child?.pid === undefined) return
    this.#told = true
    const closed = once(child, "close")
    if (whom === "group") killGroup(child.pid)
    child.kill("SIGKILL")
    await closed
  }

  signal(name: "SIGSTOP" | "SIGCONT"): void {
    this.#process?.kill(name)
  }

  /** Lets it close its session; kills it when that takes too long. */
  async close(): Promise<void> {
    if (this.#process === null) return
    this.#told = true
    const late = setTimeout(() => void this.kill(), CLOSE_MS)
    const closed = once(this.#process, "close")
    await this.ask({ type: "close" }).catch(() => undefined)
    await closed
    clearTimeout(late)
  }

  #hear(event: Event): void {
    this.#options.heard?.(this, event)
    switch (event.type) {
      case "seen":
        this.#seen = event.seen
        break
      case "token":
        this.#token = event
        break
      case "answer":
        this.#take(event.id)?.settle(event.value)
        break
      case "refusal":
        this.#take(event.id)?.fail(new RefusalError(event.code, `${this.name}: ${event.message}`))
        break
      default:
        return event satisfies never
    }
    this.#options.changed(this)
  }

  #take(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    return waiting
  }

  #ended(child: ChildProcess, how: string): void {
    if (this.#process !== child) return
    this.#process = null
    this.#seen = null
    this.#token = null
    for (const id of this.#waiting.keys()) {
      this.#take(id)?.fail(new Error(`${this.name} ended (${how})`))
    }
    this.#options.changed(this)
    const last = this.#stderr.trim().split("\n").slice(-8).join("\n")
    if (!this.#told) this.#options.died(this, last === "" ? how : `${how}: ${last}`)
  }
}

function killGroup(leader: number): void {
  try {
    process.kill(-leader, "SIGKILL")
  } catch {
    // It has just ended by itself.
  }
}
