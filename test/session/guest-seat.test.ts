// Seats in one process: a second session of a profile is a guest of the first; test/process/session has real processes.

import { existsSync, rmSync, statSync, writeFileSync } from "node:fs"
import { createConnection } from "node:net"
import { join } from "node:path"

import { expect, test, vi } from "vitest"

import type { SessionEvent } from "../../src/index.ts"
import { hostLock } from "../../src/session/open.ts"
import { readCachedToken } from "../../src/session/cached.ts"
import { PROTOCOL } from "../../src/machine/guest-protocol.ts"
import { openProfileDirectory } from "../../src/machine/profile.ts"
import { encodeFrame } from "../../src/wire/frame.ts"
import { directory, loggedIn, login, open, server } from "./profiles.ts"

test("a second session of the same process is a guest, and can do all that the first can", async () => {
  const as = await server()
  const profile = directory()
  const host = await open({ profile, provider: { issuer: as.issuer, clientId: as.clientId } })
  const guest = await open({ profile })

  await login(as, guest)

  expect((await host.getToken()).generation).toBe(1)
  const next = await guest.getToken({ mode: "force" })
  expect(next).toMatchObject({ generation: 2, source: "refresh" })
  expect(host.peekToken().accessToken).toBe(next.accessToken)
  expect((await guest.fetch(as.userinfoEndpoint)).status).toBe(200)
  await guest.logout()
  await expect(host.getToken()).rejects.toMatchObject({ code: "LOGIN_REQUIRED" })
  await expect(guest.getToken()).rejects.toMatchObject({ code: "LOGIN_REQUIRED" })
})

// SQLite itself takes 512 bytes.
test("a profile may lie deeper than the name of a socket is long", async () => {
  const as = await server()
  const deep = join(directory(), ...Array.from({ length: 4 }, () => "d".repeat(60)))
  const { session: host, profile } = await loggedIn(as, { profile: deep })
  const guest = await open({ profile })

  expect((await guest.getToken({ mode: "force" })).generation).toBe(2)
  expect(statSync(join(profile, "socket")).mode & 0o777).toBe(0o600)
  await host.close()
  expect((await guest.getToken({ mode: "force" })).generation).toBe(3)
  await guest.close()
  expect(existsSync(join(profile, "socket"))).toBe(false)
})

test("nothing that a guest is told holds a refresh token", async () => {
  const as = await server()
  const { session: host, profile, refreshToken } = await loggedIn(as)
  const socket = createConnection({ path: openProfileDirectory(profile).socket })
  const chunks: Buffer[] = []
  socket.on("data", (chunk) => chunks.push(chunk))
  socket.write(encodeFrame({ type: "hello", protocol: PROTOCOL, version: "1" }))
  socket.write(encodeFrame({ type: "request", id: 1, call: { type: "look" } }))

  const { accessToken } = await host.getToken({ mode: "force" })

  const heard = (): string => Buffer.concat(chunks).toString("latin1")
  await vi.waitFor(() => expect(heard()).toContain(accessToken))
  socket.destroy()
  expect(heard()).not.toContain(refreshToken)
  expect(heard()).not.toMatch(/refreshToken|refresh_token/)
})

test("a guest that closes leaves the host alone", async () => {
  const as = await server()
  const { session: host, profile } = await loggedIn(as)
  const guest = await open({ profile })

  await guest.close()

  expect((await host.getToken({ mode: "force" })).generation).toBe(2)
  await expect(guest.getToken()).rejects.toMatchObject({ code: "CLOSED" })
})

test("a guest's listeners hear of each token once, across a change of hosts", async () => {
  const as = await server()
  const { session: host, profile } = await loggedIn(as)
  const guest = await open({ profile })
  const events: SessionEvent[] = []
  guest.subscribe((event) => events.push(event))

  await host.getToken({ mode: "force" })
  await vi.waitFor(() => expect(guest.peekToken().generation).toBe(2))
  await host.close()
  await guest.getToken({ mode: "force" })

  const generations = events.flatMap((event) =>
    event.type === "token" && event.token !== null ? [event.token.generation] : [],
  )
  expect(generations).toEqual([2, 3])
  expect(as.counters()).toMatchObject({ posts: 2, tokensSentTwice: 0 })
})

test("the status of a guest follows the host's, down to the members", async () => {
  const as = await server()
  const { session: host, profile } = await loggedIn(as)
  const guest = await open({ profile })

  const [mine, theirs] = [guest.status(), host.status()]

  expect(mine).toMatchObject({ stage: "ready", quorum: true, leader: theirs.leader })
  expect(mine.members.map(({ id, self }) => [id, self])).toEqual(
    theirs.members.map(({ id, self }) => [id, self]),
  )
})

test("a guest that cannot take over says why, and does when it can", async () => {
  const as = await server()
  const { session: host, profile } = await loggedIn(as)
  const guest = await open({ profile })
  await host.close()
  // Served, hence hosting: there is nobody else.
  await guest.getToken({ mode: "force" })
  const next = await open({ profile })
  const members = join(profile, "members.json")
  writeFileSync(members, "not a list of members")

  await guest.close()

  await vi.waitFor(() => expect(next.status().cause).toBe("invalid_options"), { timeout: 3_000 })
  expect((await next.getToken()).generation).toBe(2)
  rmSync(members)
  await vi.waitFor(() => expect(next.status()).toMatchObject({ stage: "ready", cause: null }), {
    timeout: 5_000,
  })
})

test("while a session is open nobody sets the profile up anew, afterwards the lock and the socket are free", async () => {
  const as = await server()
  const { session, profile } = await loggedIn(as)
  const files = openProfileDirectory(profile)
  expect(() => hostLock(files)).toThrow(/hosts/)

  await session.close()

  expect(existsSync(files.socket)).toBe(false)
  hostLock(files).close()
})

test("the cached token is read beside a host and without one; a look at nothing makes nothing", async () => {
  const as = await server()
  const { session, profile } = await loggedIn(as)
  await vi.waitFor(async () => expect((await readCachedToken(profile))?.generation).toBe(1))
  await session.logout()
  await vi.waitFor(async () => expect(await readCachedToken(profile)).toBe(null))
  await session.close()
  expect(await readCachedToken(profile)).toBe(null)

  const nowhere = join(directory(), "nowhere")
  await expect(readCachedToken(nowhere)).rejects.toThrow(/holds no profile/)
  expect(existsSync(nowhere)).toBe(false)
})
