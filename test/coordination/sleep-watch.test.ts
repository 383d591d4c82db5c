import { expect, test } from "vitest"
import type { RaftStatus } from "../../src/core/raft/types.ts"
import { SleepWatch } from "../../src/coordination/sleep-watch.ts"
import { memberClock, virtualScheduler } from "../../src/testing/clock.ts"

const HOUR = 3_600_000

function machine(countsSleep: boolean) {
  const scheduler = virtualScheduler()
  const own = memberClock(scheduler, { countsSleep })
  const seen: string[] = []
  const watch = new SleepWatch(own, () => seen.push("slept"))
  const sleep = (ms: number): void => {
    own.sleep()
    scheduler.runFor(ms)
    own.wake()
  }
  return { scheduler, own, seen, watch, sleep }
}

test("where the monotone clock stands still in sleep, the next look notices it, once", () => {
  const { seen, watch, sleep } = machine(false)

  sleep(HOUR)
  watch.look()
  watch.look()

  expect(seen).toEqual(["slept"])
})

test.each([true, false])(
  "a timer notices a sleep within 5 s of the wake-up, before it fires (the monotone clock counts sleep: %s)",
  (countsSleep) => {
    const { scheduler, seen, watch, sleep } = machine(countsSleep)
    watch.clock.timer(2 * HOUR, () => seen.push("fired"))
    watch.clock.timer(3_000, () => {})
    scheduler.runFor(1_000)

    sleep(8 * HOUR)
    scheduler.runFor(5_000)

    expect(seen[0]).toBe("slept")
    scheduler.runFor(3 * HOUR)
    expect(seen).toEqual(["slept", "fired"])
  },
)

test("neither a jump of the wall clock nor a long wait is a sleep", () => {
  const { own, scheduler, seen, watch } = machine(false)
  watch.clock.timer(HOUR, () => seen.push("fired"))

  for (const jump of [4 * HOUR, -8 * HOUR]) {
    own.jumpWall(jump)
    scheduler.runFor(HOUR / 2)
    watch.look()
  }

  expect(seen).toEqual(["fired"])
})

test("a timer fires at its time, and never when it was cancelled", () => {
  const { own, scheduler, seen, watch } = machine(false)
  watch.clock.timer(12_345, () => seen.push(`at ${own.nowMs()}`))
  const cancel = watch.clock.timer(12_000, () => seen.push("cancelled"))

  scheduler.runFor(7_000)
  cancel()
  scheduler.runFor(HOUR)

  expect(seen).toEqual(["at 12345"])
  expect(scheduler.pending).toBe(0)
})

test("without timers nothing is looked at", () => {
  expect(machine(false).scheduler.pending).toBe(0)
})

test("messages that arrive just after a wake-up may be as old as the sleep", () => {
  const { scheduler, watch, sleep } = machine(false)
  expect(watch.justWoke).toBe(false)

  sleep(HOUR)
  watch.look()

  expect(watch.justWoke).toBe(true)
  scheduler.runFor(5_000)
  expect(watch.justWoke).toBe(false)
})

test("the log is heard again when the leader was heard after the sleep and what it told is applied", () => {
  const { own, scheduler, watch, sleep } = machine(false)
  scheduler.runFor(1_000)
  const status = (change: Partial<RaftStatus>): RaftStatus => ({
    self: "a",
    role: "follower",
    term: 3,
    leader: "b",
    commit: 7,
    applied: 7,
    lastIndex: 7,
    snapshotIndex: 0,
    config: { voters: ["a", "b", "c"], learners: [] },
    quorum: true,
    leaderSeenAt: own.nowMs(),
    ...change,
  })
  expect(watch.heardAgain(status({}))).toBe(false)

  const heardBefore = status({})
  sleep(HOUR)
  watch.look()
  expect(watch.heardAgain(heardBefore)).toBe(false)
  scheduler.runFor(10)
  expect(watch.heardAgain(status({ applied: 6 }))).toBe(false)
  expect(watch.heardAgain(status({ quorum: false }))).toBe(false)
  expect(watch.heardAgain(status({}))).toBe(true)
  expect(watch.heardAgain(status({}))).toBe(false)

  sleep(HOUR)
  watch.look()
  const alone = { role: "leader", config: { voters: ["a"], learners: [] } } as const
  expect(watch.heardAgain(status(alone))).toBe(true)
})
