/**
 * Finds an issuer's endpoints (RFC 8414; OpenID Connect Discovery where the server only has that). Decides which
 * documents to ask and what is trusted of them: the issuer must be the one asked for, and no token endpoint may be
 * where tokens must not go.
 */

import {
  allowInsecureRequests,
  customFetch,
  discoveryRequest,
  processDiscoveryResponse,
} from "oauth4webapi"
import type { AuthorizationServer, CustomFetchOptions } from "oauth4webapi"
import { QuorateError, quote } from "../core/base/errors.ts"
import { isLoopback } from "../core/oauth/loopback.ts"
import { parseTarget } from "./target.ts"

const TIMEOUT_MS = 10_000
const DOCUMENT_BYTES_MAX = 262_144

export interface MetadataOptions {
  /** For each of the two documents, in ms. @defaultValue 10_000 */
  readonly timeoutMs?: number | undefined
  /** Sees each response with the time of its request, epoch ms. */
  readonly seen?: ((response: Response, startedAtMs: number) => void) | undefined
}

/** The endpoints this library uses, checked. */
export interface ServerMetadata {
  readonly server: AuthorizationServer
  readonly tokenEndpoint: string
  /** Null: the server cannot revoke (RFC 7009), or somewhere we may not ask. */
  readonly revocationEndpoint: string | null
}

/** Discovers each issuer once per process; a failure is not remembered. */
export class MetadataCache {
  readonly #found = new Map<string, Promise<ServerMetadata>>()
  readonly #options: MetadataOptions

  constructor(options: MetadataOptions = {}) {
    this.#options = options
  }

  /** @throws QuorateError `DISCOVERY_FAILED` */
  get(issuer: string): Promise<ServerMetadata> {
    const known = this.#found.get(issuer)
    if (known !== undefined) return known
    const found = discover(issuer, this.#options).catch((error: unknown) => {
      this.#found.delete(issuer)
      throw error
    })
    this.#found.set(issuer, found)
    return found
  }
}

/** @throws QuorateError `DISCOVERY_FAILED`, retryable. Its message names the issuer and a code, nothing of the answer. */
export async function discover(
  issuer: string,
  options: MetadataOptions = {},
): Promise<ServerMetadata> {
  const url = URL.parse(issuer)
  if (url === null || typeof parseTarget(issuer) === "string") {
    throw failed(issuer, "INSECURE_URL", "Use an https: issuer; http: is for loopback only.")
  }
  let cause: unknown = null
  for (const algorithm of ["oauth2", "oidc"] as const) {
    try {
      const response = await discoveryRequest(url, {
        algorithm,
        [allowInsecureRequests]: isLoopback(url.hostname),
        [customFetch]: watched(options.seen),
        signal: AbortSignal.timeout(options.timeoutMs ?? TIMEOUT_MS),
      })
      return check(issuer, await processDiscoveryResponse(url, await bounded(response)))
    } catch (error) {
      if (error instanceof QuorateError) throw error
      cause = error
    }
  }
  throw failed(issuer, codeOf(cause), HINT)
}

type Fetch = (url: string, options: CustomFetchOptions<"GET", undefined>) => Promise<Response>

function watched(seen: MetadataOptions["seen"]): Fetch {
  return async (url, { headers, method, redirect, signal }) => {
    const startedAtMs = Date.now()
    const response = await fetch(url, { headers, method, redirect, signal: signal ?? null })
    seen?.(response, startedAtMs)
    return response
  }
}

const HINT =
  "Check the issuer URL and the network; a server without metadata needs --token-endpoint."

function check(issuer: string, server: AuthorizationServer): ServerMetadata {
  const { token_endpoint: tokenEndpoint, revocation_endpoint: revocation } = server
  if (tokenEndpoint === undefined || typeof parseTarget(tokenEndpoint) === "string") {
    throw failed(issuer, "NO_TOKEN_ENDPOINT", HINT)
  }
  const revocable = revocation !== undefined && typeof parseTarget(revocation) !== "string"
  return { server, tokenEndpoint, revocationEndpoint: revocable ? revocation : null }
}

/** The response with its body read, at most 256 KiB of it. */
async function bounded(response: Response): Promise<Response> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length
    if (bytes > DOCUMENT_BYTES_MAX) throw Object.assign(new Error(), { code: "TOO_LARGE" })
    chunks.push(chunk)
  }
  const { status, headers } = response
  return new Response(Buffer.concat(chunks), { status, headers })
}

function failed(issuer: string, code: string, hint: string): QuorateError {
  const message = `no metadata of ${quote(issuer)} (${code})`
  return new QuorateError("DISCOVERY_FAILED", "retryable", message, { hint })
}

/** A short code of the error or of what caused it. Errors of the library hold the response: they stay here. */
function codeOf(error: unknown): string {
  const { code, cause, name } = error as { code?: unknown; cause?: unknown; name?: unknown }
  if (name === "TimeoutError") return "TIMEOUT"
  if (typeof code === "string" && /^[A-Z][A-Z0-9_]{1,63}$/.test(code)) return code
  return typeof cause === "object" && cause !== null ? codeOf(cause) : "UNKNOWN"
}
