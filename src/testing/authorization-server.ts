/**
 * A real OAuth authorization server for tests and demonstrations: oidc-provider on loopback, with rotation, reuse
 * detection, switchable replay policies, faults on demand, and counters that tell what really arrived.
 *
 * Needs the optional peer dependency `oidc-provider`. Decides only how the parts are put together.
 */

import { once } from "node:events"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import type { Provider } from "oidc-provider"
import { createLedger, type Ledger } from "./authorization-server/ledger.ts"
import { CLIENTS, createProvider, refusal, SCOPE } from "./authorization-server/provider.ts"
import { TokenStore } from "./authorization-server/store.ts"
import { watchTokenRequests } from "./authorization-server/token-requests.ts"
import type {
  AuthorizationServer,
  AuthorizationServerKnobs,
  AuthorizationServerOptions,
  MintedTokens,
  MintOptions,
} from "./authorization-server/types.ts"

export type * from "./authorization-server/types.ts"

const HOST = "127.0.0.1"

/**
 * Starts the server; it listens when the promise settles.
 *
 * @param options - the knobs' first values (default: policy `strict`, rotation, access tokens of 300 s, no faults), the
 *   port and the callbacks.
 */
export async function startAuthorizationServer(
  options: AuthorizationServerOptions = {},
): Promise<AuthorizationServer> {
  const knobs = initialKnobs(options)
  const ledger = createLedger()
  const countReuse = (grantId: string): void => {
    if (ledger.familyRevoked(grantId)) options.onFamilyRevoked?.()
  }
  const store = new TokenStore(knobs, { onReuse: countReuse, refusal })

  const server = createServer()
  const port = await listen(server, options.port ?? 0)
  const issuer = `http://${HOST}:${port}`
  const provider = createProvider(issuer, store, knobs)
  // The same event also tells of RFC 7009 requests: those are not reuse.
  provider.on("grant.revoked", (ctx, grantId) => {
    if (ctx.path === "/token") countReuse(grantId)
  })
  watchTokenRequests(provider, { knobs, options, ledger, store })
  const handle = provider.callback()
  server.on("request", (request, response) => void handle(request, response))

  return {
    issuer,
    tokenEndpoint: `${issuer}/token`,
    introspectionEndpoint: `${issuer}/token/introspection`,
    revocationEndpoint: `${issuer}/token/revocation`,
    userinfoEndpoint: `${issuer}/me`,
    clientId: CLIENTS.public.clientId,
    clients: CLIENTS,
    knobs,
    mint: (mintOptions = {}) => mint(provider, ledger, mintOptions),
    counters: () => ledger.counters(),
    numberOf: (refreshToken) => ledger.knows(refreshToken),
    isAlive: (refreshToken) => store.isCurrent(refreshToken),
    revokeFamily: (refreshToken) => store.revokeFamily(refreshToken),
    async setOffline(offline) {
      if (offline) await shut(server)
      else if (!server.listening) await listen(server, port)
    },
    close: () => shut(server),
  }
}

function initialKnobs(options: AuthorizationServerOptions): AuthorizationServerKnobs {
  return {
    replayPolicy: options.replayPolicy ?? { type: "strict" },
    rotate: options.rotate ?? true,
    accessTokenTtlSeconds: options.accessTokenTtlSeconds ?? 300,
    refreshTokenTtlSeconds: options.refreshTokenTtlSeconds ?? 14 * 86_400,
    delayBeforeCommitMs: options.delayBeforeCommitMs ?? 0,
    delayAfterCommitMs: options.delayAfterCommitMs ?? 0,
    dropReplyAfterCommit: options.dropReplyAfterCommit ?? 0,
    failAfterConsume: options.failAfterConsume ?? 0,
    turnAway: options.turnAway ?? null,
  }
}

async function listen(server: Server, port: number): Promise<number> {
  server.listen(port, HOST)
  await once(server, "listening")
  return (server.address() as AddressInfo).port
}

async function shut(server: Server): Promise<void> {
  if (!server.listening) return
  const closed = once(server, "close")
  server.close()
  server.closeAllConnections()
  await closed
}

async function mint(
  provider: Provider,
  ledger: Ledger,
  options: MintOptions,
): Promise<MintedTokens> {
  const { accountId = "ada", clientId = CLIENTS.public.clientId } = options
  const client = await provider.Client.find(clientId)
  if (client === undefined) throw new TypeError(`no such client: ${JSON.stringify(clientId)}`)
  const grant = new provider.Grant({ accountId, clientId })
  grant.addOIDCScope(SCOPE)
  const grantId = await grant.save()
  const claims = { accountId, client, grantId, scope: SCOPE, gty: "authorization_code" }
  const accessToken = new provider.AccessToken({ ...claims, expiresWithSession: false })
  const refreshToken = new provider.RefreshToken({ ...claims, expiresWithSession: false })
  const expiresIn = accessToken.expiration
  const tokens: MintedTokens = {
    access_token: await accessToken.save(),
    refresh_token: await refreshToken.save(),
    expires_in: expiresIn,
    token_type: "Bearer",
    scope: SCOPE,
  }
  ledger.minted()
  ledger.numberOf(tokens.refresh_token)
  return tokens
}
