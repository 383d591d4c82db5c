// The lock between real processes (DESIGN §10): freed by the system when its holder dies, stolen from nobody.

import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"

import { afterEach, beforeEach, expect, test } from "vitest"

import { machineLock } from "../../../src/machine/lock.ts"
import type { MachineLock } from "../../../src/ports/machine-lock.ts"
import { type Child, child, moduleUrl } from "../children.ts"

let directory: string
let path: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "quorate-lock-"))
  path = join(directory, "host.lock")
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

/** A process that tries the lock a few times within about 50 ms, says what came of it, and stays. */
function contender(after = ""): Child {
  return child(`
    import { machineLock } from ${moduleUrl("machine/lock.ts")}
    const lock = machineLock(${JSON.stringify(path)})
    // Rivals of the same instant may all be refused.
    const pause = new Int32Array(new SharedArrayBuffer(4))
    let state = "busy"
    for (let n = 0; n < 10 && state === "busy"; n += 1) {
      Atomics.wait(pause, 0, 0, 10 * Math.random())
      if (lock.tryAcquire()) state = "held"
    }
    ${after}
    console.log(state)
    setInterval(() => {}, 1000)
  `)
}

/** How long until the lock is ours, in ms; null when it stays busy for `limitMs`. */
async function waitFor(lock: MachineLock, limitMs: number): Promise<number | null> {
  const start = performance.now()
  while (!lock.tryAcquire()) {
    if (performance.now() - start > limitMs) return null
    await sleep(5)
  }
  return performance.now() - start
}

test("a lock is busy for other processes while its holder lives", async () => {
  const holder = contender()
  expect(await holder.line()).toBe("held")

  expect(await contender().line()).toBe("busy")
})

test("kill -9 of the holder frees the lock", async () => {
  for (let round = 0; round < 3; round += 1) {
    const holder = contender()
    expect(await holder.line()).toBe("held")
    const lock = machineLock(path)
    expect(lock.tryAcquire()).toBe(false)

    holder.process.kill("SIGKILL")

    expect(await waitFor(lock, 2000)).not.toBe(null)
    lock.close()
  }
})

test("a stopped holder keeps the lock, and still has it when it goes on", async () => {
  const holder = contender("process.on('SIGUSR2', () => console.log(lock.tryAcquire()))")
  expect(await holder.line()).toBe("held")
  holder.process.kill("SIGSTOP")
  const lock = machineLock(path)

  expect(await waitFor(lock, 500)).toBe(null)

  holder.process.kill("SIGCONT")
  holder.process.kill("SIGUSR2")
  expect(await holder.line()).toBe("true")
  expect(lock.tryAcquire()).toBe(false)
  lock.close()
})

test("a child that outlives the holder does not keep the lock", async () => {
  const holder = contender(`
    const { spawn } = await import("node:child_process")
    const orphan = spawn(process.execPath, ["-e", "setTimeout(() => {}, 20000)"], { detached: true, stdio: "ignore" })
    console.log(orphan.pid)
  `)
  const orphan = Number(await holder.line())
  expect(await holder.line()).toBe("held")
  await holder.kill()
  const lock = machineLock(path)

  const waitedMs = await waitFor(lock, 2000)

  process.kill(orphan, "SIGKILL")
  expect(waitedMs).not.toBe(null)
  lock.close()
})

test("of many processes that start at once exactly one holds a lock that nobody made before", async () => {
  const contenders = Array.from({ length: 6 }, () => contender())

  const results = await Promise.all(contenders.map((one) => one.line()))

  expect(results.filter((result) => result === "held")).toHaveLength(1)
  expect(results.filter((result) => result === "busy")).toHaveLength(5)
})
