/**
 * Chromium without a display, where `xdg-open` leads: what a desktop would show, seen and used through its debugging port.
 * Decides its flags, and that it has a new profile of its own.
 */

import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"

import { onTestFinished } from "vitest"

const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--remote-debugging-port=0",
]
const PATIENCE_MS = 30_000

export class Chromium {
  /** Of a command that opens a browser as on a desktop: a display, and this one behind `xdg-open`. */
  readonly environment: Readonly<Record<string, string>>
  readonly #data: string
  readonly #pid: string

  constructor(directory: string) {
    const bin = join(directory, "bin")
    this.#data = join(directory, "data")
    mkdirSync(bin)
    const script = join(bin, "xdg-open")
    const flags = [...FLAGS, `--user-data-dir='${this.#data}'`].join(" ")
    this.#pid = join(directory, "pid")
    const lines = [
      "#!/bin/sh",
      `echo $$ >'${this.#pid}'`,
      `export HOME='${directory}'`,
      `exec chromium ${flags} "$1" 2>/dev/null`,
    ]
    writeFileSync(script, `${lines.join("\n")}\n`)
    chmodSync(script, 0o755)
    const path = `${bin}${delimiter}${process.env["PATH"] ?? ""}`
    this.environment = { PATH: path, DISPLAY: ":0", SSH_CONNECTION: "", SSH_TTY: "" }
  }

  /** The text of the page when it matches. */
  async shows(pattern: RegExp): Promise<string> {
    return until(async () => {
      const text = await this.#evaluate("document.body.innerText")
      return text !== null && pattern.test(text) ? text : null
    })
  }

  /** Presses the page's button, after `script` has run in it. */
  async press(script: string = ""): Promise<void> {
    await until(() => this.#evaluate("document.querySelector('button').innerText"))
    await this.#evaluate(`${script}; document.querySelector('button').click()`)
  }

  /** Resolves when it is gone, and writes nothing any more. */
  async close(): Promise<void> {
    const address = this.#address()
    if (address === null) return
    const { webSocketDebuggerUrl } = (await json(`${address}/json/version`)) as Target
    const pid = Number(readFileSync(this.#pid, "utf8"))
    await say(webSocketDebuggerUrl, "Browser.close", {})
    await until(async () => (isAlive(pid) ? null : true))
  }

  /** Null: it does not run yet. */
  #address(): string | null {
    try {
      const [port] = readFileSync(join(this.#data, "DevToolsActivePort"), "utf8").split("\n")
      return `http://127.0.0.1:${port}`
    } catch {
      return null
    }
  }

  /** Null: no text came of it. */
  async #evaluate(expression: string): Promise<string | null> {
    const address = await until(async () => this.#address())
    const targets = (await json(`${address}/json/list`)) as readonly Target[]
    const page = targets.find(({ type }) => type === "page")
    if (page === undefined) throw new Error("no page is open")
    const options = { expression, userGesture: true }
    const { result } = await say(page.webSocketDebuggerUrl, "Runtime.evaluate", options)
    return typeof result?.value === "string" ? result.value : null
  }
}

interface Target {
  readonly type: string
  readonly webSocketDebuggerUrl: string
}

interface Said {
  readonly result?: { readonly value?: unknown }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

async function json(url: string): Promise<unknown> {
  return (await fetch(url)).json()
}

/** One command over a connection of its own. */
async function say(url: string, method: string, params: object): Promise<Said> {
  const socket = new WebSocket(url)
  try {
    return await new Promise<Said>((resolve, reject) => {
      socket.addEventListener("open", () => socket.send(JSON.stringify({ id: 1, method, params })))
      socket.addEventListener("message", ({ data }) => {
        const told = JSON.parse(String(data)) as { readonly id?: number; readonly result?: Said }
        if (told.id === 1) resolve(told.result ?? {})
      })
      socket.addEventListener("close", () => resolve({}))
      socket.addEventListener("error", () => reject(new Error(`no answer from ${url}`)))
    })
  } finally {
    socket.close()
  }
}

/** What `look` gives when it is something. A page that is being left gives errors. */
async function until<T>(look: () => Promise<T | null>): Promise<T> {
  const endsAtMs = performance.now() + PATIENCE_MS
  for (;;) {
    const found = await look().catch((error: unknown) => {
      if (performance.now() > endsAtMs) throw error
      return null
    })
    if (found !== null) return found
    if (performance.now() > endsAtMs) throw new Error("the browser does not show what it should")
    await pause(50)
  }
}

/** One that ends with the test. */
export function chromium(): Chromium {
  const directory = mkdtempSync(join(tmpdir(), "quorate-chromium-"))
  const made = new Chromium(directory)
  onTestFinished(async () => {
    await made.close()
    rmSync(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  })
  return made
}
