import { expect, test } from "vitest"
import { memberClock, virtualScheduler } from "../../src/testing/clock.ts"

test("events run in the order of their times, and of one moment in the order they were scheduled", () => {
  const scheduler = virtualScheduler()
  const seen: string[] = []
  for (const [atMs, name] of [
    [5, "c"],
    [1, "a"],
    [5, "d"],
    [3, "b"],
    [9, "e"],
  ] as const) {
    scheduler.schedule(atMs, () => seen.push(`${name}${scheduler.nowMs}`))
  }

  scheduler.runUntil(5)

  expect(seen).toEqual(["a1", "b3", "c5", "d5"])
  expect(scheduler.nowMs).toBe(5)
  expect(scheduler.nextAtMs()).toBe(9)
  expect(scheduler.pending).toBe(1)
})

test("a cancelled event does not run, and cancelling twice does no harm", () => {
  const scheduler = virtualScheduler()
  const seen: number[] = []
  const cancel = scheduler.schedule(1, () => seen.push(1))
  scheduler.schedule(2, () => seen.push(2))

  cancel()
  cancel()
  while (scheduler.step());
  cancel()

  expect(seen).toEqual([2])
  expect(scheduler.pending).toBe(0)
})

test("an event in the past runs now, not earlier", () => {
  const scheduler = virtualScheduler()
  scheduler.runUntil(10)
  let at = -1
  scheduler.schedule(3, () => (at = scheduler.nowMs))

  scheduler.runFor(0)

  expect(at).toBe(10)
})

test("a loop in which time does not pass is reported instead of hanging", () => {
  const scheduler = virtualScheduler()
  const again = (): void => void scheduler.schedule(0, again)
  again()

  expect(() => scheduler.runFor(1)).toThrow("time stands still")
})

test("a thousand events in random order come out sorted", () => {
  const scheduler = virtualScheduler()
  const seen: number[] = []
  for (let at = 0; at < 1_000; at += 1) {
    const atMs = (at * 7_919) % 1_009
    scheduler.schedule(atMs, () => seen.push(atMs))
  }

  while (scheduler.step());

  expect(seen).toEqual(seen.toSorted((a, b) => a - b))
  expect(seen).toHaveLength(1_000)
})

test.each([0, 0.0001, -0.01, 1 / 3])(
  "with a drift of %d no timer fires before its time on the member's own clock",
  (drift) => {
    const scheduler = virtualScheduler()
    const clock = memberClock(scheduler, { drift, monotoneOffsetMs: 0.7 })
    for (let at = 1; at < 500; at += 1) {
      const atMs = at * 1.1
      clock.timer(atMs, () => {
        expect(clock.nowMs()).toBeGreaterThanOrEqual(atMs)
        expect(clock.nowMs()).toBeLessThan(atMs + 0.001)
      })
    }

    scheduler.runUntil(2_000)

    expect(scheduler.pending).toBe(0)
  },
)

test("the wall clock jumps alone", () => {
  const scheduler = virtualScheduler()
  const clock = memberClock(scheduler, { wallOffsetMs: 1_000 })
  let fired = false
  clock.timer(10, () => (fired = true))

  clock.jumpWall(3_600_000)

  expect(clock.wallMs()).toBe(3_601_000)
  expect(clock.nowMs()).toBe(0)
  scheduler.runUntil(9)
  expect(fired).toBe(false)
})

test("a sleeping member's timers wait, and its monotone clock stands still", () => {
  const scheduler = virtualScheduler()
  const clock = memberClock(scheduler, { wallOffsetMs: 0 })
  const seen: number[] = []
  clock.timer(10, () => seen.push(scheduler.nowMs))

  scheduler.runUntil(4)
  clock.sleep()
  scheduler.runUntil(104)
  expect(seen).toEqual([])
  expect(clock.nowMs()).toBe(4)
  clock.wake()
  scheduler.runUntil(200)

  expect(seen).toEqual([110])
  expect(clock.wallMs()).toBe(200)
})

test("where the monotone clock counts sleep, what came due fires in order at waking", () => {
  const scheduler = virtualScheduler()
  const clock = memberClock(scheduler, { countsSleep: true })
  const seen: string[] = []
  clock.timer(20, () => seen.push(`b${scheduler.nowMs}`))
  clock.timer(10, () => seen.push(`a${scheduler.nowMs}`))
  clock.timer(300, () => seen.push(`c${scheduler.nowMs}`))

  clock.sleep()
  scheduler.runUntil(100)
  clock.wake()
  scheduler.runUntil(400)

  expect(seen).toEqual(["a100", "b100", "c300"])
})

test("a stopped clock fires nothing any more", () => {
  const scheduler = virtualScheduler()
  const clock = memberClock(scheduler)
  let fired = 0
  clock.timer(1, () => (fired += 1))

  clock.stop()
  clock.timer(2, () => (fired += 1))()
  clock.timer(3, () => (fired += 1))
  scheduler.runUntil(10)

  expect(fired).toBe(0)
})

test.each([true, false])(
  "a member's uptime runs in sleep and follows no jump of the wall clock (monotone clock counts sleep: %s)",
  (countsSleep) => {
    const scheduler = virtualScheduler()
    scheduler.runUntil(500)
    const clock = memberClock(scheduler, { countsSleep, bootedAtMs: 200 })
    clock.jumpWall(4 * 3_600_000)
    scheduler.runUntil(1_000)
    clock.sleep()
    scheduler.runUntil(9_000)
    clock.wake()
    expect(clock.uptimeMs()).toBe(8_800)
    expect(clock.bootId()).not.toBe(memberClock(scheduler).bootId())
  },
)
