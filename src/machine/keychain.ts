/**
 * A 32-byte key in the operating system's keychain: the login keychain on macOS, the Credential Manager on Windows, the
 * Secret Service on Linux. Decides how long it is waited for and what its refusals are called; who uses a keychain, and what
 * happens where there is none, is the caller's business.
 *
 * A process of its own asks it: a bus that accepts and says nothing would stop this one in native code, with no way out.
 */

import { spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { userInfo } from "node:os"
import { fileURLToPath } from "node:url"

import { quote, QuorateError } from "../core/base/errors.ts"

export interface KeychainQuestion {
  readonly account: string
  /** To be kept first; null: only read. In hexadecimal digits. */
  readonly secret: string | null
}

export type KeychainAnswer =
  /** Null: the keychain knows no such entry. */
  | { readonly type: "secret"; readonly secret: string | null }
  /** There is one and it does not open. */
  | { readonly type: "locked"; readonly why: string }
  | { readonly type: "unavailable"; readonly why: string }

/** What is waited for one answer, in ms. A person who types a password takes longer, and tries again. */
export const KEYCHAIN_MS = 3_000

/** How the user's keychain is found, and what Windows cannot do without. Nothing that could carry a secret or a program. */
const PASSED = [
  "DBUS_SESSION_BUS_ADDRESS",
  "XDG_RUNTIME_DIR",
  "HOME",
  "DISPLAY",
  "WAYLAND_DISPLAY",
  "XAUTHORITY",
  "NODE_COMPILE_CACHE",
  "SystemRoot",
  "USERPROFILE",
  "APPDATA",
  "LOCALAPPDATA",
  "TEMP",
  "TMP",
] as const

/**
 * Reads the key that was kept under `account`.
 *
 * @throws QuorateError `KEYCHAIN_LOCKED`; `KEYCHAIN_UNAVAILABLE`: there is none, it does not answer, or knows no such key.
 */
export async function readKeychain(account: string): Promise<Uint8Array> {
  const secret = await asked({ account, secret: null })
  if (secret === null) throw unavailable("it holds no key of this profile")
  return Buffer.from(secret, "hex")
}

/** Keeps `key` under `account`, and reads it back. @throws like {@link readKeychain}. */
export async function writeKeychain(account: string, key: Uint8Array): Promise<void> {
  const secret = Buffer.from(key).toString("hex")
  if ((await asked({ account, secret })) !== secret)
    throw unavailable("it does not keep what it is given")
}

async function asked(question: KeychainQuestion): Promise<string | null> {
  const answer = await ask(question)
  switch (answer.type) {
    case "secret":
      return answer.secret
    case "locked":
      throw locked(answer.why)
    case "unavailable":
      throw unavailable(answer.why)
    default:
      return answer satisfies never
  }
}

function ask(question: KeychainQuestion): Promise<KeychainAnswer> {
  const program = programPath()
  const env = environment()
  if (program === null) return gone("this build has no program that asks it")
  if (env === null) return gone("no session bus")
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [program], {
      env,
      cwd: "/",
      windowsHide: true,
      stdio: ["pipe", "pipe", "ignore"],
      timeout: KEYCHAIN_MS,
      killSignal: "SIGKILL",
    })
    let said = ""
    child.stdout.setEncoding("utf8").on("data", (text: string) => (said += text))
    child.on("error", () => resolve({ type: "unavailable", why: "no process can be started" }))
    child.on("close", (code, signal) => resolve(answerOf(said, code, signal)))
    // A program that could not even load ends before it reads.
    child.stdin.on("error", () => {})
    child.stdin.end(JSON.stringify(question))
  })
}

function answerOf(said: string, code: number | null, signal: string | null): KeychainAnswer {
  if (code === 0 && said !== "") return JSON.parse(said) as KeychainAnswer
  if (signal !== "SIGKILL")
    return { type: "unavailable", why: "@napi-rs/keyring does not run here" }
  // There is one: it may be asking somebody for its password.
  return { type: "locked", why: `no answer within ${KEYCHAIN_MS / 1_000} s` }
}

function gone(why: string): Promise<KeychainAnswer> {
  return Promise.resolve({ type: "unavailable", why })
}

/** Null in a bundle, which has no files beside it. */
function programPath(): string | null {
  const base = import.meta.url
  if (!base.startsWith("file:")) return null
  const name = base.endsWith(".ts") ? "keychain-program.ts" : "keychain-program.js"
  const path = fileURLToPath(new URL(name, base))
  return existsSync(path) ? path : null
}

/** Null on a machine that has no place for a keychain: where that is known nothing is started. */
function environment(): Readonly<Record<string, string>> | null {
  const { env } = process
  const passed = Object.fromEntries(
    PASSED.flatMap((name) => (env[name] ? [[name, env[name]]] : [])),
  )
  const all = {
    ...(process.versions["electron"] === undefined ? {} : { ELECTRON_RUN_AS_NODE: "1" }),
    HOME: userInfo().homedir,
    ...passed,
  }
  if (process.platform !== "linux") return all
  const bus = env["DBUS_SESSION_BUS_ADDRESS"] || userBus(env["XDG_RUNTIME_DIR"])
  return bus === null ? null : { ...all, DBUS_SESSION_BUS_ADDRESS: bus }
}

/** Where systemd puts it, for processes that were started outside of the person's session. */
function userBus(runtime: string | undefined): string | null {
  const path = `${runtime || `/run/user/${process.getuid?.()}`}/bus`
  return existsSync(path) ? `unix:path=${path}` : null
}

function locked(why: string): QuorateError {
  const message = `the keychain does not open: ${quote(why)}`
  return new QuorateError("KEYCHAIN_LOCKED", "store", message, {
    hint: "unlock it and try again; only a new profile can do without it (--key file)",
  })
}

function unavailable(why: string): QuorateError {
  const message = `the keychain cannot be used: ${quote(why)}`
  return new QuorateError("KEYCHAIN_UNAVAILABLE", "store", message, {
    hint: "run this where this person's keychain is at hand; for other places make a profile with --key file",
  })
}
