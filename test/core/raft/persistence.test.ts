// Checklist A (test/core/raft/checklist.md): what must be on the disk before anybody hears of it.
import { describe, expect, test } from "vitest"
import { InvariantError } from "../../../src/core/base/assert.ts"
import { Durability } from "../../../src/core/raft/durability.ts"
import { applyWrite, genesis } from "../../../src/core/raft/persisted.ts"
import type { Input } from "../../../src/core/raft/types.ts"
import {
  appendOf,
  Bench,
  configEntry,
  entry,
  grantOf,
  log,
  members,
  NO_DATA,
  snapshotAt,
  voteOf,
} from "../../helpers/raft/lab.ts"

function slow(setup: ConstructorParameters<typeof Bench>[0] = {}): Bench {
  const bench = new Bench(setup)
  bench.sync = false
  return bench
}

describe("writes", () => {
  test("term and vote are one record", () => {
    const bench = slow()

    const effects = bench.step({ type: "message", from: "b", message: voteOf(3) })

    expect(effects.write).toEqual({ seq: 1, hard: { term: 3, votedFor: "b" } })
  })

  test("a new term and the entries it brought are one write", () => {
    const bench = slow()
    const message = appendOf(4, { entries: log([4]) })

    const effects = bench.step({ type: "message", from: "b", message })

    expect(effects.write).toEqual({
      seq: 1,
      hard: { term: 4, votedFor: null },
      append: log([4]),
    })
  })

  test("a truncation and the entries behind it are one write", () => {
    const bench = slow({ terms: [1, 1], term: 2 })
    const message = appendOf(2, { entries: [entry(1, 1), entry(2, 2)], prevIndex: 0 })

    const effects = bench.step({ type: "message", from: "b", message })

    expect(effects.write).toEqual({ seq: 1, truncateFrom: 2, append: [entry(2, 2)] })
  })

  test("nothing changed is nothing written", () => {
    const bench = slow({ terms: [1], term: 1 })

    bench.hear("b", appendOf(1, { prevIndex: 1, prevTerm: 1, commit: 1 }))

    expect(bench.unsaved).toBe(0)
  })

  test("a write is applied as snapshot, truncation, append, hard state", () => {
    const before = { ...genesis(members("abc"), NO_DATA), entries: log([1, 1, 1, 1]) }
    const value = snapshotAt(2, 1)

    const kept = applyWrite(before, {
      seq: 1,
      hard: { term: 2, votedFor: "b" },
      snapshot: { value, keepTail: true },
      truncateFrom: 4,
      append: [entry(4, 2)],
    })
    const dropped = applyWrite(before, { seq: 2, snapshot: { value, keepTail: false } })

    expect(kept).toEqual({
      hard: { term: 2, votedFor: "b" },
      snapshot: value,
      entries: [entry(3, 1), entry(4, 2)],
    })
    expect(dropped).toEqual({ hard: before.hard, snapshot: value, entries: [] })
  })
})

describe("nothing leaves before its write", () => {
  test.for([
    ["a granted vote", voteOf(2, { lastIndex: 9, lastTerm: 1 })],
    ["a refused vote", voteOf(2)],
    ["an acknowledgement", appendOf(2, { prevIndex: 1, prevTerm: 1, entries: [entry(2, 2)] })],
    ["a refused append", appendOf(2, { prevIndex: 5, prevTerm: 1 })],
    ["an acknowledged snapshot", { type: "snapshot", term: 2, snapshot: snapshotAt(5, 2) }],
    ["a refused proposal", { type: "forward", term: 2, id: "x", data: NO_DATA }],
  ] as const)("%s waits for the term it speaks of", ([, message]) => {
    const bench = slow({ terms: [1], term: 1 })

    const effects = bench.step({ type: "message", from: "b", message })

    expect(effects.write?.seq).toBe(1)
    expect(effects.send.map(({ to, after }) => [to, after])).toEqual([["b", 1]])
  })

  test("a granted pre-vote waits for the log that it was judged by", () => {
    const bench = slow()
    bench.hear("b", appendOf(1, { entries: log([1]) }))
    bench.now = 5000
    bench.take()

    bench.hear("c", voteOf(2, { pre: true, lastIndex: 1, lastTerm: 1 }))

    expect(bench.take()).toEqual([{ to: "c", message: grantOf(2, { pre: true }), after: 1 }])
  })

  test("an answer that depends on an older unsaved write waits for it", () => {
    const bench = slow()
    bench.hear("b", appendOf(1, { entries: log([1]) }))
    bench.take()

    bench.hear("b", appendOf(1, { entries: log([1]) }))

    expect(bench.take().map(({ after }) => after)).toEqual([1])
  })

  test("with everything saved nothing waits", () => {
    const bench = slow()
    bench.hear("b", appendOf(1, { entries: log([1]) }))
    bench.flush()
    bench.take()

    bench.hear("b", appendOf(1, { entries: log([1]) }))

    expect(bench.take().map(({ after }) => after)).toEqual([0])
  })

  test("a candidate asks for votes only once its own is saved", () => {
    const bench = slow()
    bench.campaign()

    const asked = bench.sent.filter(({ message }) => message.type === "vote" && !message.pre)

    expect(asked.map(({ after }) => after)).toEqual([1, 1])
  })

  test("a candidate's own vote counts when it is saved", () => {
    const bench = slow()
    bench.campaign()

    bench.hear("b", grantOf(1))
    const unsaved = bench.status.role
    bench.flush()

    expect(unsaved).toBe("candidate")
    expect(bench.status.role).toBe("leader")
  })

  test("a quorum of others elects a candidate whose own vote is not saved", () => {
    const bench = slow()
    bench.campaign()

    bench.hear("b", grantOf(1))
    bench.hear("c", grantOf(1))

    expect(bench.status.role).toBe("leader")
  })

  test("a vote saved for an earlier candidacy does not count for a later one", () => {
    const bench = slow()
    bench.campaign()
    bench.wake()
    bench.hear("b", grantOf(2, { pre: true }))
    expect(bench.status).toMatchObject({ role: "candidate", term: 2 })
    bench.hear("b", grantOf(2))

    bench.flush(1)
    const first = bench.status.role
    bench.flush(1)

    expect(first).toBe("candidate")
    expect(bench.status.role).toBe("leader")
  })

  test("a leader's own entry counts when it is saved, though it is sent at once", () => {
    const bench = new Bench()
    bench.lead()
    bench.ack("b", 1)
    bench.sync = false
    bench.take()

    const effects = bench.propose("x")
    bench.ack("b", 2)
    const unsaved = bench.status.commit
    bench.flush()

    expect(effects.send.map(({ to, after }) => [to, after])).toContainEqual(["b", 0])
    expect(unsaved).toBe(1)
    expect(bench.status.commit).toBe(2)
  })

  test("what a quorum committed is handed out here when it is saved here", () => {
    const bench = new Bench()
    bench.lead()
    bench.sync = false
    bench.propose("x")

    bench.ack("b", 2)
    bench.ack("c", 2)
    const unsaved = [bench.status.commit, bench.status.applied]
    bench.flush()

    expect(unsaved).toEqual([2, 1])
    expect(bench.status.applied).toBe(2)
    expect(bench.settled).toEqual([{ id: "x", result: "committed", index: 2 }])
  })

  // etcd testdata/async_storage_writes_append_aba_race.txt
  test("an overtaken write does not make the entries durable that replaced its own", () => {
    const bench = slow()
    bench.hear("b", appendOf(1, { entries: log([1, 1, 1]) }))
    bench.hear("c", appendOf(2, { entries: [entry(1, 1), entry(2, 2), entry(3, 2)], commit: 3 }))

    bench.flush(1)
    const overtaken = bench.status.applied
    bench.flush(1)

    expect(overtaken).toBe(1)
    expect(bench.status.applied).toBe(3)
  })

  test("what was cut off is not durable any more", () => {
    const durability = new Durability(5)

    durability.forgetAfter(9)
    const beyond = durability.index
    durability.forgetAfter(3)

    expect([beyond, durability.index]).toEqual([5, 3])
  })

  test("a write number reported twice or out of the blue is noticed", () => {
    const durability = new Durability(4)
    durability.issue(6)
    durability.issue(7)

    durability.complete(1)
    durability.complete(1)

    expect(durability.index).toBe(6)
    expect(durability.barrier).toBe(2)
    expect(() => durability.complete(3)).toThrow(InvariantError)
    durability.complete(2)
    expect([durability.index, durability.barrier]).toEqual([7, 0])
  })
})

describe("restart", () => {
  test("a vote survives a restart", () => {
    const bench = new Bench({ terms: [1], term: 1 })
    bench.hear("b", voteOf(2, { lastIndex: 1, lastTerm: 1 }))

    bench.restart()
    const answers = bench.hear("c", voteOf(2, { lastIndex: 1, lastTerm: 1 }))

    expect(answers).toEqual([grantOf(2, { granted: false })])
  })

  test("a same-term step-down keeps the vote", () => {
    const bench = new Bench()
    bench.campaign()

    bench.hear("b", appendOf(1))
    const answers = bench.hear("c", voteOf(1, { transfer: true }))

    expect(bench.disk.hard).toEqual({ term: 1, votedFor: "a" })
    expect(answers).toEqual([grantOf(1, { granted: false })])
  })

  test("after a restart the commit index starts at the snapshot and entries are handed out once more", () => {
    const bench = new Bench({ snapshot: snapshotAt(2, 1), terms: [1, 1], term: 1 })

    const fresh = bench.status
    bench.hear("b", appendOf(1, { prevIndex: 4, prevTerm: 1, commit: 4 }))

    expect(fresh).toMatchObject({ commit: 2, applied: 2, lastIndex: 4, snapshotIndex: 2 })
    expect(bench.applied.map(({ index }) => index)).toEqual([3, 4])
  })

  test("unsaved entries are gone after a restart, and nobody was told of them", () => {
    const bench = slow()
    bench.hear("b", appendOf(1, { entries: log([1]) }))

    bench.restart()

    expect(bench.status).toMatchObject({ term: 0, lastIndex: 0 })
    expect(bench.sent.every(({ after }) => after === 1)).toBe(true)
  })

  test.for([
    ["a hole", { entries: [entry(1, 1), entry(3, 1)] }, /hole/],
    ["a hole behind the snapshot", { snapshot: snapshotAt(2, 1), entries: [entry(4, 1)] }, /hole/],
    ["falling terms", { entries: [entry(1, 2), entry(2, 1)] }, /terms fall/],
    ["terms below the snapshot's", { snapshot: snapshotAt(2, 3), terms: [2], term: 3 }, /fall/],
    ["an entry of a term not begun", { terms: [3], term: 2 }, /ahead of the term/],
    ["a genesis with a term", { snapshot: snapshotAt(0, 1), term: 1 }, /genesis has term 0/],
    ["a snapshot without voters", { snapshot: snapshotAt(3, 1, "+a"), term: 1 }, /snapshot's conf/],
    ["a malformed configuration", { entries: [configEntry(1, 1, "aa")] }, /malformed config/],
    ["two voters at once", { entries: [configEntry(1, 1, "abcde")] }, /more than one voter/],
    ["no heartbeat", { options: { heartbeatMs: 0 } }, /pacing/],
    ["no election time-out", { options: { electionMs: 0 } }, /pacing/],
  ] as const)("a disk with %s is refused at opening, and says so", ([, setup, problem]) => {
    expect(() => new Bench(setup)).toThrow(InvariantError)
    expect(() => new Bench(setup)).toThrow(problem)
  })

  test.for<readonly [Input, RegExp]>([
    [{ type: "written", seq: 9 }, /never asked for/],
    [{ type: "compact", index: 1, data: NO_DATA }, /beyond what was applied/],
  ])("a driver that breaks the contract with %j stops the node", ([input, problem]) => {
    const bench = new Bench({ terms: [1] })

    expect(() => bench.step(input)).toThrow(InvariantError)
    expect(() => new Bench({ terms: [1] }).step(input)).toThrow(problem)
  })
})
