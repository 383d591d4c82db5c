import { expect, test } from "vitest"
import { seededRandom } from "../../src/core/base/random.ts"
import { type Reconnect, reconnect, retryDelayMs } from "../../src/p2p/reconnect.ts"
import { type Scheduler, virtualScheduler } from "../../src/testing/clock.ts"

/** A peer that is tried in virtual time; each attempt takes a moment and ends as `outcome` says. */
function tried(outcome: (loop: Reconnect) => void): {
  scheduler: Scheduler
  attempts: number[]
  loop: Reconnect
  run: (ms: number) => Promise<void>
} {
  const scheduler = virtualScheduler()
  const attempts: number[] = []
  const loop = reconnect({
    attempt: () => {
      attempts.push(scheduler.nowMs)
      outcome(loop)
      return Promise.reject(new Error("refused"))
    },
    random: seededRandom(1),
    nowMs: () => scheduler.nowMs,
    after: (delayMs, fire) => scheduler.schedule(scheduler.nowMs + delayMs, fire),
  })
  const run = async (ms: number): Promise<void> => {
    const endMs = scheduler.nowMs + ms
    // The loop awaits its attempts: microtasks must run between events.
    for (;;) {
      for (let turn = 0; turn < 5; turn += 1) await Promise.resolve()
      const next = scheduler.nextAtMs()
      if (next === null || next > endMs) break
      scheduler.step()
    }
    scheduler.runUntil(endMs)
  }
  return { scheduler, attempts, loop, run }
}

test("delays grow from a quick retry over 1 s to 60 s and stay there, with jitter", () => {
  const random = seededRandom(3)
  const bounds = [0, 150, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]

  for (const [failures, most] of bounds.entries()) {
    for (let draw = 0; draw < 100; draw += 1) {
      const delayMs = retryDelayMs(failures, random)
      expect(delayMs).toBeGreaterThanOrEqual(most / 2)
      expect(delayMs).toBeLessThanOrEqual(most)
    }
  }
  expect(retryDelayMs(1_000_000, random)).toBeLessThanOrEqual(60_000)
})

test("a peer that never answers is tried for ever, at most once a minute in the end", async () => {
  const { attempts, run } = tried(() => undefined)

  await run(86_400_000)

  expect(attempts[0]).toBe(0)
  expect(attempts.length).toBeGreaterThan(1_400)
  expect(attempts.length).toBeLessThan(3_000)
})

test("while a link stands nothing is tried, and when it breaks it is tried at once", async () => {
  const { scheduler, attempts, loop, run } = tried((self) => self.up())

  await run(3_600_000)
  expect(attempts).toEqual([0])
  loop.down()
  await run(1)

  expect(attempts).toEqual([0, 3_600_000])
  expect(scheduler.pending).toBe(0)
})

test("a peer that accepts and drops us is not dialled in a loop", async () => {
  const { attempts, run } = tried((self) => {
    self.up()
    self.down()
  })

  await run(60_000)

  expect(attempts.length).toBeLessThan(12)
})

test("a kick tries at once and starts over with short delays", async () => {
  const { attempts, loop, run } = tried(() => undefined)
  await run(600_000)
  const before = attempts.length

  loop.kick()
  await run(2_000)

  expect(attempts[before]).toBe(600_000)
  expect(attempts.length).toBeGreaterThanOrEqual(before + 3)
})

test("a kick leaves a link that stands alone", async () => {
  const { attempts, loop, run } = tried((self) => self.up())
  await run(10)

  loop.kick()
  await run(60_000)

  expect(attempts).toEqual([0])
})

test("after stop nothing is tried", async () => {
  const { attempts, loop, run } = tried(() => undefined)

  loop.stop()
  loop.kick()
  loop.down()
  await run(60_000)

  expect(attempts).toEqual([])
})
