import { randomBytes } from "node:crypto"
import { connect } from "node:net"
import { afterAll, beforeAll, expect, test } from "vitest"
import { frameOf } from "../../src/wire/frame.ts"
import { optionsOf, type Running, running, type TestMember, testMember, until } from "./members.ts"
import { frame, HELLO, stranger } from "./stranger.ts"

/** a is attacked; c is its honest peer throughout; b's key is approved, but the stranger has it; d is nobody. */
let a: TestMember
let b: TestMember
let c: TestMember
let d: TestMember
let victim: Running
let honest: Running
let number = 0

beforeAll(async () => {
  const made = await Promise.all(["a", "b", "c", "d"].map(testMember))
  ;[a, b, c, d] = made as [TestMember, TestMember, TestMember, TestMember]
  victim = await running(optionsOf(a, [a, b, c]))
  honest = await running(optionsOf(c, [a, c]))
  await until(() => victim.seen.includes("up c.0"))
})

afterAll(async () => {
  await Promise.all([victim.transport.close(), honest.transport.close()])
})

/** The attacked member still serves its honest peer, over the connection they had. */
async function goesOn(): Promise<boolean> {
  number += 1
  const generation = number
  honest.transport.send("a.0", { type: "demand", epoch: 1, generation })
  const served = await until(() => victim.seen.includes(`c.0 ${generation}`))
  return served && !victim.seen.includes("down c.0")
}

const BIG_HEADER = Uint8Array.of(0xff, 0xff, 0xff, 0xff)
const DEMAND = { type: "demand", epoch: 1, generation: 1 }

test.each([
  ["noise", () => randomBytes(4_096)],
  ["an HTTP request", () => Buffer.from("GET / HTTP/1.1\r\nhost: a\r\n\r\n")],
  ["a length of four gigabytes", () => BIG_HEADER],
])("%s on the bare socket ends that connection alone", async (_, bytes) => {
  const socket = connect(a.port, "127.0.0.1")
  socket.on("error", () => undefined)
  // Not `once`: it rejects when the socket was reset, which is one good way to end it.
  const closed = new Promise((resolve) => socket.on("close", resolve))
  socket.resume()

  socket.write(bytes())
  socket.end()
  await closed

  expect(await goesOn()).toBe(true)
})

test("a stranger's key does not get a stream, and the refusal is told", async () => {
  await expect(stranger(d, a)).rejects.toThrow(/./)

  expect(victim.seen).toContain("refused not-a-member")
  expect(await goesOn()).toBe(true)
})

test.each([
  ["another version", { ...HELLO, version: HELLO.version + 1 }, "wrong-version"],
  ["another cluster", { ...HELLO, clusterId: "other" }, "wrong-cluster"],
  ["another genesis", { ...HELLO, genesis: "other" }, "wrong-genesis"],
  ["another member's name for itself", { ...HELLO, member: "c.0" }, "wrong-identity"],
  ["no incarnation", { ...HELLO, member: "b" }, "wrong-identity"],
  ["a field too many", { ...HELLO, admin: true }, "bad-frame-invalid"],
  ["a message in place of a hello", DEMAND, "bad-frame-invalid"],
])("a hello with %s is turned away", async (_, hello, reason) => {
  victim.seen.length = 0
  await using peer = await stranger(b, a)

  peer.send(frame(hello))

  expect(await until(() => peer.ended())).toBe(true)
  expect(victim.seen).toEqual([`refused ${reason}`])
  expect(await goesOn()).toBe(true)
})

test.each([
  ["an oversized frame", BIG_HEADER, "too-long"],
  ["an empty frame", new Uint8Array(4), "empty"],
  ["nonsense", frameOf(Uint8Array.of(0xc1, 1, 2)), "not-plain"],
  ["a frame with a tail", frameOf(Uint8Array.of(1, 2)), "malformed"],
  ["a nest of arrays", frameOf(new Uint8Array(1_000).fill(0x91)), "too-deep"],
  ["a message of no known type", frame({ type: "rm" }), "invalid"],
  [
    "a message with a negative term",
    frame({ type: "raft", message: { type: "timeout-now", term: -1 } }),
    "invalid",
  ],
  ["a second welcome", frame({ type: "welcome" }), "invalid"],
])("%s from an admitted peer ends its connection", async (_, bytes, reason) => {
  victim.seen.length = 0
  await using peer = await stranger(b, a)
  peer.send(frame(HELLO))
  peer.send(frame({ type: "welcome" }))
  await until(() => victim.seen.includes("up b.0"))

  peer.send(bytes)

  expect(await until(() => peer.ended())).toBe(true)
  expect(victim.seen).toEqual(["up b.0", `refused bad-frame-${reason}`, "down b.0"])
  expect(await goesOn()).toBe(true)
})

test("a message before the welcome is refused", async () => {
  victim.seen.length = 0
  await using peer = await stranger(b, a)

  peer.send(frame(HELLO))
  peer.send(frame(DEMAND))

  expect(await until(() => peer.ended())).toBe(true)
  expect(victim.seen).toEqual(["refused bad-frame-invalid"])
})

test("a frame that is cut off by the end of its stream is dropped quietly", async () => {
  victim.seen.length = 0
  await using peer = await stranger(b, a)
  peer.send(frame(HELLO))
  peer.send(frame({ type: "welcome" }))
  peer.send(frame(DEMAND).subarray(0, 9))
  await until(() => victim.seen.includes("up b.0"))

  await peer.end()

  expect(await until(() => victim.seen.includes("down b.0"))).toBe(true)
  expect(victim.seen).toEqual(["up b.0", "down b.0"])
  expect(await goesOn()).toBe(true)
})

test("bytes that come one by one are put together", async () => {
  victim.seen.length = 0
  await using peer = await stranger(b, a)

  for (const value of [HELLO, { type: "welcome" }, DEMAND]) {
    for (const byte of frame(value)) peer.send(Uint8Array.of(byte))
  }

  expect(await until(() => victim.seen.includes("b.0 1"))).toBe(true)
})
