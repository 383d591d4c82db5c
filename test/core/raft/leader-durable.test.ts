// Where two are a majority, a follower counts itself and its leader, and knows of a commit before it is told.
import { describe, expect, test } from "vitest"
import type { RaftMessage } from "../../../src/core/raft/types.ts"
import { appendOf, Bench, entry, log } from "../../helpers/raft/lab.ts"

/** A leader of term 5; its no-op is entry 1. */
function leaderOf(config = "abc"): Bench {
  const bench = new Bench({ term: 4, config })
  bench.lead()
  expect(bench.status).toMatchObject({ role: "leader", term: 5 })
  bench.take()
  return bench
}

describe("the leader", () => {
  test("tells the voters that still write how far its own disk is, once it is, where two are a majority", () => {
    const bench = leaderOf()
    bench.ack("b", 1)
    bench.ack("c", 1)
    bench.sync = false
    bench.propose("x")
    const before = bench.take()
    bench.flush()

    const news = bench.take()

    const durable = { type: "leader-durable", term: 5, index: 2 }
    expect(before).not.toContainEqual(expect.objectContaining({ message: durable }))
    expect(news.map(({ to, message }) => [to, message])).toEqual([
      ["b", durable],
      ["c", durable],
    ])
    // Who has both facts is told the commit no more.
    expect(bench.ack("b", 2)).toEqual([])
    expect(bench.ack("c", 2)).toEqual([])
  })

  test.for(["ab", "abcd", "abcde", "a+b", "abc+d"])(
    "tells how far its disk is only to whom it helps: %s",
    (config) => {
      const bench = leaderOf(config)
      bench.propose("x")
      for (const id of ["b", "c", "d", "e"]) bench.ack(id, 1)

      const told = bench.take().filter(({ message }) => message.type === "leader-durable")

      const helped = { ab: ["b"], "abc+d": ["b", "c"] }[config] ?? []
      expect([...new Set(told.map(({ to }) => to))]).toEqual(helped)
    },
  )
})

describe("the follower counts itself and its leader where two are a majority", () => {
  const durable = (term: number, index: number): RaftMessage => ({
    type: "leader-durable",
    term,
    index,
  })

  test("what both have on disk in the leader's term is committed, in either order", () => {
    const bench = new Bench({ terms: [1], term: 1 })
    bench.sync = false
    bench.hear("b", appendOf(2, { prevIndex: 1, prevTerm: 1, entries: log([2, 2], 1) }))

    bench.hear("b", durable(2, 2))
    const unsaved = bench.status.commit
    bench.flush()
    const first = bench.status.commit
    bench.hear("b", durable(2, 3))

    expect([unsaved, first, bench.status.commit]).toEqual([0, 2, 3])
    expect(bench.applied.map(({ index }) => index)).toEqual([1, 2, 3])
  })

  test.for([
    ["an entry of an older term", "abc", durable(3, 2), 0],
    ["news of an older term", "abc", durable(2, 3), 0],
    ["what it lacks itself", "abc", durable(3, 9), 3],
    ["a majority of more than two", "abcde", durable(3, 3), 0],
    ["a learner, which has no vote", "bcd+a", durable(3, 3), 0],
  ] as const)("%s in %s", ([, config, message, commit]) => {
    const bench = new Bench({ terms: [1, 2], term: 2, config })
    bench.hear("b", appendOf(3, { prevIndex: 2, prevTerm: 2, entries: [entry(3, 3)] }))

    bench.hear("b", message)

    expect(bench.status.commit).toBe(commit)
  })

  test("late news takes nothing back, and a leader that was followed before counts no more", () => {
    const bench = new Bench({ term: 1 })
    bench.hear("b", appendOf(1, { entries: log([1, 1]) }))
    bench.hear("b", durable(1, 2))
    bench.hear("b", durable(1, 1))
    const kept = bench.status.commit
    bench.hear("c", appendOf(2, { prevIndex: 2, prevTerm: 1, entries: [entry(3, 2)] }))

    bench.hear("b", durable(1, 3))

    expect([kept, bench.status.commit]).toEqual([2, 2])
  })
})
