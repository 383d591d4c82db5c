// Invariant 10: no token appears in a file, an event, a status or an error in a form that somebody could read.
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { inspect } from "node:util"

import { expect, test } from "vitest"

import { loggedIn, open, server } from "./profiles.ts"

function forms(secret: string): readonly string[] {
  const bytes = Buffer.from(secret, "utf8")
  return [secret, bytes.toString("base64"), bytes.toString("base64url"), bytes.toString("hex")]
}

/** Every file of the profile, WAL included. The session is closed: no lock of ours falls by reading. */
function files(profile: string): readonly (readonly [name: string, bytes: Buffer])[] {
  return readdirSync(profile).map((name) => [name, readFileSync(join(profile, name))] as const)
}

test("a token is in no file of the profile, in no event, status or error", async () => {
  const as = await server()
  const { session, profile, refreshToken } = await loggedIn(as)
  const said: unknown[] = [session.status()]
  const tokens = [(await session.getToken()).accessToken]
  session.subscribe((event) => {
    // The event that hands the access token to the application is the one place where it belongs.
    if (event.type !== "token") said.push(event)
  })
  tokens.push((await session.getToken({ mode: "force" })).accessToken)
  // What is scanned was written by a courier of its own process.
  expect(session.status().courier).toBe("process")
  as.knobs.dropReplyAfterCommit = 1
  said.push(
    await session.getToken({ mode: "force", timeoutMs: 300 }).catch((error: unknown) => error),
  )
  said.push(session.status(), inspect(session, { depth: 12, showHidden: true }).length)
  await session.close()
  const again = await open({ profile })
  said.push(again.status())
  await again.close()

  const secrets = [refreshToken, ...tokens].flatMap(forms)
  const found = files(profile).flatMap(([name, bytes]) =>
    secrets.filter((secret) => bytes.includes(secret)).map(() => name),
  )

  const names = files(profile).map(([name]) => name)
  expect(names).toEqual(expect.arrayContaining(["state.db", "courier.db"]))
  expect(found).toEqual([])
  for (const secret of secrets) expect(inspect(said, { depth: 12 })).not.toContain(secret)
})

test("the scan finds a token that is there", () => {
  const secret = "kV3-canary_token.0123456789"

  for (const form of forms(secret)) expect(Buffer.from(`x${form}y`).includes(form)).toBe(true)
})
