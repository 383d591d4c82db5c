/**
 * The token endpoint as the coordinator sees it: builds the requests and judges the records. How a client authenticates
 * and what a conforming response is, oauth4webapi knows; what an exchange means, core/oauth decides. Sends nothing.
 */

import { createHash } from "node:crypto"
import { brotliDecompressSync, gunzipSync, inflateSync } from "node:zlib"
import {
  allowInsecureRequests,
  ClientSecretBasic,
  ClientSecretPost,
  customFetch,
  None,
  processRefreshTokenResponse,
  refreshTokenGrantRequest,
  revocationRequest,
  type AuthorizationServer,
  type Client,
  type ClientAuth,
} from "oauth4webapi"
import { QuorateError } from "../core/base/errors.ts"
import { isJsonObject, parseJson } from "../core/oauth/json.ts"
import { classify, type StrictVerdict } from "../core/oauth/outcome.ts"
import { decodeBase64Url, decodeUtf8 } from "../core/oauth/text.ts"
import type { Exchange, PreparedRequest, ProviderSettings } from "../core/oauth/types.ts"
import type { TokenEndpoint } from "../ports/token-endpoint.ts"
import { MetadataCache } from "./metadata.ts"

const BODY_BYTES_MAX = 1_048_576
/** Any that is not `none`: the signature is not what we trust (OIDC Core §3.1.3.7 point 6), and a record has no metadata. */
const SIGNING_ALGORITHMS = ["RS", "PS", "ES"]
  .flatMap((family) => ["256", "384", "512"].map((bits) => `${family}${bits}`))
  .concat("EdDSA", "Ed25519")

export interface TokenEndpointOptions {
  readonly settings: ProviderSettings
  /** Null for a public client. */
  readonly clientSecret: string | null
  /** Shared by those who ask the same issuers. @defaultValue one of its own */
  readonly metadata?: MetadataCache | undefined
}

interface Context {
  readonly options: TokenEndpointOptions
  readonly client: Client
  readonly authentication: ClientAuth
  readonly metadata: MetadataCache
}

export function tokenEndpoint(options: TokenEndpointOptions): Required<TokenEndpoint> {
  const { settings, clientSecret, metadata = new MetadataCache() } = options
  const context: Context = {
    options,
    client: { client_id: settings.clientId },
    authentication: authenticationOf(settings, clientSecret),
    metadata,
  }
  return {
    prepare: (refreshToken) => prepare(context, refreshToken),
    revoke: (refreshToken) => prepareRevocation(context, refreshToken),
    async interpret(exchange) {
      const plain = decoded(exchange)
      return classify(plain, await strictVerdict(context, plain))
    },
  }
}

/** How the client proves itself. @throws QuorateError kind `usage` when it needs a secret and there is none. */
export function authenticationOf(settings: ProviderSettings, secret: string | null): ClientAuth {
  switch (settings.clientAuthentication) {
    case "none":
      return None()
    case "client_secret_basic":
      return ClientSecretBasic(needed(secret))
    case "client_secret_post":
      return ClientSecretPost(needed(secret))
    default:
      return settings.clientAuthentication satisfies never
  }
}

function needed(secret: string | null): string {
  if (secret !== null && secret !== "") return secret
  throw new QuorateError("INVALID_OPTIONS", "usage", "the client authentication needs a secret", {
    hint: "Give --client-secret-file, or make the client a public one.",
  })
}

async function prepare(context: Context, refreshToken: string): Promise<PreparedRequest> {
  const { settings } = context.options
  const url = settings.tokenEndpoint ?? (await discovered(context)).tokenEndpoint
  const server: AuthorizationServer = { issuer: settings.issuer ?? url, token_endpoint: url }
  const headers = new Headers()
  if (settings.replayPolicy.type === "idempotent") {
    headers.set("idempotency-key", idempotencyKey(refreshToken))
  }
  return capture((fetch) =>
    refreshTokenGrantRequest(server, context.client, context.authentication, refreshToken, {
      ...transport(fetch),
      headers,
    }),
  )
}

async function prepareRevocation(
  context: Context,
  refreshToken: string,
): Promise<PreparedRequest | null> {
  // A bare token endpoint tells nobody where to revoke.
  if (context.options.settings.issuer === null) return null
  const { server, revocationEndpoint: url } = await discovered(context)
  if (url === null) return null
  return capture((fetch) =>
    revocationRequest(server, context.client, context.authentication, refreshToken, {
      ...transport(fetch),
      additionalParameters: { token_type_hint: "refresh_token" },
    }),
  )
}

/**
 * One key for each generation, whoever sends it: derived from the token, so that every member that may resend has the
 * same one. A structured-field string (draft-ietf-httpapi-idempotency-key-header-07 §2.1).
 */
function idempotencyKey(refreshToken: string): string {
  const hash = createHash("sha256").update(`quorate idempotency key\n${refreshToken}`)
  return `"${hash.digest("base64url")}"`
}

function discovered({ options, metadata }: Context): ReturnType<MetadataCache["get"]> {
  const { issuer } = options.settings
  if (issuer !== null) return metadata.get(issuer)
  throw new QuorateError(
    "INVALID_OPTIONS",
    "usage",
    "neither an issuer nor a token endpoint is set",
  )
}

type Fetch = (url: string, init: FetchInit) => Promise<Response>

interface FetchInit {
  readonly body: URLSearchParams
  readonly headers: Record<string, string>
}

/** Where a token may be sent is decided in one place, by the sender (target.ts); the library sends nothing. */
function transport(fetch: Fetch): { [customFetch]: Fetch; [allowInsecureRequests]: boolean } {
  return { [customFetch]: fetch, [allowInsecureRequests]: true }
}

/** Lets the library build a request and takes it away before it leaves. */
async function capture(build: (fetch: Fetch) => Promise<Response>): Promise<PreparedRequest> {
  let prepared: PreparedRequest | null = null
  await build(async (url, { body, headers }) => {
    // Without compression the raw bytes can be searched when they are cut.
    const all = { ...headers, "accept-encoding": "identity" }
    prepared = { url, headers: Object.entries(all), body: body.toString() }
    return new Response()
  })
  if (prepared === null) throw new Error("the library built no request")
  return prepared
}

/** What the library says of the response; its errors hold tokens and go no further. */
async function strictVerdict(context: Context, exchange: Exchange): Promise<StrictVerdict> {
  const { response } = exchange
  if (response === null || response.status !== 200) return "refused"
  const text = decodeUtf8(response.body)
  const body = parseJson(text)
  const json = isJsonObject(body) ? body : {}
  if (await accepts(context, exchange, text, json["id_token"])) return "accepted"
  if (json["id_token"] === undefined) return "refused"
  const rest = JSON.stringify({ ...json, id_token: undefined })
  return (await accepts(context, exchange, rest, undefined)) ? "refused-id-token" : "refused"
}

async function accepts(
  { options, client }: Context,
  { response }: Exchange,
  text: string,
  idToken: unknown,
): Promise<boolean> {
  // With a bare token endpoint nobody said which issuer to expect.
  const issuer = options.settings.issuer ?? issuerOf(idToken) ?? "unknown"
  const type = response?.headers.find(([name]) => name === "content-type")?.[1]
  const headers: Record<string, string> = type === undefined ? {} : { "content-type": type }
  try {
    // To read it through a stream would take longer than all the rest.
    const json = async (): Promise<unknown> => JSON.parse(text)
    const rebuilt = Object.assign(new Response(null, { status: 200, headers }), { json })
    const server = { issuer, id_token_signing_alg_values_supported: SIGNING_ALGORITHMS }
    await processRefreshTokenResponse(server, client, rebuilt)
    return true
  } catch {
    return false
  }
}

function issuerOf(idToken: unknown): string | null {
  const payload = typeof idToken === "string" ? idToken.split(".")[1] : undefined
  const bytes = payload === undefined ? null : decodeBase64Url(payload)
  const claims = bytes === null ? null : parseJson(decodeUtf8(bytes))
  return isJsonObject(claims) && typeof claims["iss"] === "string" ? claims["iss"] : null
}

/** The exchange with a readable body, for servers that compress although they were asked not to. */
function decoded(exchange: Exchange): Exchange {
  const { response } = exchange
  const coding = response?.headers.find(([name]) => name === "content-encoding")?.[1]
  if (response === null || coding === undefined) return exchange
  const unpack = { gzip: gunzipSync, deflate: inflateSync, br: brotliDecompressSync }[
    coding.trim().toLowerCase()
  ]
  if (unpack === undefined) return exchange
  try {
    const body = new Uint8Array(unpack(response.body, { maxOutputLength: BODY_BYTES_MAX }))
    return { ...exchange, response: { ...response, body } }
  } catch {
    return exchange
  }
}
