import { afterEach, beforeEach, expect, test, vi } from "vitest"
import { type Link, type LinkOptions, openLink } from "../../src/p2p/link.ts"
import { encodeFrame, FrameDecoder } from "../../src/wire/frame.ts"

// libp2p's ends of a connection, as far as a link uses them.
class FakeStream extends EventTarget {
  readonly sent: unknown[] = []
  writableNeedsDrain = false
  readonly #decoder = new FrameDecoder()

  send(bytes: Uint8Array): boolean {
    this.sent.push(...this.#decoder.push(bytes))
    return true
  }
  receive(value: unknown): void {
    const event = new Event("message")
    this.dispatchEvent(Object.assign(event, { data: encodeFrame(value) }))
  }
  close(): Promise<void> {
    return Promise.resolve()
  }
  abort(): void {
    this.dispatchEvent(new Event("close"))
  }
}

const HELLO = { version: 1, clusterId: "c", member: "a.0", name: "", genesis: "g" }
const DEMAND = { type: "demand", epoch: 1, generation: 1 } as const

interface Opened {
  readonly link: Link
  readonly stream: FakeStream
  readonly seen: string[]
}

function opened(): Opened {
  const stream = new FakeStream()
  const seen: string[] = []
  const connection = { direction: "outbound", close: () => Promise.resolve() }
  const link = openLink({ connection, stream, key: "b", hello: HELLO } as unknown as LinkOptions, {
    ready: () => seen.push("ready"),
    message: (_, message) => seen.push(message.type),
    yielded: () => seen.push("yielded"),
    ended: (_, reason) => seen.push(`ended ${reason}`),
  })
  return { link, stream, seen }
}

function ready(): Opened {
  const one = opened()
  one.stream.receive({ ...HELLO, member: "b.0" })
  one.stream.receive({ type: "welcome" })
  one.stream.sent.length = 0
  return one
}

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test("a peer counts as connected when each has welcomed the other's hello", () => {
  const { link, stream, seen } = opened()
  expect(stream.sent).toEqual([HELLO])

  stream.receive({ ...HELLO, member: "b.7" })
  expect([stream.sent.at(-1), seen]).toEqual([{ type: "welcome" }, []])
  stream.receive({ type: "welcome" })

  expect(seen).toEqual(["ready"])
  expect(link.member).toBe("b.7")
})

test("nothing is sent before the link is ready, and nothing after its end", () => {
  const { link, stream } = opened()
  expect(link.send(DEMAND)).toBe(false)
  stream.receive({ ...HELLO, member: "b.0" })
  stream.receive({ type: "welcome" })
  expect(link.send(DEMAND)).toBe(true)

  stream.dispatchEvent(new Event("remoteCloseWrite"))

  expect(link.send(DEMAND)).toBe(false)
})

test("a peer that never says hello is given up after five seconds", async () => {
  const { link, seen } = opened()

  vi.advanceTimersByTime(4_999)
  expect(seen).toEqual([])
  vi.advanceTimersByTime(1)

  expect(seen).toEqual(["ended hello-timeout"])
  expect(await link.settled).toBe(false)
})

test("an idle link arms no timer and sends nothing", () => {
  const { stream, seen } = ready()

  expect(vi.getTimerCount()).toBe(0)
  vi.advanceTimersByTime(86_400_000)

  expect([stream.sent, seen]).toEqual([[], ["ready"]])
})

test("a word that stays unanswered is followed by a question, and silence ends the link", () => {
  const { link, stream, seen } = ready()

  link.send(DEMAND)
  vi.advanceTimersByTime(10_000)
  expect(stream.sent).toEqual([DEMAND, { type: "ping" }])
  vi.advanceTimersByTime(10_000)

  expect(seen).toEqual(["ready", "ended silent"])
})

test("anything the peer says is a sign of life", () => {
  const { link, stream, seen } = ready()

  link.send(DEMAND)
  stream.receive(DEMAND)
  expect(vi.getTimerCount()).toBe(0)
  link.send(DEMAND)
  vi.advanceTimersByTime(10_000)
  stream.receive({ type: "pong" })
  vi.advanceTimersByTime(86_400_000)

  expect(seen).toEqual(["ready", "demand"])
})

test("a question is answered, and the answer asks for none", () => {
  const { stream } = ready()

  stream.receive({ type: "ping" })

  expect(stream.sent).toEqual([{ type: "pong" }])
  expect(vi.getTimerCount()).toBe(0)
})

test("a probe after sleep gives the peer three seconds", () => {
  const { link, stream, seen } = ready()

  link.probe()
  expect(stream.sent).toEqual([{ type: "ping" }])
  vi.advanceTimersByTime(3_000)

  expect(seen).toEqual(["ready", "ended silent"])
})

test("what does not fit the stream waits for the drain event, in order and in bounds", () => {
  const { link, stream } = ready()
  stream.writableNeedsDrain = true

  const sent = Array.from({ length: 1_100 }, (_, generation) =>
    link.send({ ...DEMAND, generation }),
  )
  expect(sent.filter(Boolean)).toHaveLength(1_024)
  expect(stream.sent).toEqual([])
  stream.writableNeedsDrain = false
  stream.dispatchEvent(new Event("drain"))

  expect(stream.sent).toEqual(
    Array.from({ length: 1_024 }, (_, generation) => ({ ...DEMAND, generation })),
  )
})

test("a peer that prefers another link says so", () => {
  const { link, stream, seen } = ready()

  stream.receive({ type: "yield" })

  expect(link.yielded).toBe(true)
  expect(seen).toEqual(["ready", "yielded"])
})
