/**
 * What the two interactive logins share: the server's metadata, how the client proves itself, which scope is asked for, and
 * what an error of theirs means. The flows are `browser-login.ts` and `device-login.ts`; both are oauth4webapi's.
 */

import {
  allowInsecureRequests,
  AuthorizationResponseError,
  OperationProcessingError,
  ResponseBodyError,
  type AuthorizationServer,
  type Client,
  type ClientAuth,
  type TokenEndpointResponse,
} from "oauth4webapi"
import { isQuorateError, QuorateError } from "../core/base/errors.ts"
import { isCauseCode } from "../core/oauth/cause.ts"
import { isLoopback } from "../core/oauth/loopback.ts"
import type { ProviderSettings } from "../core/oauth/types.ts"
import { discover } from "./metadata.ts"
import { parseTarget } from "./target.ts"
import { authenticationOf } from "./token-endpoint.ts"

export interface LoginServer {
  readonly server: AuthorizationServer
  readonly client: Client
  readonly authentication: ClientAuth
  /** Null: not said, the server's own. */
  readonly scope: string | null
  readonly request: { readonly [allowInsecureRequests]: boolean; readonly signal: AbortSignal }
}

/** An RFC 6749 §5.1 response, as text, and when its request started, epoch ms. */
export interface LoginResponse {
  readonly text: string
  readonly issuedAtMs: number
}

/** @throws QuorateError `DISCOVERY_FAILED`; kind `usage` when the settings name no issuer. */
export async function loginServer(
  settings: ProviderSettings,
  clientSecret: string | null,
  signal: AbortSignal,
): Promise<LoginServer> {
  const { clientId, issuer, tokenEndpoint } = settings
  if (issuer === null) {
    throw new QuorateError("USAGE", "usage", "the profile knows a token endpoint and no issuer", {
      hint: "get a token response with your own login, then: quorate login --import FILE|-",
    })
  }
  const { server } = await discover(issuer)
  const insecure = isLoopback(new URL(issuer).hostname)
  return {
    server: tokenEndpoint === null ? server : { ...server, token_endpoint: tokenEndpoint },
    client: { client_id: clientId },
    authentication: authenticationOf(settings, clientSecret),
    scope: settings.scope ?? scopeOf(server),
    request: { [allowInsecureRequests]: insecure, signal },
  }
}

/** Where a server knows `offline_access` it gives no refresh token without it (OpenID Connect Core §11). */
function scopeOf({ scopes_supported: known = [] }: AuthorizationServer): string | null {
  if (!known.includes("offline_access")) return null
  return known.includes("openid") ? "openid offline_access" : "offline_access"
}

/** An endpoint of the metadata at which a person or a client may be. @throws QuorateError `LOGIN_FAILED`. */
export function safeEndpoint(url: string | undefined, name: string): string {
  if (url !== undefined && typeof parseTarget(url) !== "string") return url
  const what = url === undefined ? "the server has no" : "the server names an insecure"
  throw new QuorateError("LOGIN_FAILED", "refused", `${what} ${name}`, {
    hint: "use another way: quorate login --browser, --device or --import FILE",
  })
}

/** The response as the import reads it. */
export function responseOf(tokens: TokenEndpointResponse, issuedAtMs: number): LoginResponse {
  return { text: JSON.stringify(tokens), issuedAtMs }
}

/** Runs a step of a flow; its errors hold codes and tokens, and only a short word of them goes further. */
export async function step<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    signal.throwIfAborted()
    throw loginError(error)
  }
}

function loginError(error: unknown): unknown {
  if (isQuorateError(error)) return error
  const said = wordOf(error)
  if (said === "access_denied") {
    return new QuorateError("DECLINED", "refused", "the login was declined at the server")
  }
  if (said === "expired_token") {
    return new QuorateError("TIMEOUT", "retryable", "the code was not used in time", {
      hint: "log in again",
    })
  }
  if (isAnswer(error)) {
    return new QuorateError("LOGIN_FAILED", "refused", `the server refused the login (${said})`, {
      hint: "check the client's registration with the provider: grant types, redirect URI, scope",
    })
  }
  if (error instanceof OperationProcessingError) {
    const message = `the answer is not one that this server should give (${said})`
    return new QuorateError("LOGIN_FAILED", "refused", message, {
      hint: "check the issuer's address; somebody else may have answered",
    })
  }
  return new QuorateError("LOGIN_FAILED", "retryable", `the login did not come through (${said})`, {
    hint: "check the network, then log in again",
  })
}

export function isAnswer(error: unknown): error is ResponseBodyError | AuthorizationResponseError {
  return error instanceof ResponseBodyError || error instanceof AuthorizationResponseError
}

/** The server's word, or the code of what failed. */
export function wordOf(error: unknown): string {
  if (isAnswer(error)) return isCauseCode(error.error) ? error.error : "unreadable"
  const { cause, code } = error as { cause?: unknown; code?: unknown }
  if (typeof code === "string" && isCauseCode(code)) return code
  return typeof cause === "object" && cause !== null ? wordOf(cause) : "UNKNOWN"
}
