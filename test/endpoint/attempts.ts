/** The whole way of one refresh, prepare, exchange and interpret, against the real authorization server or any other. */

import type { Exchange, Outcome, ProviderSettings } from "../../src/core/oauth/types.ts"
import { sendExchange } from "../../src/endpoint/exchange.ts"
import type { TokenEndpoint } from "../../src/ports/token-endpoint.ts"
import {
  startAuthorizationServer,
  type AuthorizationServer,
  type AuthorizationServerOptions,
} from "../../src/testing/authorization-server.ts"

const servers: AuthorizationServer[] = []

/** Keeps the server for {@link stopAll}. */
export async function start(
  options: AuthorizationServerOptions = {},
): Promise<AuthorizationServer> {
  const server = await startAuthorizationServer(options)
  servers.push(server)
  return server
}

export async function stopAll(): Promise<void> {
  await Promise.all(servers.splice(0).map((server) => server.close()))
}

export function settingsOf(
  server: Pick<AuthorizationServer, "issuer" | "clientId">,
  other: Partial<ProviderSettings> = {},
): ProviderSettings {
  return {
    issuer: server.issuer,
    tokenEndpoint: null,
    clientId: server.clientId,
    clientAuthentication: "none",
    scope: null,
    replayPolicy: { type: "strict" },
    ...other,
  }
}

export async function attempt(
  endpoint: TokenEndpoint,
  refreshToken: string,
  timeoutMs = 5_000,
): Promise<{ exchange: Exchange; outcome: Outcome }> {
  const request = await endpoint.prepare(refreshToken)
  const exchange = await sendExchange(request, { claim: () => true, timeoutMs })
  return { exchange, outcome: await endpoint.interpret(exchange) }
}
