// Timers, sleep and the lone voter: no timer without a reason, nothing that passed asleep counts. Checklist F52-54.
import { describe, expect, test } from "vitest"
import {
  appendOf,
  Bench,
  configEntry,
  ELECTION_MS,
  grantOf,
  HEARTBEAT_MS,
  Lab,
  voteOf,
} from "../../helpers/raft/lab.ts"

describe("a lone voter", () => {
  test("elects itself at its first wake-up, without a message, and then has no timer", () => {
    const bench = new Bench({ config: "a" })

    bench.step({ type: "wake" })

    expect(bench.status).toMatchObject({ role: "leader", term: 1, commit: 1, quorum: true })
    expect(bench.sent).toEqual([])
    expect(bench.nextWakeAt).toBeNull()
    expect(bench.status.leaderSeenAt).toBe(bench.now)
  })

  test("asks to be woken at once when it is not woken first", () => {
    const bench = new Bench({ config: "a" })
    bench.now = 77

    bench.step({ type: "peer", id: "b", up: true })

    expect(bench.nextWakeAt).toBe(77)
  })

  test("commits a proposal as soon as it is saved", () => {
    const bench = new Bench({ config: "a" })
    bench.wake(0)
    bench.sync = false

    bench.propose("x")
    const unsaved = bench.settled.length
    bench.flush()

    expect(unsaved).toBe(0)
    expect(bench.settled).toEqual([{ id: "x", result: "committed", index: 2 }])
  })

  test("waits for its own vote to be saved, and is not woken for it", () => {
    const bench = new Bench({ config: "a" })
    bench.sync = false

    bench.wake(0)
    const waiting = [bench.status.role, bench.nextWakeAt] as const
    bench.flush()

    expect(waiting[0]).toBe("candidate")
    expect(waiting[1]).toBeGreaterThanOrEqual(ELECTION_MS)
    expect(bench.status).toMatchObject({ role: "leader", term: 1 })
  })

  test("that became one under a leader gives it an election time-out to make room", () => {
    const bench = new Bench({ id: "b", config: "ab" })

    bench.hear("a", appendOf(1, { entries: [configEntry(1, 1, "b")] }))

    expect(bench.status).toMatchObject({ role: "follower", leader: "a" })
    expect(bench.nextWakeAt).toBeGreaterThanOrEqual(ELECTION_MS)
  })

  test("leads again at once after a restart", () => {
    const bench = new Bench({ config: "a", terms: [1, 1], term: 1 })

    bench.wake(0)

    expect(bench.status).toMatchObject({ role: "leader", term: 2, commit: 3 })
  })

  test("has a timer while a learner lacks something, and none when it is up to date", () => {
    const bench = new Bench({ config: "a+b" })
    bench.wake(0)
    const lacking = bench.nextWakeAt
    bench.ack("b", 1)
    const told = bench.nextWakeAt

    bench.ack("b", 1)

    expect(lacking).toBe(HEARTBEAT_MS)
    expect(told).toBe(HEARTBEAT_MS)
    expect(bench.nextWakeAt).toBeNull()
  })

  test("has a timer while a learner lacks an entry that nobody has saved yet", () => {
    const bench = new Bench({ config: "a+b" })
    bench.wake(0)
    bench.ack("b", 1)
    bench.ack("b", 1)
    bench.sync = false

    bench.propose("x")

    expect(bench.status.commit).toBe(1)
    expect(bench.nextWakeAt).toBe(HEARTBEAT_MS)
  })

  test("has none for a learner that is unreachable, and tries again when it is back", () => {
    const bench = new Bench({ config: "a+b" })
    bench.wake(0)
    bench.take()

    bench.step({ type: "peer", id: "b", up: false })
    const away = bench.nextWakeAt
    const back = bench.step({ type: "peer", id: "b", up: true })

    expect(away).toBeNull()
    expect(back.send).toMatchObject([
      { to: "b", message: { type: "append", entries: [{ index: 1 }] } },
    ])
    expect(bench.nextWakeAt).toBe(HEARTBEAT_MS)
  })

  test("takes a learner that speaks for reachable again", () => {
    const bench = new Bench({ config: "a+b" })
    bench.wake(0)
    bench.step({ type: "peer", id: "b", up: false })

    bench.hear("b", {
      type: "append-response",
      term: 1,
      ok: false,
      index: 0,
      hintTerm: 0,
      refused: 9,
    })

    expect(bench.nextWakeAt).toBe(HEARTBEAT_MS)
  })

  test("a cluster of one with an idle learner is silent", () => {
    const lab = Lab.of("a+b")
    lab.settle()
    const before = lab.delivered

    lab.pass(100 * ELECTION_MS)

    expect(lab.delivered).toBe(before)
    expect(lab.at("b").status).toMatchObject({ leader: "a", commit: 1 })
    expect([...lab.benches.values()].map(({ nextWakeAt }) => nextWakeAt)).toEqual([null, null])
  })
})

describe("after sleep", () => {
  test("a follower forgets its leader and waits a whole time-out", () => {
    const bench = new Bench()
    bench.hear("b", appendOf(1))
    bench.now = 50 * ELECTION_MS

    bench.step({ type: "resumed" })
    const early = bench.step({ type: "wake" })

    expect(bench.status).toMatchObject({ role: "follower", leader: null, term: 1 })
    expect(early.nextWakeAt).toBeGreaterThanOrEqual(51 * ELECTION_MS)
  })

  test.for(["pre-candidate", "candidate"])("a %s follows again", (role) => {
    const bench = new Bench()
    if (role === "candidate") bench.campaign()
    else bench.timeOut()

    bench.step({ type: "resumed" })

    expect(bench.status.role).toBe("follower")
  })

  test("a learner keeps its leader but owes it no loyalty", () => {
    const bench = new Bench({ config: "bc+a" })
    bench.hear("b", appendOf(1))

    bench.step({ type: "resumed" })
    expect(bench.status.leader).toBe("b")
    const answers = bench.hear("c", voteOf(2))

    expect(answers).toEqual([grantOf(2)])
  })

  test("a leader asks its followers at once and has a whole time-out to hear a quorum", () => {
    const bench = new Bench()
    bench.lead()
    bench.ack("b", 1)
    bench.take()
    bench.now += 50 * ELECTION_MS

    const effects = bench.step({ type: "resumed" })
    const resumedAt = bench.now
    const doubtful = bench.status.quorum
    bench.step({ type: "wake" })
    while (bench.status.role === "leader") bench.wake()

    expect(effects.send.map(({ to }) => to)).toEqual(["b", "c"])
    expect(doubtful).toBe(false)
    expect(bench.now - resumedAt).toBeGreaterThanOrEqual(ELECTION_MS)
  })

  test("a transfer under way gets a new deadline", () => {
    const bench = new Bench()
    bench.lead()
    bench.step({ type: "transfer", to: "b" })
    bench.now += 50 * ELECTION_MS

    bench.step({ type: "resumed" })
    bench.step({ type: "wake" })
    bench.propose("x")
    const told = bench.ack("b", 1)

    expect(bench.settled).toEqual([{ id: "x", result: "refused", index: null }])
    expect(bench.nextWakeAt).toBeLessThanOrEqual(bench.now + ELECTION_MS)
    expect(told).toContainEqual({ type: "timeout-now", term: 1 })
  })

  test("a lone voter stays leader and silent", () => {
    const bench = new Bench({ config: "a" })
    bench.wake(0)

    bench.step({ type: "resumed" })

    expect(bench.status.role).toBe("leader")
    expect(bench.nextWakeAt).toBeNull()
  })
})

test("an early wake-up does nothing", () => {
  const leader = new Bench()
  leader.lead()
  const follower = new Bench()
  follower.hear("b", appendOf(1))

  const effects = [leader, follower].map((bench) => bench.step({ type: "wake" }))

  expect(effects.flatMap(({ send }) => send)).toEqual([])
  expect([leader.status.role, follower.status.role]).toEqual(["leader", "follower"])
})
