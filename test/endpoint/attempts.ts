/** The whole way of one refresh, prepare, exchange and interpret, against the real authorization server or any other. */

import type { Exchange, Outcome, ProviderSettings } from "../../src/core/oauth/types.ts"
import { tokenEndpoint } from "../../src/endpoint/token-endpoint.ts"
import { sendExchange } from "../../src/endpoint/exchange.ts"
import type { TokenEndpoint } from "../../src/ports/token-endpoint.ts"
import {
  startAuthorizationServer,
  type AuthorizationServer,
  type AuthorizationServerOptions,
} from "../../src/testing/authorization-server.ts"
import { rawServer, reply } from "./misbehaving.ts"

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

/** A refresh by a public client that knows nothing but the token endpoint. */
export async function refreshAt(
  url: string,
  timeoutMs?: number,
  refreshToken = "canary-RT0",
): Promise<Outcome> {
  const settings = settingsOf({ issuer: "", clientId: "c" }, { issuer: null, tokenEndpoint: url })
  const endpoint = tokenEndpoint({ settings, clientSecret: null })
  return (await attempt(endpoint, refreshToken, timeoutMs)).outcome
}

/** The outcome where the server gives this one answer, whole, on a raw socket. */
export async function outcomeOf(
  status: number,
  body: string | object,
  headers: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  const text = typeof body === "string" ? body : JSON.stringify(body)
  const server = await rawServer((socket) => socket.end(reply(status, text, headers)))
  try {
    return await refreshAt(server.url)
  } finally {
    await server.close()
  }
}

type Answer = readonly [
  status: number,
  body: string | object,
  outcome: Outcome,
  headers?: Readonly<Record<string, string>>,
]

type Outcomes = Readonly<Record<string, Outcome>>

/** What the answers were judged to be and what they should be, each under its name. */
export async function outcomesOf(
  answers: Readonly<Record<string, Answer>>,
): Promise<{ readonly judged: Outcomes; readonly wanted: Outcomes }> {
  const judged: Record<string, Outcome> = {}
  const wanted: Record<string, Outcome> = {}
  for (const [name, [status, body, outcome, headers]] of Object.entries(answers)) {
    judged[name] = await outcomeOf(status, body, headers)
    wanted[name] = outcome
  }
  return { judged, wanted }
}
