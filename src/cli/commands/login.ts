/** `login`: gives the cluster a login made elsewhere. Decides what a token response's times mean. */

import { type ImportedExpiry, parseTokenImport } from "../../core/oauth/import.ts"
import type { TokenResponse } from "../../core/oauth/types.ts"
import type { Context } from "../context.ts"
import { usage } from "../failure.ts"
import { readInput } from "../input.ts"
import { unixSeconds } from "../json.ts"
import { clockText, durationText } from "../text.ts"
import { requireProfile, withSession } from "../with-session.ts"

export interface LoginOptions {
  readonly import?: string
  readonly browser?: boolean
  readonly device?: boolean
}

export async function login(context: Context, options: LoginOptions): Promise<void> {
  const { output, signal } = context
  const source = sourceOf(options)
  requireProfile(context.profile)
  const parsed = parseTokenImport(await readInput("--import", source, signal))
  if (!parsed.ok) {
    throw usage(`--import: ${parsed.problem}`, "give the token endpoint's answer as it came")
  }
  const { expiry, notes, tokens } = parsed.value
  notes.forEach((note) => output.note(note))
  const dated = datedFrom(tokens, expiry, Date.now())
  const token = await withSession(context, (session) =>
    session.login(dated.tokens, dated.issuedAtMs),
  )
  const { epoch, expiresAt, generation } = token
  const left = expiresAt - Date.now()
  const life =
    left > 0
      ? `valid for ${durationText(left)}, until ${clockText(expiresAt)}`
      : "expired; the first use refreshes"
  output.answer(
    { epoch, generation, expires_at: unixSeconds(expiresAt), notes },
    `Logged in. The access token is ${life}.`,
  )
}

function sourceOf(options: LoginOptions): string {
  const missing = options.browser ? "--browser" : options.device ? "--device" : null
  const hint = "get a token response with your own login, then: quorate login --import FILE|-"
  if (missing !== null) throw usage(`${missing} is not in this version; --import is`, hint)
  if (options.import === undefined) throw usage("--import is missing", hint)
  return options.import
}

/** The response with a lifetime, and when that began: `expires_at` names the end, everything else counts from `nowMs`. */
export function datedFrom(
  tokens: TokenResponse,
  expiry: ImportedExpiry,
  nowMs: number,
): { readonly tokens: TokenResponse; readonly issuedAtMs: number } {
  if (expiry.type === "in") {
    const expiresInSeconds = Math.floor(expiry.seconds)
    return { tokens: { ...tokens, expiresInSeconds }, issuedAtMs: nowMs }
  }
  const endSeconds = Math.floor(expiry.unixSeconds)
  const nowSeconds = unixSeconds(nowMs)
  // A token that has ended began when it ended: a lifetime is never negative.
  const startSeconds = Math.min(endSeconds, nowSeconds)
  return {
    tokens: { ...tokens, expiresInSeconds: endSeconds - startSeconds },
    issuedAtMs: startSeconds * 1_000,
  }
}
