// The profile's socket (DESIGN §10): what a guest may do to its host, and what each hears of the other's version.

import { createConnection, createServer, type Socket } from "node:net"
import { once } from "node:events"
import { chmodSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"

import { expect, onTestFinished, test, vi } from "vitest"

import { QuorateError } from "../../src/core/base/errors.ts"
import { connectToHost, type GuestLink } from "../../src/machine/guest-socket.ts"
import { type HostView, PROTOCOL } from "../../src/machine/guest-protocol.ts"
import {
  GUESTS_MAX,
  type GuestServer,
  REQUESTS_MAX,
  serveGuests,
} from "../../src/machine/host-socket.ts"
import type { CoordinatorEvent, CurrentToken } from "../../src/ports/coordinator.ts"
import { encodeFrame, FrameDecoder } from "../../src/wire/frame.ts"
import { testDirectory } from "../storage/directory.ts"
import { FakeMember } from "./fake-member.ts"

const NOTHING = { token: null, cost: null }

interface Served {
  readonly path: string
  readonly member: FakeMember
  readonly server: GuestServer
}

async function served(): Promise<Served> {
  const path = join(testDirectory(), "socket")
  const member = new FakeMember()
  const server = await serveGuests(path, member)
  onTestFinished(() => server.close())
  return { path, member, server }
}

async function linkTo(path: string): Promise<GuestLink> {
  const contact = await connectToHost(path, 2_000)
  if (contact.type !== "link") throw new Error(`no link: ${contact.type}`)
  onTestFinished(() => contact.link.close())
  contact.link.attach({ view: () => {}, member: () => {}, closed: () => {} })
  return contact.link
}

/** A connection that says what it likes. */
async function raw(path: string): Promise<Socket> {
  const socket = createConnection({ path })
  onTestFinished(() => void socket.destroy())
  socket.on("error", () => {})
  await once(socket, "connect")
  return socket
}

/** Everything that is said until the other side ends. */
async function heard(socket: Socket): Promise<readonly unknown[]> {
  const decoder = new FrameDecoder()
  const values: unknown[] = []
  socket.on("data", (chunk) => values.push(...decoder.push(chunk)))
  await once(socket, "close")
  return values
}

const TOKEN: CurrentToken = {
  accessToken: "access",
  tokenType: "Bearer",
  expiresAtMs: 1_000,
  endsAtUptimeMs: 1_000.5,
  generation: 1,
  epoch: 1,
  scope: null,
  refreshedHere: true,
}

test("the socket is closed to other users, and replaces what a dead host left", async () => {
  const path = join(testDirectory(), "socket")
  writeFileSync(path, "left behind")

  const server = await serveGuests(path, new FakeMember())
  onTestFinished(() => server.close())

  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(statSync(path).isSocket()).toBe(true)
})

test("a closed host takes its socket away and ends its guests", async () => {
  const { path, server } = await served()
  const link = await linkTo(path)
  const ended = new Promise<void>((closed) => {
    link.attach({ view: () => {}, member: () => {}, closed })
  })

  await server.close()

  await ended
  expect(statSync(path, { throwIfNoEntry: false })).toBe(undefined)
  expect(await connectToHost(path, 500)).toEqual({ type: "nobody" })
})

test("a guest gets the view with the welcome, and each change once", async () => {
  const { path, member } = await served()
  const link = await linkTo(path)
  const views: HostView[] = []
  link.attach({ view: (view) => views.push(view), member: () => {}, closed: () => {} })
  expect(link.view.token).toBe(null)

  // A commit makes several events in one go.
  member.current = TOKEN
  member.tell({ type: "token", token: TOKEN })
  member.tell({ type: "status", status: member.status() })

  await vi.waitFor(() => expect(views).toHaveLength(1))
  expect(views[0]).toEqual({ token: TOKEN, status: member.status(), provider: null })
})

test("demands and uses reach the member, and calls come back with its answer or its error", async () => {
  const { path, member } = await served()
  const link = await linkTo(path)
  const closed = vi.fn<() => void>()
  link.attach({ view: () => {}, member: () => {}, closed })
  link.note({ type: "demand", epoch: 1, generation: 4, force: true })
  link.note({ type: "used" })
  member.failure = new QuorateError("NO_QUORUM", "retryable", "nobody there", { hint: "wait" })

  const refused = link.call({ type: "logout" }, 1_000)

  await expect(refused).rejects.toMatchObject({
    code: "NO_QUORUM",
    kind: "retryable",
    hint: "wait",
  })
  expect(member.heard).toEqual(["demand 1.4 force", "used", "logout"])
  expect(closed).not.toHaveBeenCalled()
})

test("a defect of the host crosses the socket as a fact, without its text", async () => {
  const { path, member } = await served()
  const link = await linkTo(path)
  member.failure = new TypeError("holds a secret")

  const error: unknown = await link.call({ type: "logout" }, 1_000).catch((told: unknown) => told)

  expect(error).toMatchObject({ code: "INTERNAL" })
  expect(String(error)).not.toContain("secret")
})

test("a request has a deadline of its own, after which the connection goes on", async () => {
  const { path, member } = await served()
  const link = await linkTo(path)
  member.stuck = true

  const slow = link.call({ type: "logout" }, 50)
  expect(link.waitingSinceMs).not.toBe(null)

  await expect(slow).rejects.toMatchObject({ code: "TIMEOUT", kind: "retryable" })
  expect(link.waitingSinceMs).toBe(null)
  expect(await link.call({ type: "look" }, 1_000)).toEqual(NOTHING)
})

test("a guest with too many unanswered requests is told so, and the others are still answered", async () => {
  const { path, member } = await served()
  const link = await linkTo(path)
  const other = await linkTo(path)
  member.stuck = true
  const stuck = Array.from({ length: REQUESTS_MAX }, () => link.call({ type: "logout" }, 300))
  const settled = Promise.allSettled(stuck)

  await expect(link.call({ type: "look" }, 1_000)).rejects.toMatchObject({ code: "HOST_BUSY" })
  expect(await other.call({ type: "look" }, 1_000)).toEqual(NOTHING)
  await settled
})

test("one guest too many is turned away with a sentence", async () => {
  const { path, server } = await served()
  await Promise.all(Array.from({ length: GUESTS_MAX }, () => linkTo(path)))
  expect(server.guests).toBe(GUESTS_MAX)

  const contact = await connectToHost(path, 2_000)

  expect(contact).toMatchObject({ type: "refused", error: { code: "HOST_BUSY" } })
})

test.each([
  ["bytes of another protocol", Buffer.from("GET / HTTP/1.1\r\n\r\n")],
  ["a length beyond the cap", Buffer.from([0x7f, 0xff, 0xff, 0xff])],
  ["an empty frame", Buffer.from([0, 0, 0, 0])],
  ["a frame of no known type", encodeFrame({ type: "dance" })],
  ["no map at all", encodeFrame([1, 2, 3])],
  [
    "a demand before the greeting",
    encodeFrame({ type: "demand", epoch: 1, generation: 1, force: false }),
  ],
  ["a greeting without a version", encodeFrame({ type: "hello", protocol: PROTOCOL })],
])("%s ends that connection and no other", async (_name, bytes) => {
  const { path, member } = await served()
  const link = await linkTo(path)
  const socket = await raw(path)
  const words = heard(socket)

  socket.write(bytes)

  expect(await words).toEqual([])
  expect(await link.call({ type: "look" }, 1_000)).toEqual(NOTHING)
  expect(member.heard).toEqual([])
})

test.each([
  ["a negative generation", { type: "demand", epoch: 1, generation: -1, force: false }],
  ["a fraction for an id", { type: "request", id: 0.5, call: { type: "look" } }],
  ["a call nobody knows", { type: "request", id: 1, call: { type: "steal" } }],
  ["a login without tokens", { type: "request", id: 1, call: { type: "login", login: {} } }],
  ["a second greeting", { type: "hello", protocol: PROTOCOL, version: "1" }],
])("after the greeting, %s ends the connection", async (_name, frame) => {
  const { path, member } = await served()
  const socket = await raw(path)
  socket.write(encodeFrame({ type: "hello", protocol: PROTOCOL, version: "1" }))
  const words = heard(socket)

  socket.write(encodeFrame(frame))

  expect(await words).toMatchObject([{ type: "welcome" }])
  expect(member.heard).toEqual([])
})

test("a newer guest is told that the host must be updated, an older one that it must be itself", async () => {
  const { path } = await served()
  const sentences: string[] = []
  for (const protocol of [PROTOCOL + 1, PROTOCOL - 1]) {
    const socket = await raw(path)
    const words = heard(socket)
    // What else a newer guest may say at once must not cost it the sentence.
    socket.write(encodeFrame({ type: "hello", protocol, version: "9.9.9" }))
    socket.write(encodeFrame({ type: "unheard-of" }))
    const [refusal] = (await words) as {
      type: string
      failure: { message: string; hint: string }
    }[]
    expect(refusal).toMatchObject({ type: "refused", failure: { code: "HOST_BUSY" } })
    expect(refusal?.failure.message).toContain("9.9.9")
    sentences.push(refusal?.failure.hint ?? "")
  }

  expect(sentences[0]).toMatch(/program that hosts/)
  expect(sentences[1]).toBe("update this program")
})

test("a guest understands a host of another version, whatever its view looks like", async () => {
  const path = join(testDirectory(), "socket")
  const host = createServer((socket) => {
    socket.write(
      encodeFrame({ type: "welcome", protocol: PROTOCOL + 1, version: "2.0.0", view: 7 }),
    )
  }).listen(path)
  onTestFinished(() => void host.close())
  await once(host, "listening")
  chmodSync(path, 0o600)

  const contact = await connectToHost(path, 2_000)

  expect(contact).toMatchObject({
    type: "refused",
    error: { code: "HOST_BUSY", hint: "update this program" },
  })
})

test("a host that accepts and says nothing is silent, not absent", async () => {
  const path = join(testDirectory(), "socket")
  const host = createServer((socket) => void socket.resume()).listen(path)
  onTestFinished(() => void host.close())
  await once(host, "listening")
  chmodSync(path, 0o600)

  expect(await connectToHost(path, 100)).toEqual({ type: "silent" })
})

test("a guest that does not read is let go, and the member goes on", async () => {
  const { path, member, server } = await served()
  const socket = await raw(path)
  socket.write(encodeFrame({ type: "hello", protocol: PROTOCOL, version: "1" }))
  await vi.waitFor(() => expect(server.guests).toBe(1))
  socket.pause()

  for (let n = 1; n <= 60 && server.guests > 0; n += 1) {
    member.current = { ...TOKEN, accessToken: "x".repeat(60_000), generation: n }
    const event: CoordinatorEvent = { type: "token", token: member.current }
    member.tell(event)
    await new Promise((resolve) => void setImmediate(resolve))
  }

  expect(server.guests).toBe(0)
})

test("nobody speaks to a socket that others may open, unless its host has just closed it to them", async () => {
  const path = join(testDirectory(), "socket")
  let connections = 0
  const host = createServer((socket) => {
    connections += 1
    socket.destroy()
  }).listen(path)
  onTestFinished(() => void host.close())
  await once(host, "listening")
  chmodSync(path, 0o660)

  expect(await connectToHost(path, 100)).toMatchObject({
    type: "refused",
    error: { code: "STORE_UNUSABLE", message: `${path} is open to other users` },
  })
  expect(connections).toBe(0)
  const later = connectToHost(path, 2_000)
  chmodSync(path, 0o600)
  expect(await later).toEqual({ type: "nobody" })
  expect(connections).toBe(1)
})
