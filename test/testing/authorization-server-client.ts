/** A client of the authorization server that knows nothing of this library. */

import { expect } from "vitest"
import {
  startAuthorizationServer,
  type AuthorizationServer,
  type AuthorizationServerOptions,
} from "../../src/testing/authorization-server.ts"

const servers: AuthorizationServer[] = []

/** Starts a server and keeps it for {@link closeAll}. */
export async function start(
  options: AuthorizationServerOptions = {},
): Promise<AuthorizationServer> {
  const server = await startAuthorizationServer(options)
  servers.push(server)
  return server
}

export async function closeAll(): Promise<void> {
  await Promise.all(servers.splice(0).map((server) => server.close()))
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: Record<string, string>
}

export async function refresh(
  server: AuthorizationServer,
  refreshToken: string,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(server.tokenEndpoint, {
    method: "POST",
    headers: { ...headers, connection: "close" },
    body: new URLSearchParams({
      grant_type: "refresh_token",
      refresh_token: refreshToken,
      client_id: server.clientId,
    }),
  })
  const body = (await response.json()) as Record<string, string>
  return { status: response.status, headers: response.headers, body }
}

export const next = (answer: Answer): string => answer.body["refresh_token"] ?? ""

/** Every request has one ending, and every post is some token's. */
export function addsUp(server: AuthorizationServer): void {
  const c = server.counters()
  const sum = c.refreshes + c.replays + c.rejected + c.turnedAway + c.serverErrors + c.inFlight
  expect(sum).toBe(c.posts)
  expect(Object.values(c.postsPerToken).reduce((a, b) => a + b, 0)).toBe(c.posts)
}
