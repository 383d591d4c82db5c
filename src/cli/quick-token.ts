/**
 * `token` as scripts call it, before the command line is loaded, which takes longer than all the rest. Decides only the plain
 * case, a valid token at hand; every other one, and whatever is wrong, is left to the command itself.
 */

import { defaultProfileDirectory } from "../machine/profile.ts"
import { readCachedToken } from "../session/cached.ts"
import { Output } from "./output.ts"
import { serves } from "./serves.ts"
import { printToken } from "./token-text.ts"

interface Plain {
  readonly profile: string
  readonly json: boolean
  readonly header: boolean
}

/** @returns the exit code; null: nothing was done. */
export async function quickToken(argv: readonly string[]): Promise<number | null> {
  const plain = plainOf(argv)
  if (plain === null) return null
  const token = await readCachedToken(plain.profile).catch(() => null)
  if (token === null || !serves(token, { minTtlMs: 0, rejected: null })) return null
  const output = new Output(plain.json)
  printToken(output, token, plain.header)
  return (await output.flushed()) ? 0 : 1
}

/** Null for everything that needs to be understood. */
function plainOf(argv: readonly string[]): Plain | null {
  if (!argv.includes("token")) return null
  const environment = process.env["QUORATE_PROFILE"] ?? ""
  let profile = environment === "" ? defaultProfileDirectory() : environment
  const said = new Set<string>()
  for (let at = 0; at < argv.length; at += 1) {
    const word = argv[at] ?? ""
    if (word === "--profile") {
      at += 1
      profile = argv[at] ?? ""
    } else if (PLAIN.has(word) && !said.has(word)) said.add(word)
    else return null
  }
  if (profile === "" || profile.startsWith("-") || !said.has("token")) return null
  return { profile, json: said.has("--json"), header: said.has("--header") }
}

const PLAIN: ReadonlySet<string> = new Set(["token", "--json", "--header", "--cached-only"])
