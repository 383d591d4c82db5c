/**
 * A program that asks the operating system's keychain for one secret, or to keep one, and ends: what is loaded for that, and
 * what hangs or crashes in it, stays out of the application. Decides which store is asked, and which of its refusals are told
 * as locked.
 *
 * The question comes on stdin, the answer goes to stdout, each as one line of JSON.
 */

import { AsyncEntry } from "@napi-rs/keyring"

import type { KeychainAnswer, KeychainQuestion } from "./keychain.ts"

const SERVICE = "quorate"
/** Its own default on Linux falls back to a kernel keyring that is empty after the next boot. */
const STORE = { linux: { store: "secret-service" } } as const
/** Told in English by every store: their texts are all there is to tell a locked keychain from a missing one. */
const LOCKED = /locked|dismissed|denied|interaction|cancell?ed/i

async function answer({ account, secret }: KeychainQuestion): Promise<KeychainAnswer> {
  try {
    const entry = new AsyncEntry(SERVICE, account, STORE)
    if (secret !== null) await entry.setSecret(Buffer.from(secret, "hex"))
    const found = await entry.getSecret()
    return { type: "secret", secret: found && Buffer.from(found).toString("hex") }
  } catch (error) {
    const why = error instanceof Error ? error.message : "unknown"
    return { type: LOCKED.test(why) ? "locked" : "unavailable", why }
  }
}

let text = ""
for await (const chunk of process.stdin) text += String(chunk)
process.stdout.write(JSON.stringify(await answer(JSON.parse(text) as KeychainQuestion)))
