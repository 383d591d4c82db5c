/**
 * Starts processes of ours that outlive the one that starts them. Decides what such a process is given: a session of its own,
 * no stream of its parent's, and of the environment only what a connection to the server needs.
 */

import { type ChildProcess, spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { isSea } from "node:sea"
import { fileURLToPath } from "node:url"

/**
 * Which certificates count, where the keychain is that opens a profile, and what Windows cannot do without. Nothing that could
 * carry a secret or another program.
 */
const PASSED = [
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "NODE_EXTRA_CA_CERTS",
  "NODE_USE_SYSTEM_CA",
  "NODE_COMPILE_CACHE",
  "DBUS_SESSION_BUS_ADDRESS",
  "XDG_RUNTIME_DIR",
  "SystemRoot",
  "TEMP",
  "TMP",
  "TMPDIR",
] as const
/** Of NODE_OPTIONS and our own flags, those that decide which certificates count. */
const CERTIFICATES = ["--use-system-ca", "--use-openssl-ca", "--use-bundled-ca"]

/**
 * The path of a program of ours beside the file at `base`: TypeScript in a checkout, JavaScript in the package. Null where
 * there is none, as in a bundle, or where this executable is no Node that runs files.
 */
export function programBeside(base: string | undefined, name: string): string | null {
  if (base === undefined || !base.startsWith("file:") || isSea()) return null
  const extension = base.endsWith(".ts") ? "ts" : "js"
  const path = fileURLToPath(new URL(`${name}.${extension}`, base))
  return existsSync(path) ? path : null
}

/** The environment of a process that we start. */
export function environmentOf(
  env: NodeJS.ProcessEnv,
  flags: readonly string[],
  isElectron: boolean,
): Readonly<Record<string, string>> {
  const options = [...(env["NODE_OPTIONS"] ?? "").split(/\s+/), ...flags]
  const certificates = CERTIFICATES.filter((flag) => options.includes(flag)).join(" ")
  return {
    ...checkoutCache(import.meta.url),
    ...Object.fromEntries(PASSED.flatMap((name) => (env[name] ? [[name, env[name]]] : []))),
    ...(certificates === "" ? {} : { NODE_OPTIONS: certificates }),
    // Electron's own executable is a Node when it is told so.
    ...(isElectron ? { ELECTRON_RUN_AS_NODE: "1" } : {}),
  }
}

/** In a checkout Node strips the types of what it loads, which takes longer than all the rest of a start. */
function checkoutCache(base: string | undefined): Readonly<Record<string, string>> {
  if (base?.endsWith(".ts") !== true) return {}
  // Of this checkout and its owner; in a directory for everybody, anybody could put code.
  return {
    NODE_COMPILE_CACHE: fileURLToPath(new URL("../../node_modules/.cache/quorate", base)),
  }
}

/** A Node of its own that nobody waits for. Its descriptor 3 is a pipe where `pipe` is true. */
export function startDetached(args: readonly string[], pipe: boolean = false): ChildProcess {
  const isElectron = process.versions["electron"] !== undefined
  const child = spawn(process.execPath, args, {
    detached: true,
    windowsHide: true,
    cwd: "/",
    env: environmentOf(process.env, process.execArgv, isElectron),
    stdio: ["ignore", "ignore", "ignore", pipe ? "pipe" : "ignore"],
  })
  child.unref()
  // Told by "error", else by "exit": who started it looks at what it does.
  return child.on("error", () => {})
}
