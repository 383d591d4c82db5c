// Proposals: at the leader, through it, and what their proposers are told. Checklist C30, E51, F60.
import { describe, expect, test } from "vitest"
import type { ForwardRequest } from "../../../src/core/raft/types.ts"
import { ackOf, appendOf, Bench, ELECTION_MS, entry, Lab, NO_DATA } from "../../helpers/raft/lab.ts"

function leader(options: { pendingMax?: number } = {}): Bench {
  const bench = new Bench({ options })
  bench.lead()
  bench.ack("b", 1)
  bench.ack("b", 1)
  bench.take()
  return bench
}

function forwardOf(id: string, term = 1): ForwardRequest {
  return { type: "forward", term, id, data: NO_DATA }
}

function follower(): Bench {
  const bench = new Bench()
  bench.hear("b", appendOf(1))
  bench.take()
  return bench
}

describe("at the leader", () => {
  test("a proposal settles when its entry is handed out", () => {
    const bench = leader()

    bench.propose("x")
    const early = [...bench.settled]
    bench.ack("b", 2)

    expect(early).toEqual([])
    expect(bench.settled).toEqual([{ id: "x", result: "committed", index: 2 }])
    expect(bench.applied.at(-1)).toMatchObject({ id: "x" })
  })

  test("no more are taken than may be pending, and again when some committed", () => {
    const bench = leader({ pendingMax: 2 })

    for (const id of ["u", "v", "w"]) bench.propose(id)
    const refused = bench.settled.map(({ id, result }) => [id, result])
    bench.ack("b", 3)
    bench.propose("x")

    expect(refused).toEqual([["w", "refused"]])
    expect(bench.status.lastIndex).toBe(4)
  })

  test("lost leadership makes what is pending unknown, and tells once", () => {
    const bench = leader()
    bench.propose("x")
    bench.step({ type: "change-config", id: "c", config: { voters: ["a", "b"], learners: [] } })

    bench.hear("c", appendOf(2, { prevIndex: 1, prevTerm: 1, entries: [entry(2, 2)], commit: 2 }))

    expect(bench.settled).toEqual([
      { id: "x", result: "unknown", index: 2 },
      { id: "c", result: "unknown", index: 3 },
    ])
  })

  test("a step-down without a successor makes them unknown too", () => {
    const bench = leader()
    bench.propose("x")

    while (bench.status.role === "leader") bench.wake()

    expect(bench.settled).toEqual([{ id: "x", result: "unknown", index: 2 }])
  })
})

describe("without a leader", () => {
  test("a proposal is refused at once, whoever is asked", () => {
    const fresh = new Bench()
    const preCandidate = new Bench()
    preCandidate.timeOut()
    const candidate = new Bench()
    candidate.campaign()

    for (const bench of [fresh, preCandidate, candidate]) bench.propose("x")

    for (const bench of [fresh, preCandidate, candidate]) {
      expect(bench.settled).toEqual([{ id: "x", result: "refused", index: null }])
    }
  })
})

describe("through a follower", () => {
  test("it is handed to the leader and settles when it comes back committed", () => {
    const bench = follower()

    const effects = bench.propose("1/1")
    bench.hear("b", { type: "forward-response", term: 1, id: "1/1", accepted: true })
    bench.hear("b", appendOf(1, { entries: [entry(1, 1)] }))
    const early = [...bench.settled]
    bench.hear("b", appendOf(1, { prevIndex: 1, prevTerm: 1, commit: 1 }))

    expect(effects.send).toMatchObject([{ to: "b", message: { type: "forward", id: "1/1" } }])
    expect(early).toEqual([])
    expect(bench.settled).toEqual([{ id: "1/1", result: "committed", index: 1 }])
  })

  test("a refusal settles it, but not after an acceptance", () => {
    const bench = follower()
    bench.propose("x")
    bench.propose("y")

    bench.hear("b", { type: "forward-response", term: 1, id: "x", accepted: false })
    bench.hear("b", { type: "forward-response", term: 1, id: "y", accepted: true })
    bench.hear("b", { type: "forward-response", term: 1, id: "y", accepted: false })
    bench.hear("b", { type: "forward-response", term: 1, id: "never", accepted: false })
    const soon = bench.settled.length
    bench.wake(bench.now + 4 * ELECTION_MS)

    expect(soon).toBe(1)
    expect(bench.settled).toEqual([
      { id: "x", result: "refused", index: null },
      { id: "y", result: "unknown", index: null },
    ])
  })

  test("without an answer it is unknown after three election time-outs, which also wake the node", () => {
    const learner = new Bench({ config: "bc+a" })
    learner.hear("b", appendOf(1))
    learner.now = 50
    learner.propose("x")
    const due = learner.nextWakeAt

    learner.wake(50 + 3 * ELECTION_MS - 1)
    const early = learner.settled.length
    learner.wake(50 + 3 * ELECTION_MS)

    expect(due).toBe(50 + 3 * ELECTION_MS)
    expect(early).toBe(0)
    expect(learner.settled).toEqual([{ id: "x", result: "unknown", index: null }])
    expect(learner.nextWakeAt).toBeNull()
  })

  test("it may still commit under the next leader", () => {
    const bench = follower()
    bench.propose("1/2")

    bench.hear("c", appendOf(2, { entries: [entry(1, 2)], commit: 1 }))

    expect(bench.settled).toEqual([{ id: "1/2", result: "committed", index: 1 }])
  })

  test("time asleep does not count against it", () => {
    const bench = follower()
    bench.propose("x")

    bench.now = 100 * ELECTION_MS
    bench.step({ type: "resumed" })
    bench.step({ type: "wake" })

    expect(bench.settled).toEqual([])
  })

  test("from end to end it costs one message more than at the leader", () => {
    const lab = Lab.of("abc")
    lab.elect("a")

    lab.at("b").propose("x")
    lab.settle()

    expect(lab.at("b").settled).toEqual([{ id: "x", result: "committed", index: 2 }])
    for (const bench of lab.benches.values()) {
      expect(bench.applied.at(-1)).toMatchObject({ id: "x", index: 2 })
    }
  })
})

describe("a leader that is handed a proposal", () => {
  test("appends it and says so when that is saved", () => {
    const bench = leader()
    bench.sync = false

    const effects = bench.step({ type: "message", from: "c", message: forwardOf("x") })

    expect(effects.write?.append).toMatchObject([{ id: "x", index: 2 }])
    expect(effects.send).toContainEqual({
      to: "c",
      message: { type: "forward-response", term: 1, id: "x", accepted: true },
      after: effects.write?.seq,
    })
  })

  test("appends a repeated request once and gives the same answer", () => {
    const bench = leader()
    bench.hear("c", forwardOf("x"))

    const again = bench.hear("c", forwardOf("x"))

    expect(bench.status.lastIndex).toBe(2)
    expect(again).toEqual([{ type: "forward-response", term: 1, id: "x", accepted: true }])
  })

  test("keeps to a refusal, even when it has room again or leads by then", () => {
    const full = leader({ pendingMax: 1 })
    full.propose("first")
    const first = full.hear("c", forwardOf("x"))
    full.ack("b", 2)
    const second = full.hear("c", forwardOf("x"))
    const notYet = new Bench()
    notYet.hear("c", forwardOf("x", 0))
    notYet.lead()
    const late = notYet.hear("c", forwardOf("x", 0))

    for (const answers of [first, second, late])
      expect(answers).toMatchObject([{ accepted: false }])
    expect(full.status.lastIndex).toBe(2)
  })

  test("remembers a bounded number of answers", () => {
    const bench = leader({ pendingMax: 1 })
    bench.propose("first")
    bench.hear("c", forwardOf("old"))
    for (let i = 0; i < 1024; i += 1) bench.hear("c", forwardOf(`n${i}`))
    bench.ack("b", 2)

    const [forgotten] = bench.hear("c", forwardOf("old"))
    const [kept] = bench.hear("c", forwardOf("n1023"))

    expect([forgotten, kept]).toMatchObject([{ accepted: true }, { accepted: false }])
  })

  test("refuses a stranger, and a follower refuses everybody", () => {
    const stranger = leader().hear("z", forwardOf("x"))
    const wrong = follower().hear("c", forwardOf("x"))

    expect([...stranger, ...wrong]).toMatchObject([{ accepted: false }, { accepted: false }])
  })

  test("settles nothing for the forwarder at itself", () => {
    const bench = leader()
    bench.hear("c", forwardOf("x"))

    bench.hear("b", ackOf(1, 2))

    expect(bench.status.commit).toBe(2)
    expect(bench.settled).toEqual([])
  })
})
