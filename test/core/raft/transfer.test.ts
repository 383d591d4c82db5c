// Leadership transfer: dissertation §3.10, cases after etcd's TestLeaderTransfer*. Checklist D35, F59.
import { describe, expect, test } from "vitest"
import { appendOf, Bench, ELECTION_MS, Lab, voteOf } from "../../helpers/raft/lab.ts"

function leader(config = "abc"): Bench {
  const bench = new Bench({ config })
  bench.lead()
  bench.ack("b", 1)
  bench.ack("b", 1)
  bench.take()
  return bench
}

describe("a transfer", () => {
  test("to a voter that has everything is one round trip and leaves the terms in order", () => {
    const lab = Lab.of("abc")
    lab.elect("a")

    lab.at("a").step({ type: "transfer", to: "c" })
    lab.settle()

    expect(lab.leaders()).toEqual(["c"])
    expect(lab.at("c").status).toMatchObject({ term: 2, commit: 2 })
    expect(lab.at("a").status).toMatchObject({ role: "follower", leader: "c" })
  })

  test("waits until the target has everything", () => {
    const bench = leader()
    bench.propose("x")
    bench.take()

    bench.step({ type: "transfer", to: "b" })
    const early = bench.take().map(({ message }) => message.type)
    const late = bench.ack("b", 2).map(({ type }) => type)

    expect(early).not.toContain("timeout-now")
    expect(late).toContain("timeout-now")
    expect(bench.ack("b", 2).map(({ type }) => type)).not.toContain("timeout-now")
  })

  test("without a target goes to the voter that is furthest along", () => {
    const bench = leader("abcd+e")
    bench.ack("e", 1)
    bench.ack("c", 1)
    bench.propose("x")
    bench.ack("c", 2)
    bench.take()

    const effects = bench.step({ type: "transfer" })

    expect(effects.send).toContainEqual({
      to: "c",
      message: { type: "timeout-now", term: 1 },
      after: 0,
    })
  })

  test("refuses proposals until it is over, and ends after an election time-out", () => {
    const bench = leader()
    bench.step({ type: "transfer", to: "c" })
    const until = bench.now + ELECTION_MS
    bench.propose("x")

    while (bench.now < until) {
      bench.ack("b", 1)
      bench.wake()
    }
    bench.propose("y")
    bench.ack("b", 2)

    expect(bench.settled).toEqual([
      { id: "x", result: "refused", index: null },
      { id: "y", result: "committed", index: 2 },
    ])
  })

  test("lasts a whole election time-out, not a moment less", () => {
    const bench = leader()
    const until = bench.now + ELECTION_MS
    bench.step({ type: "transfer", to: "c" })

    bench.now = until - 1
    bench.ack("b", 1)
    bench.step({ type: "wake" })
    bench.propose("x")
    bench.now = until
    bench.step({ type: "wake" })
    bench.propose("y")

    expect(bench.settled).toEqual([{ id: "x", result: "refused", index: null }])
    expect(bench.status.lastIndex).toBe(2)
  })

  test("without a target, and with nobody heard of yet, is for the first voter", () => {
    const bench = new Bench()
    bench.lead()

    bench.step({ type: "transfer" })
    const told = bench.ack("b", 1).map(({ type }) => type)

    expect(told).toContain("timeout-now")
  })

  test("to another target replaces the first, to the same one changes nothing", () => {
    const bench = leader()
    bench.step({ type: "transfer", to: "c" })

    const other = bench.step({ type: "transfer", to: "b" })
    const same = bench.step({ type: "transfer", to: "b" })

    expect(other.send.map(({ to, message }) => [to, message.type])).toEqual([["b", "timeout-now"]])
    expect(same.send).toEqual([])
  })

  test.for(["a", "d", "z"])("to %s, itself, a learner or a stranger, is ignored", (to) => {
    const bench = leader("abc+d")

    bench.step({ type: "transfer", to })
    bench.propose("x")

    expect(bench.settled).toEqual([])
    expect(bench.status.lastIndex).toBe(2)
  })

  test("is ignored by a lone voter and by a follower", () => {
    const lone = new Bench({ config: "a" })
    lone.wake()
    const follower = new Bench()
    follower.hear("b", appendOf(1))
    follower.take()

    lone.step({ type: "transfer" })
    follower.step({ type: "transfer" })

    expect(lone.status.role).toBe("leader")
    expect(follower.sent).toEqual([])
  })
})

describe("a node told to campaign", () => {
  test("skips the pre-vote and asks for votes that pass loyalty", () => {
    const bench = new Bench()
    bench.hear("b", appendOf(1))

    const messages = bench.hear("b", { type: "timeout-now", term: 1 })

    expect(messages).toEqual([voteOf(2, { transfer: true }), voteOf(2, { transfer: true })])
    expect(bench.status).toMatchObject({ role: "candidate", leader: null })
  })

  test("does so too when it has not heard its new leader yet", () => {
    const bench = new Bench({ term: 1 })

    bench.hear("b", { type: "timeout-now", term: 1 })

    expect(bench.status).toMatchObject({ role: "candidate", term: 2 })
  })

  test("does so for its leader only, and never as leader or learner", () => {
    const follower = new Bench()
    follower.hear("b", appendOf(1))
    const learner = new Bench({ config: "bc+a" })
    const leading = leader()

    follower.hear("c", { type: "timeout-now", term: 1 })
    learner.hear("b", { type: "timeout-now", term: 1 })
    leading.hear("b", { type: "timeout-now", term: 1 })

    expect(follower.status).toMatchObject({ role: "follower", leader: "b" })
    expect(learner.status.role).toBe("follower")
    expect(leading.status).toMatchObject({ role: "leader", term: 1 })
  })
})
