import { createHash } from "node:crypto"

import { expect, test } from "vitest"

import type { Exchange } from "../../src/core/oauth/types.ts"
import { inlineCourier } from "../../src/courier/inline.ts"
import type { Courier } from "../../src/ports/courier.ts"
import type { MachineLock } from "../../src/ports/machine-lock.ts"
import type { DialAhead, SendExchange } from "../../src/ports/token-endpoint.ts"
import { nodeCrypto } from "../../src/seal/crypto.ts"
import { identityFrom } from "../../src/seal/identity.ts"
import { memberClock, virtualScheduler } from "../../src/testing/clock.ts"
import { type MemoryDisk, memoryDisk } from "../../src/testing/storage.ts"

const KEY = { epoch: 1, generation: 3, parent: "p", turn: 9, attempt: 1 }
const REQUEST = { url: "https://as.example", headers: [], body: "secret" }
const identity = identityFrom(createHash("sha512").update("courier").digest())
const scheduler = virtualScheduler()
const clock = memberClock(scheduler)

const ANSWER: Exchange = {
  startedAtMs: 1,
  finishedAtMs: 2,
  connected: true,
  bodySent: true,
  response: { status: 200, headers: [], body: Uint8Array.of(1), complete: true },
  failure: null,
}

function freeLock(): MachineLock {
  let held = false
  return {
    tryAcquire: () => !held && (held = true),
    release: () => void (held = false),
    close: () => {},
  }
}

function courier(
  send: SendExchange,
  disk: MemoryDisk = memoryDisk(),
  dial: DialAhead = () => ({ close: () => {} }),
): Courier {
  const journal = disk.openJournal()
  return inlineCourier({
    journal,
    lock: freeLock(),
    send,
    dial,
    crypto: nodeCrypto,
    identity,
    clock,
  })
}

const answers: SendExchange = async (_, { claim }) =>
  claim() ? ANSWER : { ...ANSWER, response: null, failure: { phase: "claim", code: "REFUSED" } }

test("an answer is kept before it is told, and opened again by the next run", async () => {
  const disk = memoryDisk()

  expect(await courier(answers, disk).carry(KEY, REQUEST)).toEqual({
    type: "answered",
    exchange: ANSWER,
  })

  expect(courier(answers, disk).kept()).toEqual([{ key: KEY, exchange: ANSWER }])
})

test("what is kept is sealed", async () => {
  const disk = memoryDisk()
  const body = Buffer.from('{"refresh_token":"canary"}')
  const exchange = { ...ANSWER, response: { ...ANSWER.response, body } } as Exchange
  await courier(async (_, { claim }) => (claim(), exchange), disk).carry(KEY, REQUEST)

  const rows = JSON.stringify([...disk.image().attempts.values()], (_, value: unknown) =>
    value instanceof Uint8Array ? Buffer.from(value).toString("latin1") : value,
  )

  expect(rows).not.toContain("canary")
})

test("the same attempt is carried once", async () => {
  const one = courier(answers)
  await one.carry(KEY, REQUEST)

  expect(await one.carry(KEY, REQUEST)).toMatchObject({ type: "unsent" })
})

test("a voided attempt never leaves, however late its courier wakes", async () => {
  const disk = memoryDisk()
  courier(answers, disk).intend(KEY.parent, "run.1")

  expect(courier(answers, disk).judge(KEY, "run.1")).toEqual({
    type: "judged",
    record: { type: "none" },
  })

  expect(await courier(answers, disk).carry(KEY, REQUEST)).toMatchObject({ type: "unsent" })
})

test("an attempt that this disk never intended may have been sent by a later state of it, and is fenced", async () => {
  const disk = memoryDisk()
  const backup = disk.image()
  const one = courier(answers, disk)
  one.intend(KEY.parent, "run.1")
  await one.carry(KEY, REQUEST)
  disk.restore(backup)
  const restored = courier(answers, disk)

  expect(restored.judge(KEY, "run.1")).toEqual({ type: "judged", record: { type: "sending" } })
  expect(await restored.carry(KEY, REQUEST)).toMatchObject({ type: "unsent" })
})

test("a token counts as sent once per claim, and nobody knows while a courier works", async () => {
  let arrive: (exchange: Exchange) => void = () => {}
  const one = courier((_, { claim }) => {
    claim()
    return new Promise((resolve) => (arrive = resolve))
  })
  expect(one.sends(KEY)).toBe(0)

  const carried = one.carry(KEY, REQUEST)

  expect(one.sends(KEY)).toBeNull()
  arrive(ANSWER)
  await carried
  expect(one.sends(KEY)).toBe(1)
})

test("while an answer may come nobody judges", async () => {
  let arrive: (exchange: Exchange) => void = () => {}
  const one = courier((_, { claim }) => {
    claim()
    return new Promise((resolve) => (arrive = resolve))
  })

  const carried = one.carry(KEY, REQUEST)

  expect(one.judge(KEY, "run.1")).toEqual({ type: "busy" })
  arrive(ANSWER)
  expect(await carried).toMatchObject({ type: "answered" })
  expect(one.judge(KEY, "run.1")).toMatchObject({ type: "judged", record: { type: "answered" } })
})

test("a machine that slept while connecting claims nothing", async () => {
  const one = courier(async (request, options) => {
    clock.sleep()
    scheduler.runFor(16_000)
    clock.wake()
    return answers(request, options)
  })

  expect(await one.carry(KEY, REQUEST)).toMatchObject({ type: "unsent" })
})

test("a wall clock that is set while connecting changes nothing", async () => {
  const one = courier(async (request, options) => {
    clock.jumpWall(4 * 3_600_000)
    return answers(request, options)
  })

  expect(await one.carry(KEY, REQUEST)).toMatchObject({ type: "answered" })
})

test("a pair is not thrown away because its record could not be written", async () => {
  const disk = memoryDisk()
  const one = courier(answers, disk)
  disk.plan(2, { type: "disk-full" })

  expect(await one.carry(KEY, REQUEST)).toEqual({ type: "answered", exchange: ANSWER })
})

test("a record of another identity is left alone, and the others are read", async () => {
  const disk = memoryDisk()
  const journal = disk.openJournal()
  journal.claim(KEY)
  journal.answer(KEY, Uint8Array.of(1, 2, 3))

  expect(courier(answers, disk).kept()).toEqual([])
  expect(courier(answers, disk).latest(KEY)).toBe(1)
})

test("a connection made ahead serves one trip, the newest one, and ends with the courier", async () => {
  const closed: string[] = []
  const used: unknown[] = []
  const dial: DialAhead = (url) => ({ close: () => void closed.push(url) })
  const send: SendExchange = (request, options) => {
    used.push(options.ahead)
    return answers(request, options)
  }
  const one = courier(send, memoryDisk(), dial)
  one.dial("first")
  one.dial("second")
  expect(closed).toEqual(["first"])

  await one.carry(KEY, REQUEST)
  await one.carry({ ...KEY, attempt: KEY.attempt + 1 }, REQUEST)
  expect(used).toEqual([expect.anything(), undefined])

  one.dial("third")
  one.close()
  expect(closed).toEqual(["first", "third"])
})
