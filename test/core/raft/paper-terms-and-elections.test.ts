// Ongaro and Ousterhout 2014, §5.1 and §5.2; cases after etcd raft_paper_test.go, in our own words.
import { describe, expect, test } from "vitest"
import type { Role } from "../../../src/core/raft/types.ts"
import {
  appendOf,
  Bench,
  ELECTION_MS,
  grantOf,
  HEARTBEAT_MS,
  Lab,
  log,
  voteOf,
} from "../../helpers/raft/lab.ts"

const ROLES: readonly Role[] = ["follower", "pre-candidate", "candidate", "leader"]

function inRole(role: Role): Bench {
  const bench = new Bench({ config: "abc" })
  if (role === "pre-candidate") bench.timeOut()
  if (role === "candidate") bench.campaign()
  if (role === "leader") bench.lead()
  expect(bench.status.role).toBe(role)
  bench.take()
  return bench
}

describe("§5.1 terms", () => {
  test.for(ROLES)("a %s that hears a higher term follows it", (role) => {
    const bench = inRole(role)

    bench.hear("b", appendOf(7))

    expect(bench.status).toMatchObject({ role: "follower", term: 7, leader: "b" })
    expect(bench.disk.hard).toEqual({ term: 7, votedFor: null })
  })

  test.for(ROLES)(
    "a %s that is asked for a vote in a higher term without a leader follows it",
    (role) => {
      const bench = inRole(role)

      bench.hear("b", voteOf(7, { lastIndex: 9, lastTerm: 6, transfer: true }))

      expect(bench.status).toMatchObject({ role: "follower", term: 7, leader: null })
      expect(bench.disk.hard).toEqual({ term: 7, votedFor: "b" })
    },
  )

  test.for(ROLES)(
    "a %s answers an append of an old term with its own and changes nothing",
    (role) => {
      const bench = inRole(role)
      bench.hear("c", { type: "forward-response", term: 5, id: "x", accepted: true })
      bench.take()

      const answers = bench.hear("b", appendOf(4, { entries: log([4]) }))

      expect(answers).toEqual([
        { type: "append-response", term: 5, ok: false, index: 0, hintTerm: 0, refused: 0 },
      ])
      expect(bench.status).toMatchObject({ term: 5, lastIndex: bench.terms.length })
      expect(bench.terms).not.toContain(4)
    },
  )

  test("an old vote request, vote, acknowledgement and time-out request change nothing", () => {
    const bench = inRole("candidate")
    bench.hear("c", { type: "forward-response", term: 5, id: "x", accepted: true })

    bench.hear("b", grantOf(1))
    bench.hear("c", grantOf(1))
    bench.hear("b", {
      type: "append-response",
      term: 1,
      ok: true,
      index: 1,
      hintTerm: 0,
      refused: 0,
    })
    bench.hear("b", { type: "timeout-now", term: 1 })
    const [answer] = bench.hear("b", voteOf(1, { lastIndex: 5, lastTerm: 1 }))

    expect(bench.status).toMatchObject({ role: "follower", term: 5 })
    expect(answer).toEqual(grantOf(5, { granted: false }))
  })

  test("a node starts as a follower in the term of its disk", () => {
    const bench = new Bench({ term: 3, votedFor: "c" })

    expect(bench.status).toMatchObject({ role: "follower", term: 3, leader: null, quorum: false })
    expect(bench.sent).toEqual([])
  })
})

describe("§5.2 elections", () => {
  test("a leader tells every peer at each heartbeat that it lives", () => {
    const bench = inRole("leader")
    bench.ack("b", 1)
    bench.ack("c", 1)
    bench.ack("b", 1)
    bench.ack("c", 1)
    bench.take()

    bench.wake()

    expect(bench.now).toBe(2 * ELECTION_MS + HEARTBEAT_MS)
    expect(bench.take().map(({ to, message }) => [to, message])).toEqual([
      ["b", appendOf(1, { prevIndex: 1, prevTerm: 1, commit: 1 })],
      ["c", appendOf(1, { prevIndex: 1, prevTerm: 1, commit: 1 })],
    ])
    expect(bench.nextWakeAt).toBe(bench.now + HEARTBEAT_MS)
  })

  test("a follower that hears nothing for an election time-out campaigns", () => {
    const bench = new Bench()
    bench.step({ type: "wake" })
    const due = bench.nextWakeAt ?? 0

    bench.wake(due - 1)
    const early = bench.status.role
    bench.wake(due)

    expect(early).toBe("follower")
    expect(bench.status.role).toBe("pre-candidate")
  })

  test("a campaign raises the term, votes for itself and asks every voter", () => {
    const bench = new Bench({ terms: [1, 2], term: 2 })

    bench.campaign()

    expect(bench.status).toMatchObject({ role: "candidate", term: 3 })
    expect(bench.disk.hard).toEqual({ term: 3, votedFor: "a" })
    const request = voteOf(3, { lastIndex: 2, lastTerm: 2 })
    const real = bench.sent.filter(({ message }) => message.type === "vote" && !message.pre)
    expect(real.map(({ to, message }) => [to, message])).toEqual([
      ["b", request],
      ["c", request],
    ])
  })

  test("a candidate that neither wins nor loses starts over", () => {
    const bench = inRole("candidate")

    bench.wake()

    expect(bench.status).toMatchObject({ role: "pre-candidate", term: 1 })
    bench.hear("b", grantOf(2, { pre: true }))
    expect(bench.status).toMatchObject({ role: "candidate", term: 2 })
  })

  test.for([
    ["a", "", "leader"],
    ["abc", "b", "leader"],
    ["abc", "bc", "leader"],
    ["abcde", "bcde", "leader"],
    ["abcde", "bcd", "leader"],
    ["abcde", "bc", "leader"],
    ["abc", "", "candidate"],
    ["abcde", "b", "candidate"],
    ["abcde", "", "candidate"],
    ["abcd", "b", "candidate"],
    ["abcd", "bc", "leader"],
    ["ab", "", "candidate"],
    ["ab", "b", "leader"],
  ] as const)("of the voters %s, the votes of a+%s make it %s", ([config, votes, role]) => {
    const bench = new Bench({ config })
    bench.campaign()

    for (const id of votes.split("").filter((letter) => letter !== "")) bench.hear(id, grantOf(1))

    expect(bench.status).toMatchObject({ role, term: 1 })
  })

  test.for([
    [["b", "c"], "follower"],
    [["b"], "candidate"],
    [["b", "b"], "candidate"],
  ] as const)("refusals of %s leave a candidate of three as %s", ([voters, role]) => {
    const bench = inRole("candidate")

    for (const id of voters) bench.hear(id, grantOf(1, { granted: false }))

    expect(bench.status).toMatchObject({ role, term: 1 })
  })

  test.for([
    [null, "b", true],
    [null, "c", true],
    ["b", "b", true],
    ["c", "c", true],
    ["b", "c", false],
    ["c", "b", false],
  ] as const)("having voted for %s, the vote for %s is %s", ([votedFor, candidate, granted]) => {
    const bench = new Bench({ term: 1, votedFor })

    const answers = bench.hear(candidate, voteOf(1))

    expect(answers).toEqual([grantOf(1, { granted })])
    expect(bench.disk.hard.votedFor).toBe(granted ? candidate : votedFor)
  })

  test.for(["pre-candidate", "candidate"] as const)(
    "a %s that hears the leader of its term follows it and keeps its vote",
    (role) => {
      const bench = inRole(role)
      const vote = bench.disk.hard
      const term = Math.max(1, vote.term)

      bench.hear("b", appendOf(term))

      expect(bench.status).toMatchObject({ role: "follower", term, leader: "b" })
      expect(bench.disk.hard.votedFor).toBe(vote.votedFor)
    },
  )

  test("time-outs are spread over [electionMs, 2 electionMs)", () => {
    const delays = Array.from({ length: 400 }, (_, seed) => {
      const bench = new Bench({ seed })
      bench.step({ type: "wake" })
      return bench.nextWakeAt ?? 0
    })

    expect(Math.min(...delays)).toBeGreaterThanOrEqual(ELECTION_MS)
    expect(Math.max(...delays)).toBeLessThan(2 * ELECTION_MS)
    expect(Math.min(...delays)).toBeLessThan(1.05 * ELECTION_MS)
    expect(Math.max(...delays)).toBeGreaterThan(1.95 * ELECTION_MS)
  })

  test("every new attempt draws a new time-out", () => {
    const bench = new Bench()
    bench.step({ type: "wake" })
    const delays = Array.from({ length: 20 }, () => {
      bench.wake()
      return (bench.nextWakeAt ?? 0) - bench.now
    })

    expect(new Set(delays).size).toBe(delays.length)
  })

  test("a fresh cluster of three has one leader within a few time-outs", () => {
    for (let seed = 0; seed < 50; seed += 1) {
      const lab = Lab.of("abc", { seed: seed * 3 })
      for (const [i, bench] of [...lab.benches.values()].entries()) {
        expect(bench.setup.seed).toBe(seed * 3)
        bench.now = i * 10
      }
      lab.pass(5 * ELECTION_MS)
      expect(lab.leaders()).toHaveLength(1)
    }
  })
})
