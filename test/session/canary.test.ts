// Invariant 10: no token appears in a file, an event, a status or an error in a form that somebody could read.
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { inspect } from "node:util"

import { expect, test } from "vitest"

import { sqliteView } from "../../src/storage/sqlite.ts"
import { decodeEntry, decodeState } from "../../src/wire/entries.ts"
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

/** The sealed refresh token of the newest pair in the store: whoever has the profile's key can open it. */
function sealedToken(profile: string): Buffer {
  const persisted = sqliteView(join(profile, "state.db")).load()
  const entries = (persisted?.entries ?? []).flatMap((entry) =>
    entry.type === "app" ? [decodeEntry(entry.data)] : [],
  )
  const pairs = entries.flatMap((entry) =>
    entry.type === "login" || entry.type === "result" ? [entry.pair] : [],
  )
  const snapshot = persisted?.snapshot.data ?? new Uint8Array()
  const known = snapshot.length === 0 ? null : decodeState(snapshot).pair
  const bytes = (pairs.at(-1) ?? known)?.refreshBox.bytes
  if (bytes === undefined) throw new Error("no pair in the store")
  return Buffer.from(bytes)
}

test("a superseded refresh token leaves every file of the profile in its sealed form too, WAL included", async () => {
  const as = await server()
  const { session, profile } = await loggedIn(as)
  const sealed = [sealedToken(profile)]
  for (const generation of [2, 3]) {
    expect((await session.getToken({ mode: "force" })).generation).toBe(generation)
    sealed.push(sealedToken(profile))
  }
  await session.close()

  const holding = sealed.map((bytes) =>
    files(profile).flatMap(([name, content]) => (content.includes(bytes) ? [name] : [])),
  )

  expect(new Set(sealed.map((bytes) => bytes.toString("hex"))).size).toBe(3)
  expect(holding.slice(0, 2)).toEqual([[], []])
  expect(holding[2]).not.toEqual([])
})

test("the scan finds a token that is there", () => {
  const secret = "kV3-canary_token.0123456789"

  for (const form of forms(secret)) expect(Buffer.from(`x${form}y`).includes(form)).toBe(true)
})
