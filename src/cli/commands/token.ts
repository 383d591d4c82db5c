/** `token`: prints an access token that is valid now. Decides when the store's copy serves and when a member must run. */

import { QuorateError } from "../../core/base/errors.ts"
import { reasonOf } from "../../core/refresh/describe.ts"
import { readCachedToken } from "../../session/cached.ts"
import type { ClusterStatus, Session, Token } from "../../session/types.ts"
import type { Context } from "../context.ts"
import { usage } from "../failure.ts"
import { readInput } from "../input.ts"
import { serves } from "../serves.ts"
import { printToken } from "../token-text.ts"
import { requireProfile, withSession } from "../with-session.ts"

export interface TokenOptions {
  /** In ms, as `timeout`. */
  readonly minTtl?: number
  readonly rejected?: string
  readonly cachedOnly?: boolean
  readonly force?: boolean
  readonly timeout?: number
  readonly header?: boolean
}

export async function token(context: Context, options: TokenOptions): Promise<void> {
  const { cachedOnly = false, force = false, header = false } = options
  if (cachedOnly && force) throw usage("--cached-only and --force exclude each other")
  requireProfile(context.profile)
  const rejected = await rejectedOf(options.rejected, context.signal)
  const minTtlMs = options.minTtl ?? 0
  const cached = await readCachedToken(context.profile)
  const isServed = cached !== null && serves(cached, { minTtlMs, rejected })
  if (isServed && !force) return printToken(context.output, cached, header)
  if (cachedOnly) throw noValidToken()
  const { timeout: timeoutMs } = options
  const fresh = await withSession(context, (session) =>
    orRefused(session, context.signal, (signal) =>
      session.getToken({
        minTtlMs,
        signal,
        timeoutMs,
        ...(rejected === null ? {} : { rejected }),
        mode: force ? "force" : "refresh-if-needed",
      }),
    ),
  )
  printToken(context.output, fresh, header)
}

async function rejectedOf(given: string | undefined, signal: AbortSignal): Promise<string | null> {
  if (given === undefined) return null
  const text = given === "-" ? (await readInput("--rejected", "-", signal)).trim() : given
  if (text === "") throw usage("--rejected must not be empty")
  if (text.startsWith("sha256:") && !/^sha256:[0-9A-Fa-f]{64}$/.test(text)) {
    throw usage("--rejected: after sha256: there must be 64 hexadecimal digits")
  }
  return text
}

function noValidToken(): QuorateError {
  return new QuorateError("NO_VALID_TOKEN", "retryable", "no valid token is at hand", {
    hint: "call without --cached-only to refresh it",
  })
}

/** What the server says of the client, not of the token: waiting does not help. */
function refusesClient({ stage, cause }: ClusterStatus): boolean {
  return cause !== null && reasonOf(stage, cause) === "client_refused"
}

/** Ends the wait as soon as the server has refused the client in answer to it. */
async function orRefused(
  session: Session,
  interrupted: AbortSignal,
  work: (signal: AbortSignal) => Promise<Token>,
): Promise<Token> {
  const refused = new AbortController()
  const unsubscribe = session.subscribe((event) => {
    if (event.type === "status" && refusesClient(event.status)) {
      refused.abort(clientRefused(event.status.cause))
    }
  })
  try {
    return await work(AbortSignal.any([interrupted, refused.signal]))
  } catch (error) {
    const status = session.status()
    throw refusesClient(status) && !interrupted.aborted ? clientRefused(status.cause) : error
  } finally {
    unsubscribe()
  }
}

function clientRefused(cause: string | null): QuorateError {
  const message = `the authorization server refuses the client (${cause ?? "unknown"})`
  return new QuorateError("CLIENT_REFUSED", "refused", message, {
    hint: "check --client-id and the client's secret with the server; `quorate token --force` tries again",
  })
}
