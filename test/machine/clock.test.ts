import { uptime } from "node:os"

import { expect, test } from "vitest"
import { refinedUptime, systemClock } from "../../src/machine/clock.ts"

/** A machine whose fine clock stands still in sleep and whose coarse one ticks every 10 ms. */
function machine() {
  const at = { boot: 50_000.4, fine: 7, wall: 1_800_000_000_000, reads: 0 }
  const uptimeMs = refinedUptime(
    {
      coarseMs: () => ((at.reads += 1), Math.floor(at.boot / 10) * 10),
      fineMs: () => at.fine,
      wallMs: () => Math.floor(at.wall),
    },
    20,
  )
  const pass = (ms: number, asleep = false): void => {
    at.boot += ms
    at.wall += ms
    if (!asleep) at.fine += ms
  }
  return { at, pass, uptimeMs }
}

test("the uptime is finer than the system's tick", () => {
  const { pass, uptimeMs } = machine()
  const start = uptimeMs()
  pass(1.25)
  expect(uptimeMs() - start).toBeCloseTo(1.25, 6)
})

test("within a millisecond the uptime stands, and the next one counts all of it", () => {
  const { pass, uptimeMs } = machine()
  const start = uptimeMs()
  pass(0.75)
  expect(uptimeMs()).toBe(start)
  pass(0.75)
  expect(uptimeMs() - start).toBeCloseTo(1.5, 6)
})

test("the uptime counts a sleep, also at the first look after it", () => {
  const { pass, uptimeMs } = machine()
  const start = uptimeMs()
  pass(3)
  pass(8 * 3_600_000, true)
  expect(Math.abs(uptimeMs() - start - 8 * 3_600_000 - 3)).toBeLessThan(20)
})

test("the uptime follows no jump of the wall clock", () => {
  const { at, pass, uptimeMs } = machine()
  const start = uptimeMs()
  for (const jump of [4 * 3_600_000, -8 * 3_600_000, 4 * 3_600_000]) {
    at.wall += jump
    pass(100)
  }
  expect(uptimeMs() - start).toBeCloseTo(300, 6)
})

test("the uptime never goes back, whatever the system's own does", () => {
  const { at, pass, uptimeMs } = machine()
  const start = uptimeMs()
  at.boot -= 30_000
  pass(2_000)
  const held = uptimeMs()
  expect(held).toBe(start)
  pass(60_000)
  expect(uptimeMs()).toBeGreaterThan(start)
})

test("as long as no time is lost the slow clock is read once a second", () => {
  const { at, pass, uptimeMs } = machine()
  for (let ms = 0; ms < 10_000; ms += 10) {
    pass(10)
    uptimeMs()
  }
  expect(at.reads).toBeLessThanOrEqual(11)
})

test("the machine's uptime is the system's own", () => {
  const tick = process.platform === "darwin" ? 1_200 : 50
  expect(Math.abs(systemClock.uptimeMs() - uptime() * 1_000)).toBeLessThan(tick)
  expect(systemClock.bootId() === null).toBe(process.platform !== "linux")
})
