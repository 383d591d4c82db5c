/** A person's desktop session, as far as its keychain goes: a bus and gnome-keyring, of a home that is gone with the test. */

import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { setTimeout as pause } from "node:timers/promises"

import { onTestFinished } from "vitest"

const PASSWORD = "the person's own"

export class Desktop {
  /** Of whatever runs in this session. */
  readonly environment: Readonly<Record<string, string>>
  #daemon: ChildProcess | null = null

  constructor(environment: Readonly<Record<string, string>>) {
    this.environment = environment
  }

  /** Starts the keychain with its password. One that was locked ends first: it would ask on a display. */
  async unlock(): Promise<void> {
    await this.end()
    const args = ["--foreground", "--unlock", "--components=secrets"]
    this.#daemon = spawn("gnome-keyring-daemon", args, {
      env: { ...process.env, ...this.environment },
      stdio: ["pipe", "ignore", "ignore"],
    })
    this.#daemon.stdin?.end(PASSWORD)
    const bus = ["--dest=org.freedesktop.DBus", "/org/freedesktop/DBus"]
    const owned = [...bus, "org.freedesktop.DBus.NameHasOwner", "string:org.freedesktop.secrets"]
    while (!this.#send(owned).includes("boolean true")) await pause(20)
  }

  /** As a person does who goes away. Nobody can be asked for the password: there is no display. */
  lock(): void {
    const to = ["--dest=org.freedesktop.secrets", "/org/freedesktop/secrets"]
    const collection = "array:objpath:/org/freedesktop/secrets/collection/login"
    this.#send([...to, "org.freedesktop.Secret.Service.Lock", collection])
  }

  /** Ends the keychain; what it keeps stays on the disk. */
  async end(): Promise<void> {
    const daemon = this.#daemon
    if (daemon === null) return
    const exit = once(daemon, "exit")
    daemon.kill()
    await exit
  }

  #send(args: readonly string[]): string {
    const env = { ...process.env, ...this.environment }
    return execFileSync("dbus-send", ["--session", "--print-reply", ...args], {
      env,
      encoding: "utf8",
    })
  }
}

/** A session with its keychain unlocked. */
export async function desktop(): Promise<Desktop> {
  const home = mkdtempSync(join(tmpdir(), "quorate-desktop-"))
  const runtime = join(home, "run")
  mkdirSync(runtime, { mode: 0o700 })
  const own = {
    HOME: home,
    XDG_RUNTIME_DIR: runtime,
    XDG_DATA_HOME: join(home, "share"),
    DISPLAY: "",
  }
  const bus = spawn(
    "dbus-run-session",
    ["--", "sh", "-c", 'echo "$DBUS_SESSION_BUS_ADDRESS"; exec cat'],
    {
      env: { ...process.env, ...own },
      stdio: ["pipe", "pipe", "ignore"],
    },
  )
  const [address] = (await once(createInterface({ input: bus.stdout }), "line")) as [string]
  const made = new Desktop({ ...own, DBUS_SESSION_BUS_ADDRESS: address })
  onTestFinished(async () => {
    await made.end()
    const exit = once(bus, "exit")
    // It ends with its command.
    bus.stdin.end()
    await exit
    rmSync(home, { recursive: true, force: true, maxRetries: 5 })
  })
  await made.unlock()
  return made
}
