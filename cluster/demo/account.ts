/**
 * The account that the members share, and the server that keeps it: our own, which counts and can be slowed down, or
 * somebody else's. Decides where each number of the report comes from.
 */

import { readFileSync } from "node:fs"

import { parseTokenImport } from "../../src/core/oauth/import.ts"
import type { TokenResponse } from "../../src/core/oauth/types.ts"
import type { ProviderOptions } from "../../src/session/types.ts"
import {
  type AuthorizationServer,
  startAuthorizationServer,
} from "../../src/testing/authorization-server.ts"

/** As the report names them. */
export interface Counts {
  readonly refreshes: number
  readonly posts: number
  readonly tokensSpentTwice: number
  readonly familiesRevoked: number
  readonly relogins: number
}

export interface Account {
  readonly provider: ProviderOptions & { readonly issuer: string }
  /** Null: another's server. It has no knobs, and what it counts is not ours to read. */
  readonly server: AuthorizationServer | null
  /** The one login of the story. */
  login(): Promise<{ readonly tokens: TokenResponse; readonly issuedAtMs: number }>
  /** Called when a refresh took effect at our own server, before its answer leaves. */
  onCommit: (token: number) => void
  /** Null: nobody but the members can tell. */
  counts(): Counts | null
  close(): Promise<void>
}

/** Our own server, or the one that the environment names. @throws Error in words for a person. */
export async function openAccount(
  env: Readonly<Record<string, string | undefined>>,
): Promise<Account> {
  const issuer = env["QUORATE_DEMO_ISSUER"]
  if (issuer === undefined || issuer === "") return ownAccount()
  const file = env["QUORATE_DEMO_TOKENS"]
  if (file === undefined) {
    throw new Error("QUORATE_DEMO_ISSUER needs QUORATE_DEMO_TOKENS, a file with a token response")
  }
  return foreignAccount(issuer, readFileSync(file, "utf8"), env["QUORATE_DEMO_CLIENT_ID"])
}

function imported(text: string, nowMs: number): { tokens: TokenResponse; issuedAtMs: number } {
  const parsed = parseTokenImport(text)
  if (!parsed.ok) throw new Error(`the token response cannot be used: ${parsed.problem}`)
  const { tokens, expiry } = parsed.value
  const seconds =
    expiry.type === "in" ? expiry.seconds : Math.max(0, expiry.unixSeconds - nowMs / 1_000)
  return { tokens: { ...tokens, expiresInSeconds: seconds }, issuedAtMs: nowMs }
}

async function ownAccount(): Promise<Account> {
  const server = await startAuthorizationServer({
    onCommit: ({ token }) => account.onCommit(token),
  })
  const account: Account = {
    provider: { issuer: server.issuer, clientId: server.clientId },
    server,
    login: async () => imported(JSON.stringify(await server.mint()), Date.now()),
    onCommit: () => undefined,
    counts: () => {
      const { posts, refreshes, tokensSentTwice, familiesRevoked, minted } = server.counters()
      const relogins = Math.max(0, minted - 1)
      return { refreshes, posts, tokensSpentTwice: tokensSentTwice, familiesRevoked, relogins }
    },
    close: () => server.close(),
  }
  return account
}

function foreignAccount(issuer: string, text: string, clientId: string | undefined): Account {
  const body: unknown = JSON.parse(text)
  const own = typeof body === "object" && body !== null && "client_id" in body ? body.client_id : ""
  const id = clientId ?? String(own)
  if (id === "")
    throw new Error("name the client: QUORATE_DEMO_CLIENT_ID, or client_id in the file")
  const first = imported(text, Date.now())
  return {
    provider: { issuer, clientId: id },
    server: null,
    login: () => Promise.resolve(first),
    onCommit: () => undefined,
    counts: () => null,
    close: () => Promise.resolve(),
  }
}
