// The courier's process alone, as its host drives it: when it refuses, how long it waits, and what it keeps.

import { createHash } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { setTimeout as sleep } from "node:timers/promises"

import { expect, onTestFinished, test, vi } from "vitest"

import { detachedCourier } from "../../../src/courier/detached.ts"
import type { Warm } from "../../../src/courier/pipe.ts"
import { CourierProcess } from "../../../src/courier/process.ts"
import type { Go } from "../../../src/courier/trip.ts"
import { dialAhead } from "../../../src/endpoint/ahead.ts"
import { sendExchange } from "../../../src/endpoint/exchange.ts"
import { systemClock } from "../../../src/machine/clock.ts"
import { machineLock } from "../../../src/machine/lock.ts"
import { profileDirectory, type ProfileDirectory } from "../../../src/machine/profile.ts"
import type { Courier } from "../../../src/ports/courier.ts"
import { nodeCrypto } from "../../../src/seal/crypto.ts"
import { identityFrom } from "../../../src/seal/identity.ts"
import { sqliteJournal } from "../../../src/storage/sqlite-journal.ts"
import { couriersOf } from "../../../cluster/processes.ts"

const PROGRAM = new URL("../../../src/courier/program.ts", import.meta.url).pathname
const KEY = { epoch: 1, generation: 3, parent: "p", turn: 9, attempt: 1 }
const identity = identityFrom(createHash("sha512").update("courier").digest())

interface Endpoint {
  readonly url: string
  posts: number
  /** Called when a request has arrived, before it is answered. */
  arrived: () => void
}

async function endpoint(): Promise<Endpoint> {
  const server = createServer((_, response) => {
    at.posts += 1
    at.arrived()
    response.end('{"access_token":"a"}')
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  const at: Endpoint = { url: `http://127.0.0.1:${port}`, posts: 0, arrived: () => {} }
  return at
}

function place(): ProfileDirectory {
  const path = mkdtempSync(join(tmpdir(), "quorate-courier-"))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return profileDirectory(path)
}

const filesOf = (at: ProfileDirectory): Pick<Warm, "journal" | "lock" | "hostLock"> => ({
  journal: at.courierDb,
  lock: at.courierLock,
  hostLock: at.hostLock,
})

async function waiting(at: ProfileDirectory, idleMs = 60_000): Promise<CourierProcess> {
  const { encryptionKey } = identity
  const warm: Warm = { type: "warm", ...filesOf(at), encryptionKey, idleMs, committer: [] }
  const started = CourierProcess.start(PROGRAM, warm)!
  onTestFinished(() => started.abandon())
  expect(await started.ready).toBe(true)
  return started
}

const goTo = ({ url }: Endpoint, agoMs = 0): Go => ({
  key: KEY,
  request: { url, headers: [], body: "secret" },
  atMs: systemClock.uptimeMs() - agoMs,
})

/** The host's side, with a program of the test's choice. */
function courier(at: ProfileDirectory, program: string | null): Courier {
  const host = detachedCourier({
    files: filesOf(at),
    committer: [],
    program,
    journal: sqliteJournal(at.courierDb),
    lock: machineLock(at.courierLock),
    send: sendExchange,
    dial: dialAhead,
    crypto: nodeCrypto,
    identity,
    clock: systemClock,
  })
  onTestFinished(() => host.close())
  return host
}

test("one go is one request, whose answer lies sealed in the journal before it is told", async () => {
  const [at, server] = [place(), await endpoint()]
  const started = await waiting(at)

  expect(await started.go(goTo(server))).toEqual({ type: "answered" })

  const host = courier(at, null)
  expect(host.kept()).toMatchObject([{ key: KEY, exchange: { response: { status: 200 } } }])
  expect(host.sends(KEY)).toBe(1)
  expect(server.posts).toBe(1)
})

test("the next go is carried by the same process, which holds no lock meanwhile, and is gone when none comes", async () => {
  const [at, server] = [place(), await endpoint()]
  const started = await waiting(at, 1_000)
  const lock = machineLock(at.courierLock)
  onTestFinished(() => lock.close())

  await started.go(goTo(server))
  expect(lock.tryAcquire()).toBe(true)
  lock.release()
  const next = { ...goTo(server), key: { ...KEY, turn: 11 } }
  expect(await started.go(next)).toEqual({ type: "answered" })

  expect(started.isOver).toBe(false)
  expect(server.posts).toBe(2)
  expect(await started.exited).toBe(true)
  expect(await started.go(goTo(server))).toBeNull()
})

// It stayed, with a journal that had failed once, and sent nothing for as long as it was asked each minute.
test("a courier that could not send is followed by another process", async () => {
  const [at, server] = [place(), await endpoint()]
  const host = courier(at, PROGRAM)
  const { key, request } = goTo(server)
  expect(await host.carry(key, request)).toMatchObject({ type: "answered" })
  const [first] = couriersOf(process.pid).slice(-1)

  const again = await host.carry(key, request)
  expect(again).toEqual({ type: "unsent", cause: "CLAIM_REFUSED" })
  const next = await host.carry({ ...key, turn: 11 }, request)
  expect(next).toMatchObject({ type: "answered" })

  const [second] = couriersOf(process.pid).slice(-1)
  expect(second?.pid).not.toBe(first?.pid)
  expect(server.posts).toBe(2)
})

test("a go that is older than 5 s is refused", async () => {
  const [at, server] = [place(), await endpoint()]
  const started = await waiting(at)

  expect(await started.go(goTo(server, 5_200))).toEqual({ type: "unsent", cause: "not_claimed" })

  expect(server.posts).toBe(0)
})

test("a go of a host that is gone when it is taken up is refused: another host may send by itself", async () => {
  const [at, server] = [place(), await endpoint()]
  const started = await waiting(at)
  const [courierProcess] = couriersOf(process.pid).slice(-1)
  process.kill(courierProcess!.pid, "SIGSTOP")
  void started.go(goTo(server))
  started.leave()
  await sleep(50)

  process.kill(courierProcess!.pid, "SIGCONT")
  await started.exited

  expect(courier(at, null).sends(KEY)).toBe(0)
  expect(server.posts).toBe(0)
})

test("a go is refused while somebody else holds the lock", async () => {
  const [at, server] = [place(), await endpoint()]
  const started = await waiting(at)
  const other = machineLock(at.courierLock)
  onTestFinished(() => other.close())
  expect(other.tryAcquire()).toBe(true)

  expect(await started.go(goTo(server))).toEqual({ type: "unsent", cause: "courier_busy" })

  expect(server.posts).toBe(0)
})

test("an attempt that was fenced off is refused, however its courier was told to go", async () => {
  const [at, server] = [place(), await endpoint()]
  const journal = sqliteJournal(at.courierDb)
  onTestFinished(() => journal.close())
  const started = await waiting(at)
  journal.void(KEY)

  expect(await started.go(goTo(server))).toEqual({ type: "unsent", cause: "CLAIM_REFUSED" })

  expect(server.posts).toBe(0)
})

test("a courier that is not used is gone after its time, and one whose host is gone at once", async () => {
  const at = place()
  const idle = await waiting(at, 300)
  const left = await waiting(at)
  const from = performance.now()

  left.leave()
  await left.exited
  expect(performance.now() - from).toBeLessThan(2_000)
  await idle.exited

  expect(idle.isOver).toBe(true)
})

test("the lock is held until the answer is recorded, and a record that cannot be written is tried again", async () => {
  const [at, server] = [place(), await endpoint()]
  const started = await waiting(at)
  const lock = machineLock(at.courierLock)
  const writer = new DatabaseSync(at.courierDb)
  onTestFinished(() => (lock.close(), writer.close()))
  // Nobody else can write from the moment the request is at the server: longer than the journal itself waits.
  server.arrived = () => writer.exec("BEGIN IMMEDIATE")

  const heard = started.go(goTo(server))
  await vi.waitFor(() => expect(server.posts).toBe(1), { timeout: 5_000 })
  await sleep(2_700)
  expect(lock.tryAcquire()).toBe(false)
  writer.exec("ROLLBACK")

  expect(await heard).toEqual({ type: "answered" })
  expect(lock.tryAcquire()).toBe(true)
  expect(courier(at, null).kept().length).toBe(1)
})

test("nobody judges while a courier is at work, though another process holds the lock", async () => {
  const [at, server] = [place(), await endpoint()]
  const host = courier(at, PROGRAM)
  let judged: unknown = null
  server.arrived = () => void (judged = host.judge(KEY, "run.1"))

  const carried = host.carry(KEY, goTo(server).request)
  expect(host.sends(KEY)).toBeNull()

  expect(await carried).toMatchObject({ type: "answered", exchange: { response: { status: 200 } } })
  expect(judged).toEqual({ type: "busy" })
  expect(host.sends(KEY)).toBe(1)
})

test("where there is no program, or it is none, the host sends by itself and says so", async () => {
  const [at, server] = [place(), await endpoint()]
  const missing = courier(at, null)
  expect(missing.carrier).toBe("inline")
  expect(await missing.carry(KEY, goTo(server).request)).toMatchObject({ type: "answered" })

  const broken = courier(at, "/dev/null")
  expect(broken.carrier).toBe("process")
  const next = { ...KEY, turn: KEY.turn + 1 }

  expect(await broken.carry(next, goTo(server).request)).toMatchObject({ type: "answered" })
  expect(broken.carrier).toBe("inline")
  expect(server.posts).toBe(2)
})
