// Dissertation §4 and checklist E: one step at a time, effective when appended, rolled back when truncated.
import { describe, expect, test } from "vitest"
import { isOneStep, isWellFormed } from "../../../src/core/raft/membership.ts"
import {
  ackOf,
  appendOf,
  Bench,
  configEntry,
  ELECTION_MS,
  entry,
  grantOf,
  Lab,
  log,
  members,
} from "../../helpers/raft/lab.ts"

function settledLeader(config = "abc"): Bench {
  const bench = new Bench({ config })
  bench.lead()
  for (const id of bench.others()) bench.ack(id, 1)
  for (const id of bench.others()) bench.ack(id, 1)
  bench.take()
  return bench
}

function change(bench: Bench, config: string, id = "change"): void {
  bench.step({ type: "change-config", id, config: members(config) })
}

describe("a configuration", () => {
  test.for([
    ["abc", true],
    ["a", true],
    ["ab+cd", true],
    ["", false],
    ["+a", false],
    ["aab", false],
    ["ab+b", false],
    ["a+bb", false],
  ] as const)("%s is well-formed: %s", ([config, expected]) => {
    expect(isWellFormed(members(config))).toBe(expected)
  })

  test("out of order it is not well-formed", () => {
    expect(isWellFormed({ voters: ["b", "a"], learners: [] })).toBe(false)
    expect(isWellFormed({ voters: ["a"], learners: ["c", "b"] })).toBe(false)
  })

  test.for([
    ["abc", "abc", true],
    ["abc", "abcd", true],
    ["abc", "ab", true],
    ["abc", "ab+c", true],
    ["abc", "abc+def", true],
    ["a+bc", "ab", true],
    ["abc", "abd", false],
    ["abc", "abcde", false],
    ["abc", "a", false],
    ["a", "b", false],
    ["", "abc", true],
  ] as const)("from %s to %s is one step: %s", ([before, after, expected]) => {
    expect(isOneStep(members(before), members(after))).toBe(expected)
  })
})

describe("a change", () => {
  test("rules as soon as it is appended, and settles when it is committed", () => {
    const bench = settledLeader()

    change(bench, "abcd")
    const ruling = bench.status.config
    bench.ack("b", 2)
    const two = bench.status.commit
    bench.ack("c", 2)

    expect(ruling).toEqual(members("abcd"))
    expect(two).toBe(1)
    expect(bench.status.commit).toBe(2)
    expect(bench.settled).toEqual([{ id: "change", result: "committed", index: 2 }])
  })

  test("is sent to the one it adds, and no more to the one it removes", () => {
    const bench = settledLeader("abc")

    change(bench, "ab+d")
    const sent = bench.take().map(({ to }) => to)

    expect(sent).toContain("d")
    expect(sent).not.toContain("c")
    expect(bench.ack("c", 2)).toEqual([])
  })

  test("sorts what it is given", () => {
    const bench = settledLeader()

    bench.step({
      type: "change-config",
      id: "x",
      config: { voters: ["d", "c", "b", "a"], learners: ["f", "e"] },
    })

    expect(bench.status.config).toEqual(members("abcd+ef"))
  })

  test.for([
    ["two voters", "abcde"],
    ["an exchange of voters", "abd"],
    ["no voter", ""],
    ["a voter that is a learner too", "abc+a"],
  ] as const)("of %s is refused", ([, config]) => {
    const bench = settledLeader()

    change(bench, config)

    expect(bench.settled).toEqual([{ id: "change", result: "refused", index: null }])
    expect(bench.status).toMatchObject({ lastIndex: 1, config: members("abc") })
  })

  // raft-dev 2015: a leader must have committed in its own term before it changes the configuration.
  test("is refused until the leader has committed in its own term", () => {
    const bench = new Bench({ terms: [1, 1], term: 1 })
    bench.lead()

    change(bench, "abcd", "early")
    bench.ack("b", 3)
    change(bench, "abcd", "late")

    expect(bench.settled).toEqual([{ id: "early", result: "refused", index: null }])
    expect(bench.status.config).toEqual(members("abcd"))
  })

  test("is refused while another is not committed", () => {
    const bench = settledLeader()

    change(bench, "abc+d", "first")
    change(bench, "abc+de", "second")
    bench.ack("b", 2)
    change(bench, "abc+de", "third")

    expect(bench.settled).toEqual([
      { id: "second", result: "refused", index: null },
      { id: "first", result: "committed", index: 2 },
    ])
    expect(bench.status.config).toEqual(members("abc+de"))
  })

  test("is refused by a follower, and during a transfer", () => {
    const follower = new Bench()
    follower.hear("b", appendOf(1))
    const leader = settledLeader()
    leader.step({ type: "transfer", to: "b" })

    change(follower, "abcd")
    change(leader, "abcd")

    expect([...follower.settled, ...leader.settled].map(({ result }) => result)).toEqual([
      "refused",
      "refused",
    ])
  })

  test("is told of as an event, and so is its rollback", () => {
    const bench = new Bench({ terms: [1], term: 1 })

    const added = bench.step({
      type: "message",
      from: "b",
      message: appendOf(1, { prevIndex: 1, prevTerm: 1, entries: [configEntry(2, 1, "abcd")] }),
    })
    const cut = bench.step({
      type: "message",
      from: "c",
      message: appendOf(2, { prevIndex: 1, prevTerm: 1, entries: [entry(2, 2)] }),
    })

    expect(added.events).toContainEqual({ type: "config", config: members("abcd"), index: 2 })
    expect(cut.events).toContainEqual({ type: "config", config: members("abc"), index: 0 })
  })
})

describe("append-time configuration", () => {
  test("truncation rolls back to the configuration before", () => {
    const entries = [
      ...log([1]),
      configEntry(2, 1, "abcd"),
      configEntry(3, 1, "abcde"),
      ...log([1], 3),
    ]
    const bench = new Bench({ entries, term: 1 })

    bench.hear("b", appendOf(2, { prevIndex: 2, prevTerm: 1, entries: [entry(3, 2)] }))
    const one = bench.status.config
    bench.hear("b", appendOf(3, { prevIndex: 1, prevTerm: 1, entries: [entry(2, 3)] }))

    expect(one).toEqual(members("abcd"))
    expect(bench.status.config).toEqual(members("abc"))
  })

  test("a restart recovers the newest appended configuration, committed or not", () => {
    const bench = new Bench({ terms: [1], term: 1 })
    bench.hear(
      "b",
      appendOf(1, { prevIndex: 1, prevTerm: 1, entries: [configEntry(2, 1, "abcd")] }),
    )

    bench.restart()

    expect(bench.status).toMatchObject({ commit: 0, config: members("abcd") })
  })

  test("one voter becomes two, and the new one's vote is needed at once", () => {
    const bench = settledLeader("a")

    change(bench, "ab")
    const alone = bench.status.commit
    bench.ack("b", 2)

    expect(alone).toBe(1)
    expect(bench.status.commit).toBe(2)
  })

  test("a voter that joins with nothing takes no commit back", () => {
    const bench = settledLeader("abc")
    bench.propose("x")
    bench.ack("b", 2)
    const before = bench.status.commit

    change(bench, "abcd")

    expect([before, bench.status.commit]).toEqual([2, 2])
  })

  test("two voters become one, and the one that stays commits alone", () => {
    const bench = settledLeader("ab")

    change(bench, "a+b")

    expect(bench.status.commit).toBe(2)
    expect(bench.settled).toEqual([{ id: "change", result: "committed", index: 2 }])
  })

  test("a learner that becomes a voter may campaign", () => {
    const bench = new Bench({ id: "c", config: "ab+c" })
    bench.hear("a", appendOf(1, { entries: [configEntry(1, 1, "abc")] }))

    bench.wake()

    expect(bench.status.role).toBe("pre-candidate")
  })
})

describe("a removed leader", () => {
  test("replicates its removal without counting itself, then hands over and follows", () => {
    const bench = settledLeader("abc")
    change(bench, "bc")
    bench.ack("b", 2)
    const half = bench.status.commit
    bench.take()

    bench.ack("c", 2)

    expect(half).toBe(1)
    expect(bench.settled).toEqual([{ id: "change", result: "committed", index: 2 }])
    expect(bench.status).toMatchObject({ role: "follower", commit: 2, leader: null })
    expect(bench.take().map(({ to, message }) => [to, message.type])).toContainEqual([
      "b",
      "timeout-now",
    ])
    expect(bench.nextWakeAt).toBeNull()
  })

  test("goes on asking for its removal, though the voter that stays is called unreachable", () => {
    const bench = settledLeader("ab")
    bench.step({ type: "peer", id: "b", up: false })

    change(bench, "b")
    const asked = bench.wake().send

    expect(asked).toMatchObject([{ to: "b", message: { type: "append" } }])
  })

  test("starts nothing new before it goes", () => {
    const bench = settledLeader("abc")
    change(bench, "bc")

    bench.propose("x")
    change(bench, "b", "again")

    expect(bench.settled.map(({ result }) => result)).toEqual(["refused", "refused"])
  })

  test("leaves a cluster that serves on at once", () => {
    const lab = Lab.of("abc")
    lab.elect("a")
    change(lab.at("a"), "bc")

    lab.settle()

    const [leader = ""] = lab.leaders()
    expect(["b", "c"]).toContain(leader)
    lab.at(leader).propose("x")
    lab.settle()
    expect(lab.at(leader).settled).toContainEqual({ id: "x", result: "committed", index: 4 })
  })

  test("of two, leaves the other one leading alone and without a timer", () => {
    const lab = Lab.of("ab")
    lab.elect("a")
    change(lab.at("a"), "b")

    lab.settle()

    expect(lab.leaders()).toEqual(["b"])
    expect(lab.at("b").nextWakeAt).toBeNull()
    expect(lab.at("a").nextWakeAt).toBeNull()
  })

  test("demoted to learner it steps down as well and stays a learner", () => {
    const lab = Lab.of("abc")
    lab.elect("a")
    change(lab.at("a"), "bc+a")

    lab.pass(ELECTION_MS)

    expect(lab.at("a").status).toMatchObject({ role: "follower", leader: lab.leaders()[0] })
  })
})

describe("the cluster grows and shrinks", () => {
  test("from one to three to one, committing all the way", () => {
    const lab = new Lab([
      { id: "a", config: "a" },
      { id: "b", config: "a" },
      { id: "c", config: "a" },
    ])
    lab.settle()
    lab.at("a").wake(1)
    const steps = ["a+b", "ab", "ab+c", "abc", "ab", "a"]

    for (const [i, config] of steps.entries()) {
      change(lab.at("a"), config, `${i}`)
      lab.pass(ELECTION_MS / 2)
    }

    expect(lab.at("a").settled.map(({ result }) => result)).toEqual(steps.map(() => "committed"))
    expect(lab.at("a").nextWakeAt).toBeNull()
  })

  // etcd doc.go, "two-member removal": the one that is left must be electable.
  test("one of two is removed by the other, which then dies: nobody else leads its term", () => {
    const lab = Lab.of("ab")
    lab.elect("a")
    lab.filter = () => false
    change(lab.at("a"), "a")
    lab.settle()

    expect(lab.at("a").status).toMatchObject({ role: "leader", commit: 2 })
    expect(lab.at("b").hear("z", grantOf(9))).toEqual([])
  })

  test("an acknowledgement of a former member counts for nothing", () => {
    const bench = settledLeader("abc")
    change(bench, "ab")
    bench.take()

    bench.hear("c", ackOf(1, 2))

    expect(bench.status.commit).toBe(1)
  })
})
