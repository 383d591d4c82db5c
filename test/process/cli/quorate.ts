/** The command as a person runs it: `node_modules/.bin/quorate` in a process of its own, against a real server. */

import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"

import { onTestFinished } from "vitest"

import {
  type AuthorizationServer,
  type AuthorizationServerOptions,
  startAuthorizationServer,
} from "../../../src/testing/authorization-server.ts"

const BIN = join(import.meta.dirname, "../../../node_modules/.bin/quorate")

/** How a command ended, and what it said. */
export interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** One profile and its server; everything that its commands print is kept. */
export class Lab {
  readonly server: AuthorizationServer
  readonly directory: string
  readonly profile: string
  /** Of the commands to come, beside the test's own. */
  environment: NodeJS.ProcessEnv = {}
  /** No test leaves anything in the keychain of whoever runs it, unless it brings one along. */
  keepsKeyInFile = true
  readonly #said: string[] = []

  constructor(server: AuthorizationServer) {
    this.server = server
    this.directory = mkdtempSync(join(tmpdir(), "quorate-cli-"))
    this.profile = join(this.directory, "p")
  }

  /** Starts a command and does not wait for it. */
  start(...args: readonly string[]): Running {
    const isNew = args[0] === "init" && !args.includes("--key") && this.keepsKeyInFile
    const said = isNew ? [...args, "--key", "file"] : args
    return new Running(spawn(BIN, said, { env: this.#environment() }), (text) =>
      this.#said.push(text),
    )
  }

  /** Runs a command to its end. */
  async run(...args: readonly string[]): Promise<Ran> {
    return this.fed("", ...args)
  }

  /** The same with `input` on its stdin. */
  async fed(input: string, ...args: readonly string[]): Promise<Ran> {
    const running = this.start(...args)
    running.process.stdin?.end(input)
    return running.ended
  }

  /** Runs a command with `--json`; its stdout must be one line. */
  async json(...args: readonly string[]): Promise<{ code: number | null; value: JsonObject }> {
    const { code, stdout } = await this.run(...args, "--json")
    const lines = stdout.split("\n")
    if (lines.length !== 2) throw new Error(`not one line: ${stdout}`)
    return { code, value: objectOf(lines[0]) }
  }

  /** Sets the profile up for the server's public client. */
  init(...args: readonly string[]): Promise<Ran> {
    return this.run(
      "init",
      "--issuer",
      this.server.issuer,
      "--client-id",
      "quorate-public",
      ...args,
    )
  }

  /** Writes a file beside the profile and gives its path. */
  file(name: string, text: string, mode = 0o600): string {
    const path = join(this.directory, name)
    writeFileSync(path, text, { mode })
    return path
  }

  /** Sets the profile up, with these options of `init` too, and logs in. @returns the token response of the login. */
  async loggedIn(
    ...args: readonly string[]
  ): Promise<Awaited<ReturnType<AuthorizationServer["mint"]>>> {
    const minted = await this.server.mint()
    const file = this.file("response.json", JSON.stringify(minted))
    for (const ran of [await this.init(...args), await this.run("login", "--import", file)]) {
      if (ran.code !== 0) throw new Error(ran.stderr)
    }
    return minted
  }

  /** Everything that was printed by any command of this lab. */
  said(): string {
    return this.#said.join("\n")
  }

  #environment(): NodeJS.ProcessEnv {
    const { FORCE_COLOR: _, NO_COLOR: __, QUORATE_DEBUG: ___, ...rest } = process.env
    return { ...rest, LC_ALL: "C", QUORATE_PROFILE: this.profile, ...this.environment }
  }
}

/** A command under way. */
export class Running {
  readonly process: ChildProcess
  readonly ended: Promise<Ran>
  #stdout = ""
  #stderr = ""

  constructor(child: ChildProcess, say: (text: string) => void) {
    this.process = child
    child.stdout?.on("data", (data: Buffer) => (this.#stdout += data.toString()))
    child.stderr?.on("data", (data: Buffer) => (this.#stderr += data.toString()))
    this.ended = once(child, "close").then(([code]) => {
      say(this.#stdout)
      say(this.#stderr)
      return { code: code as number | null, stdout: this.#stdout, stderr: this.#stderr }
    })
    onTestFinished(async () => {
      child.kill("SIGKILL")
      await this.ended
    })
  }

  /** Resolves when its stdout so far matches. */
  async prints(pattern: RegExp): Promise<void> {
    await this.#matches(() => this.#stdout, pattern)
  }

  /** The same of its stderr. @returns the first group. */
  async tells(pattern: RegExp): Promise<string> {
    return (await this.#matches(() => this.#stderr, pattern))[1] ?? ""
  }

  async #matches(text: () => string, pattern: RegExp): Promise<RegExpExecArray> {
    const endsAtMs = performance.now() + 15_000
    for (;;) {
      const match = pattern.exec(text())
      if (match !== null) return match
      if (performance.now() > endsAtMs) throw new Error(`not printed: ${String(pattern)}`)
      await sleep(20)
    }
  }
}

export type JsonObject = Readonly<Record<string, unknown>>

/** The object of one line of `--json`. */
export function objectOf(line = ""): JsonObject {
  const value: unknown = JSON.parse(line)
  if (typeof value !== "object" || value === null) throw new Error(`not an object: ${line}`)
  return value as JsonObject
}

/** A lab that is gone when the test is over. */
export async function lab(options: AuthorizationServerOptions = {}): Promise<Lab> {
  const server = await startAuthorizationServer(options)
  const made = new Lab(server)
  onTestFinished(async () => {
    await server.close()
    rmSync(made.directory, { recursive: true, force: true })
  })
  return made
}
