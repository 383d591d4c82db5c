/**
 * `login`: gives the cluster a login. Decides which way is taken when nobody says, and what a token response's times mean;
 * the flows themselves are the endpoint's.
 */

import { QuorateError } from "../../core/base/errors.ts"
import { type ImportedExpiry, parseTokenImport, type TokenImport } from "../../core/oauth/import.ts"
import type { TokenResponse } from "../../core/oauth/types.ts"
import type { LoginResponse, LoginServer } from "../../endpoint/login.ts"
import { openProfileDirectory } from "../../machine/profile.ts"
import type { Session, Token } from "../../session/types.ts"
import { canShowBrowser, openBrowser } from "../browser.ts"
import type { Context } from "../context.ts"
import { usage } from "../failure.ts"
import { readInput } from "../input.ts"
import { unixSeconds } from "../json.ts"
import { clockText, durationText } from "../text.ts"
import { requireProfile, settled, withSession } from "../with-session.ts"

export interface LoginOptions {
  readonly import?: string
  readonly browser?: boolean
  readonly device?: boolean
}

type Way = "browser" | "device"

/** Nobody should go and log in for a cluster that cannot take it. */
const QUORUM_MS = 10_000

export async function login(context: Context, options: LoginOptions): Promise<void> {
  const ways = (["browser", "device", "import"] as const).filter((way) => options[way] != null)
  const [way = null, ...others] = ways
  if (others.length > 0) throw usage(`--${ways.join(" and --")} exclude each other`)
  requireProfile(context.profile)
  if (way === "import") return bringAlong(context, options.import ?? "")
  return interactive(context, way)
}

async function bringAlong(context: Context, source: string): Promise<void> {
  const parsed = parseTokenImport(await readInput("--import", source, context.signal))
  if (!parsed.ok) {
    throw usage(`--import: ${parsed.problem}`, "give the token endpoint's answer as it came")
  }
  const imported = parsed.value
  const nowMs = Date.now()
  const token = await withSession(context, (session) => take(session, imported, nowMs))
  answer(context, token, imported.notes)
}

async function interactive(context: Context, wanted: Way | null): Promise<void> {
  const { profile, signal } = context
  const { providerOf } = await import("../../session/inspect.ts")
  const { loginServer } = await import("../../endpoint/login.ts")
  const { clientSecret, settings } = await providerOf(openProfileDirectory(profile))
  const server = await loginServer(settings, clientSecret, signal)
  const way = wanted ?? wayOf(server)
  await withSession(context, async (session) => {
    if (!(await settled(session, signal, QUORUM_MS))) throw noQuorum()
    const { issuedAtMs, text } = await go(way, server, context)
    const parsed = parseTokenImport(text)
    if (!parsed.ok) throw unusable(parsed.problem)
    answer(context, await take(session, parsed.value, issuedAtMs), parsed.value.notes)
  })
}

function wayOf({ server }: LoginServer): Way {
  if (canShowBrowser()) return "browser"
  if (server.device_authorization_endpoint !== undefined) return "device"
  throw usage(
    "there is no display for a browser, and the server offers no device login",
    "get a token response with your own login, then: quorate login --import FILE|-",
  )
}

async function go(way: Way, server: LoginServer, { output }: Context): Promise<LoginResponse> {
  if (way === "device") {
    const { deviceLogin } = await import("../../endpoint/device-login.ts")
    return deviceLogin(server, ({ completeUrl, expiresInSeconds, url, userCode }) => {
      output.note(`open ${url} on any device and enter the code ${userCode}`)
      if (completeUrl !== null) output.note(`or open ${completeUrl}`)
      output.note(`waiting for ${durationText(expiresInSeconds * 1_000)}`)
    })
  }
  const { browserLogin } = await import("../../endpoint/browser-login.ts")
  return browserLogin(server, (url) => {
    output.note(`log in at ${url}`)
    if (canShowBrowser()) openBrowser(url)
  })
}

async function take(session: Session, imported: TokenImport, nowMs: number): Promise<Token> {
  const { issuedAtMs, tokens } = datedFrom(imported.tokens, imported.expiry, nowMs)
  return session.login(tokens, issuedAtMs)
}

function answer({ output }: Context, token: Token, notes: readonly string[]): void {
  notes.forEach((note) => output.note(note))
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

function noQuorum(): QuorateError {
  const message = `no quorum answered within ${QUORUM_MS / 1_000} s, and a login needs one`
  return new QuorateError("NO_QUORUM", "retryable", message, {
    hint: "start more of the cluster's members, or check `quorate members`",
  })
}

function unusable(problem: string): QuorateError {
  return new QuorateError("LOGIN_FAILED", "refused", `the server's answer: ${problem}`, {
    hint: "ask for what brings a refresh token, often the scope offline_access: init with another --scope",
  })
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
