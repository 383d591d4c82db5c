import { expect, test } from "vitest"
import { seededRandom } from "../../src/core/base/random.ts"
import type { Transport, WireMessage } from "../../src/ports/transport.ts"
import { type Scheduler, virtualScheduler } from "../../src/testing/clock.ts"
import type { NetworkFaults } from "../../src/testing/faults.ts"
import {
  type SimulatedNetwork,
  type SimulatedNetworkOptions,
  simulatedNetwork,
} from "../../src/testing/network.ts"

interface World {
  readonly scheduler: Scheduler
  readonly network: SimulatedNetwork
  /** What each member saw: `b:3` a message numbered 3 from b, `b+` up, `b-` down. */
  readonly seen: Record<string, string[]>
  readonly transports: Record<string, Transport>
  readonly start: (id: string) => void
  readonly send: (from: string, to: string, number: number) => void
  readonly messages: (id: string) => string[]
}

const numbered = (generation: number): WireMessage => ({ type: "demand", epoch: 1, generation })

function world(
  faults: NetworkFaults = {},
  ids: readonly string[] = ["a", "b"],
  options: SimulatedNetworkOptions = {},
): World {
  const scheduler = virtualScheduler()
  const network = simulatedNetwork(scheduler, seededRandom(1), faults, options)
  const seen: World["seen"] = {}
  const transports: World["transports"] = {}
  const start = (id: string): void => {
    const transport = network.transport(id)
    const log = (seen[id] ??= [])
    transports[id] = transport
    void transport.start({
      message: (from, message) => {
        if (message.type === "demand") log.push(`${from}:${message.generation}`)
      },
      peer: (peer, up) => log.push(`${peer}${up ? "+" : "-"}`),
    })
  }
  for (const id of ids) start(id)
  scheduler.runFor(1_000)
  return {
    scheduler,
    network,
    seen,
    transports,
    start,
    send: (from, to, number) => transports[from]?.send(to, numbered(number)),
    messages: (id) => (seen[id] ?? []).filter((line) => line.includes(":")),
  }
}

test("members that start find each other, and messages keep their order", () => {
  const { scheduler, seen, send } = world()

  for (let number = 0; number < 50; number += 1) send("a", "b", number)
  scheduler.runFor(1_000)

  expect(seen["b"]).toEqual(["a+", ...Array.from({ length: 50 }, (_, at) => `a:${at}`)])
  expect(seen["a"]).toEqual(["b+"])
})

test("the same seed gives the same run, another one another", () => {
  const run = (seed: number): string => {
    const scheduler = virtualScheduler()
    const network = simulatedNetwork(scheduler, seededRandom(seed), { loss: 0.3, reorder: 0.5 })
    const log: string[] = []
    for (const id of ["a", "b"]) {
      void network.transport(id).start({
        message: (_, message) => log.push(`${scheduler.nowMs} ${JSON.stringify(message)}`),
        peer: (peer, up) => log.push(`${scheduler.nowMs} ${peer} ${up}`),
      })
    }
    scheduler.runFor(1_000)
    return log.join("\n")
  }

  expect(run(7)).toBe(run(7))
  expect(run(7)).not.toBe(run(8))
})

test("loss, duplication and reordering happen about as often as asked", () => {
  const { scheduler, network, send, messages } = world({}, ["a", "b"], { queueMax: 10_000 })
  network.setFaults({ loss: 0.2, duplication: 0.1, reorder: 0.5, delayMs: [1, 100] })

  for (let number = 0; number < 2_000; number += 1) send("a", "b", number)
  scheduler.runFor(1_000)

  const got = messages("b").map((line) => Number(line.slice(2)))
  expect(new Set(got).size).toBeGreaterThan(1_500)
  expect(new Set(got).size).toBeLessThan(1_700)
  expect(got.length - new Set(got).size).toBeGreaterThan(100)
  expect(got).not.toEqual(got.toSorted((x, y) => x - y))
})

test("a one-way cut stops one direction and nobody notices", () => {
  const { scheduler, network, seen, send } = world()

  network.cut("a", "b")
  send("a", "b", 1)
  send("b", "a", 2)
  scheduler.runFor(1_000)

  expect(seen["a"]).toEqual(["b+", "b:2"])
  expect(seen["b"]).toEqual(["a+"])
})

test("a cut of both directions is noticed by both sides, and its mending too", () => {
  const { scheduler, network, seen, send } = world()

  network.cut("a", "b")
  network.cut("b", "a")
  scheduler.runFor(1_000)
  send("a", "b", 1)
  network.heal()
  scheduler.runFor(1_000)
  send("a", "b", 2)
  scheduler.runFor(1_000)

  expect(seen["a"]).toEqual(["b+", "b-", "b+"])
  expect(seen["b"]).toEqual(["a+", "a-", "a+", "a:2"])
})

test("a silent break is noticed by nobody", () => {
  const { scheduler, network, seen, send } = world({ silent: true })

  network.partition([["a"], ["b"]])
  send("a", "b", 1)
  scheduler.runFor(10_000)
  network.heal()
  send("a", "b", 2)
  scheduler.runFor(1_000)

  expect(seen["a"]).toEqual(["b+"])
  expect(seen["b"]).toEqual(["a+", "a:2"])
})

test("a partition separates groups, and whoever is in none is alone", () => {
  const { scheduler, network, send, messages } = world({}, ["a", "b", "c", "d"])

  network.partition([["a", "b"], ["c"]])
  scheduler.runFor(1_000)
  for (const [from, to] of [
    ["a", "b"],
    ["a", "c"],
    ["d", "a"],
    ["b", "a"],
  ] as const)
    send(from, to, 1)
  scheduler.runFor(1_000)

  expect([messages("a"), messages("b"), messages("c")]).toEqual([["b:1"], ["a:1"], []])
})

test("a crash is noticed, and what it sent before does not reach its next life", () => {
  const { scheduler, network, seen, send, start } = world({ delayMs: [500, 500] })

  send("a", "b", 1)
  network.crash("b")
  scheduler.runFor(100)
  start("b")
  scheduler.runFor(2_000)
  send("a", "b", 2)
  scheduler.runFor(1_000)

  expect(seen["a"]).toEqual(["b+", "b-", "b+"])
  expect(seen["b"]).toEqual(["a+", "a+", "a:2"])
})

test("a machine that vanishes silently is noticed when its next life calls", () => {
  const { scheduler, network, seen, start } = world({ silent: true })

  network.crash("b")
  scheduler.runFor(5_000)
  expect(seen["a"]).toEqual(["b+"])
  start("b")
  scheduler.runFor(1_000)

  expect(seen["a"]).toEqual(["b+", "b-", "b+"])
})

test("a frozen process gets what was sent when it goes on", () => {
  const { scheduler, network, messages, send } = world()

  network.suspend("b")
  send("a", "b", 1)
  scheduler.runFor(10_000)
  expect(messages("b")).toEqual([])
  network.resume("b")
  scheduler.runFor(0)

  expect(messages("b")).toEqual(["a:1"])
})

test("a full line drops instead of growing", () => {
  const { scheduler, network, send, messages } = world({}, ["a", "b"], { queueMax: 3 })

  for (let number = 0; number < 10; number += 1) send("a", "b", number)
  scheduler.runFor(1_000)

  expect(messages("b")).toEqual(["a:0", "a:1", "a:2"])
  expect(network.counts).toEqual({ sent: 10, delivered: 3, dropped: 7 })
})

test.each([
  [1, [true, true, true, true]],
  [2, [false, true, false, true]],
  [0, [false, false, false, false]],
])("with codecEvery %i messages arrive as decoded copies: %j", (codecEvery, copied) => {
  const scheduler = virtualScheduler()
  const bytes: number[] = []
  const network = simulatedNetwork(
    scheduler,
    seededRandom(1),
    {},
    { codecEvery, observeBytes: ({ length }) => bytes.push(length) },
  )
  const sent = [1, 2, 3, 4].map(numbered)
  const received: WireMessage[] = []
  const a = network.transport("a")
  void a.start({ message: () => undefined, peer: () => undefined })
  void network
    .transport("b")
    .start({ message: (_, message) => received.push(message), peer: () => undefined })
  scheduler.runFor(1_000)

  for (const message of sent) a.send("b", message)
  scheduler.runFor(1_000)

  expect(received).toEqual(sent)
  expect(received.map((message, at) => !Object.is(message, sent[at]))).toEqual(copied)
  expect(bytes).toHaveLength(copied.filter(Boolean).length)
})

test("a member that closes hears nothing more", async () => {
  const { scheduler, seen, send, transports } = world()

  send("a", "b", 1)
  await transports["b"]?.close()
  scheduler.runFor(1_000)

  expect(seen["b"]).toEqual(["a+"])
  expect(seen["a"]).toEqual(["b+", "b-"])
  expect(scheduler.pending).toBe(0)
})
