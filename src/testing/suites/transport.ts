/**
 * What every implementation of the port `Transport` must do between members that can reach each other. Faults of a
 * network and bytes of strangers are tested beside each implementation.
 */

import type { MemberId } from "../../core/refresh/types.ts"
import type { Transport, WireMessage } from "../../ports/transport.ts"
import type { TestRunner } from "./runner.ts"

export type TransportName = "a" | "b" | "c"

export interface TransportSubjectOptions {
  /** Who is admitted. @defaultValue all three */
  readonly approved?: readonly TransportName[] | undefined
  /** @defaultValue the same for all */
  readonly clusterId?: string | undefined
}

/** Three members that know each other's addresses. */
export interface TransportSubject {
  idOf(name: TransportName): MemberId
  /** A new life of a member, not started yet; the former one was closed. */
  open(name: TransportName, options?: TransportSubjectOptions): Transport
  /** Lets time pass until it holds; false when it did not within a generous time. */
  until(condition: () => boolean): Promise<boolean>
  /** Lets enough time pass for whatever must not happen to happen. */
  settle(): Promise<void>
  /** Closes what is open and removes everything. */
  destroy(): Promise<void>
}

/** One started life of a member, with everything it was told, in order. */
interface Life {
  readonly transport: Transport
  /** `b+` up, `b-` down, `b:7` a demand with generation 7. */
  readonly seen: string[]
  readonly messages: WireMessage[]
}

interface World extends TransportSubject {
  start(name: TransportName, options?: TransportSubjectOptions): Promise<Life>
  /** Starts a and b, and waits until they are connected. */
  pair(): Promise<readonly [Life, Life]>
}

type Rule = (title: string, body: (world: World) => Promise<void>) => void

const numbered = (generation: number): WireMessage => ({ type: "demand", epoch: 1, generation })

/** A snapshot of so many bytes. */
function large(length: number): WireMessage {
  const data = Uint8Array.from({ length }, (_, at) => at % 251)
  const config = { voters: ["a"], learners: [] }
  const snapshot = { index: 1, term: 1, config, data }
  return { type: "raft", message: { type: "snapshot", term: 1, snapshot } }
}

/** Registers the suite. `make` gives three members that never ran. */
export function transportSuite(runner: TestRunner, make: () => Promise<TransportSubject>): void {
  const rule: Rule = (title, body) =>
    runner.test(title, async () => {
      const subject = await make()
      try {
        await body(worldOf(subject))
      } finally {
        await subject.destroy()
      }
    })
  connectionRules(runner, rule)
  admissionRules(runner, rule)
  messageRules(runner, rule)
  limitRules(runner, rule)
  closingRules(runner, rule)
}

/** The tests number their messages by generation. */
function generationOf(message: WireMessage): number {
  return "generation" in message ? message.generation : -1
}

function worldOf(subject: TransportSubject): World {
  const names = ["a", "b", "c"] as const
  const nameOf = (id: MemberId): string => names.find((name) => subject.idOf(name) === id) ?? id
  const start: World["start"] = async (name, options) => {
    const life: Life = { transport: subject.open(name, options), seen: [], messages: [] }
    await life.transport.start({
      message(from, message) {
        life.messages.push(message)
        const what = message.type === "raft" ? message.message.type : generationOf(message)
        life.seen.push(`${nameOf(from)}:${what}`)
      },
      peer: (id, up) => life.seen.push(`${nameOf(id)}${up ? "+" : "-"}`),
    })
    return life
  }
  return {
    idOf: (name) => subject.idOf(name),
    open: (name, options) => subject.open(name, options),
    until: (condition) => subject.until(condition),
    settle: () => subject.settle(),
    destroy: () => subject.destroy(),
    start,
    async pair() {
      const [a, b] = await Promise.all([start("a"), start("b")])
      await subject.until(() => a.seen.includes("b+") && b.seen.includes("a+"))
      return [a, b]
    },
  }
}

function connectionRules({ expect }: TestRunner, rule: Rule): void {
  rule("members that start at the same moment are told of each other once", async (world) => {
    const [a, b] = await world.pair()
    await world.settle()

    expect([a.seen, b.seen]).toEqual([["b+"], ["a+"]])
  })

  rule("a member that starts later is found, whoever it is", async (world) => {
    const b = await world.start("b")
    await world.settle()
    expect(b.seen).toEqual([])
    const lives = [await world.start("a"), await world.start("c")]

    expect(await world.until(() => b.seen.length === 2)).toBe(true)
    expect(await world.until(() => lives.every(({ seen }) => seen.length === 2))).toBe(true)
  })

  rule("a member that closes is missed, and found again when it returns", async (world) => {
    const [a, b] = await world.pair()
    // Two that dialled each other at once may still be settling which connection stays.
    await world.settle()

    await b.transport.close()
    expect(await world.until(() => a.seen.includes("b-"))).toBe(true)
    const again = await world.start("b")
    expect(await world.until(() => a.seen.at(-1) === "b+" && again.seen.includes("a+"))).toBe(true)
    a.transport.send(world.idOf("b"), numbered(1))

    expect(await world.until(() => again.seen.includes("a:1"))).toBe(true)
    expect(a.seen).toEqual(["b+", "b-", "b+"])
    expect(b.seen).toEqual(["a+"])
  })

  rule("a kick does no harm to a connection that stands", async (world) => {
    const [a, b] = await world.pair()

    a.transport.kick()
    b.transport.kick()
    await world.settle()

    expect([a.seen, b.seen]).toEqual([["b+"], ["a+"]])
  })
}

function admissionRules({ expect }: TestRunner, rule: Rule): void {
  rule("a stranger does not get in, and members go on without it", async (world) => {
    const a = await world.start("a", { approved: ["a", "b"] })
    const c = await world.start("c")
    const b = await world.start("b", { approved: ["a", "b"] })

    expect(await world.until(() => a.seen.includes("b+") && b.seen.includes("a+"))).toBe(true)
    await world.settle()
    c.transport.send(world.idOf("a"), numbered(1))
    await world.settle()

    expect([a.seen, b.seen, c.seen]).toEqual([["b+"], ["a+"], []])
  })

  rule("a member of another cluster does not get in", async (world) => {
    const a = await world.start("a")
    const b = await world.start("b", { clusterId: "another" })

    await world.settle()
    b.transport.send(world.idOf("a"), numbered(1))
    await world.settle()

    expect([a.seen, b.seen]).toEqual([[], []])
  })
}

function messageRules({ expect }: TestRunner, rule: Rule): void {
  rule("messages arrive as sent, in order, after the peer was reported up", async (world) => {
    const [a, b] = await world.pair()

    for (let number = 0; number < 200; number += 1)
      a.transport.send(world.idOf("b"), numbered(number))

    expect(await world.until(() => b.seen.length === 201)).toBe(true)
    expect(b.seen).toEqual(["a+", ...Array.from({ length: 200 }, (_, at) => `a:${at}`)])
    expect(b.messages[7]).toEqual(numbered(7))
  })

  rule("a message can be answered the moment a peer is up", async (world) => {
    const seen: string[] = []
    const names = ["a", "b"] as const
    for (const [self, peer] of [names, names.toReversed()] as const) {
      if (self === undefined || peer === undefined) continue
      const transport = world.open(self)
      await transport.start({
        message: (_, message) => seen.push(`${self} ${message.type}`),
        peer: (id, up) => (up ? transport.send(id, numbered(1)) : undefined),
      })
    }

    expect(await world.until(() => seen.length === 2)).toBe(true)
  })

  rule("a large message arrives whole", async (world) => {
    const [a, b] = await world.pair()

    for (let at = 0; at < 8; at += 1) a.transport.send(world.idOf("b"), large(200_000))

    expect(await world.until(() => b.messages.length >= 4)).toBe(true)
    expect(b.messages[3]).toEqual(large(200_000))
  })
}

function limitRules({ expect }: TestRunner, rule: Rule): void {
  rule("a message that fits no frame is dropped, and the connection stays", async (world) => {
    const [a, b] = await world.pair()

    a.transport.send(world.idOf("b"), large(300_000))
    a.transport.send(world.idOf("b"), numbered(2))

    expect(await world.until(() => b.seen.includes("a:2"))).toBe(true)
    expect(b.seen).toEqual(["a+", "a:2"])
  })

  rule("a flood loses messages rather than order or the connection", async (world) => {
    const [a, b] = await world.pair()
    const to = world.idOf("b")
    const last = 20_000

    for (let number = 0; number < last; number += 1) a.transport.send(to, numbered(number))
    // The queue may be full for a while yet.
    const arrived = await world.until(() => {
      a.transport.send(to, numbered(last))
      return b.seen.at(-1) === `a:${last}`
    })

    expect(arrived).toBe(true)
    const numbers = b.messages.map((message) => generationOf(message))
    expect(numbers).toEqual(numbers.toSorted((x, y) => x - y))
    expect(b.seen.includes("a-")).toBe(false)
  })

  rule("a message to somebody who is not there is dropped", async (world) => {
    const [a] = await world.pair()

    a.transport.send(world.idOf("c"), numbered(1))
    a.transport.send("nobody.0", numbered(1))
    await world.settle()
    const c = await world.start("c")
    await world.until(() => c.seen.includes("a+"))
    await world.settle()

    expect(c.messages).toEqual([])
  })
}

function closingRules({ expect }: TestRunner, rule: Rule): void {
  rule("a closed transport tells nothing more and sends nothing more", async (world) => {
    const [a, b] = await world.pair()

    a.transport.send(world.idOf("b"), numbered(1))
    const closing = b.transport.close()
    a.transport.send(world.idOf("b"), numbered(2))
    await closing
    const before = [...b.seen]
    b.transport.send(world.idOf("a"), numbered(3))
    b.transport.kick()
    await world.settle()

    expect(b.seen).toEqual(before)
    expect(a.messages).toEqual([])
  })

  rule("closing twice, or before the start, does no harm", async (world) => {
    const [a] = await world.pair()

    await Promise.all([a.transport.close(), a.transport.close()])
    await a.transport.close()
    await world.open("c").close()

    expect(a.seen).toEqual(["b+"])
  })

  rule("where it listens is known after the start", async (world) => {
    const a = await world.start("a")

    expect(a.transport.addresses().length > 0).toBe(true)
  })
}
