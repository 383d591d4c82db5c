/** Sessions on real parts for tests: a real authorization server, real files, and a login that came from it. */

import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

import { afterEach } from "vitest"

import { openSession, type Session, type SessionOptions } from "../../src/index.ts"
import {
  type AuthorizationServer,
  type AuthorizationServerOptions,
  startAuthorizationServer,
} from "../../src/testing/authorization-server.ts"

const cleanups: (() => unknown)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

/** A new directory that goes with the test. */
export function directory(): string {
  const path = mkdtempSync(join(tmpdir(), "quorate-test-"))
  cleanups.push(() => rmSync(path, { recursive: true, force: true }))
  return path
}

export async function server(
  options: AuthorizationServerOptions = {},
): Promise<AuthorizationServer> {
  const started = await startAuthorizationServer(options)
  cleanups.push(() => started.close())
  return started
}

export async function open(options: SessionOptions): Promise<Session> {
  // No test leaves anything in the keychain of whoever runs it.
  const session = await openSession({ key: "file", ...options })
  cleanups.push(() => session.close())
  return session
}

/** A session of its own cluster, logged in; and the refresh token that nobody but this test may see. */
export async function loggedIn(
  as: AuthorizationServer,
  options: Partial<SessionOptions> = {},
): Promise<{ session: Session; profile: string; refreshToken: string }> {
  const profile = options.profile ?? directory()
  const provider = { issuer: as.issuer, clientId: as.clientId }
  const session = await open({ provider, ...options, profile })
  const refreshToken = await login(as, session)
  return { session, profile, refreshToken }
}

export async function login(as: AuthorizationServer, session: Session): Promise<string> {
  const minted = await as.mint()
  await session.login(
    {
      accessToken: minted.access_token,
      tokenType: minted.token_type,
      refreshToken: minted.refresh_token,
      expiresInSeconds: minted.expires_in,
      scope: minted.scope,
      refreshExpiresInSeconds: null,
      subject: null,
    },
    Date.now(),
  )
  return minted.refresh_token
}
