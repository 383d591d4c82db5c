// Checklist B and D (test/core/raft/checklist.md): pre-vote, loyalty, check-quorum and what they do to each other.
import { describe, expect, test } from "vitest"
import { TERM_MAX } from "../../../src/core/raft/sanity.ts"
import {
  appendOf,
  Bench,
  configEntry,
  ELECTION_MS,
  entry,
  grantOf,
  HEARTBEAT_MS,
  Lab,
  log,
  voteOf,
} from "../../helpers/raft/lab.ts"

const PRE = { pre: true }

describe("pre-vote", () => {
  test("a pre-candidate asks for the next term and keeps its own", () => {
    const bench = new Bench({ terms: [2], term: 2, votedFor: "b" })

    const effects = bench.timeOut()

    expect(effects.write).toBeNull()
    expect(effects.send.map(({ message }) => message)).toEqual([
      voteOf(3, { pre: true, lastIndex: 1, lastTerm: 2 }),
      voteOf(3, { pre: true, lastIndex: 1, lastTerm: 2 }),
    ])
    expect(bench.status).toMatchObject({ role: "pre-candidate", term: 2 })
  })

  test("granting a pre-vote changes neither term, vote nor timer", () => {
    const bench = new Bench({ term: 1 })
    bench.step({ type: "wake" })
    const before = bench.nextWakeAt
    bench.now = 10

    const answers = bench.hear("b", voteOf(7, PRE))

    expect(answers).toEqual([grantOf(7, PRE)])
    expect(bench.disk.hard).toEqual({ term: 1, votedFor: null })
    expect(bench.nextWakeAt).toBe(before)
  })

  test("granting a real vote starts the election timer anew", () => {
    const bench = new Bench()
    bench.step({ type: "wake" })
    bench.now = 900

    bench.hear("b", voteOf(1))

    expect(bench.nextWakeAt).toBeGreaterThanOrEqual(900 + ELECTION_MS)
  })

  test("refusing a real vote of the own term leaves the election timer alone", () => {
    const bench = new Bench({ term: 1, votedFor: "c" })
    bench.step({ type: "wake" })
    const before = bench.nextWakeAt
    bench.now = 900

    bench.hear("b", voteOf(1))

    expect(bench.nextWakeAt).toBe(before)
  })

  test("two pre-candidates may both have the same voter's pre-vote", () => {
    const bench = new Bench()

    const answers = [...bench.hear("b", voteOf(1, PRE)), ...bench.hear("c", voteOf(1, PRE))]

    expect(answers).toEqual([grantOf(1, PRE), grantOf(1, PRE)])
  })

  test("a pre-vote for a term the voter has reached is refused with the voter's term", () => {
    const bench = new Bench({ term: 4 })

    const same = bench.hear("b", voteOf(4, PRE))
    const older = bench.hear("b", voteOf(3, PRE))

    expect([...same, ...older]).toEqual([
      grantOf(4, { pre: true, granted: false }),
      grantOf(4, { pre: true, granted: false }),
    ])
  })

  test("a pre-candidate steps up to the higher term of a refusal", () => {
    const bench = new Bench()
    bench.timeOut()

    bench.hear("b", grantOf(6, { pre: true, granted: false }))

    expect(bench.status).toMatchObject({ role: "follower", term: 6 })
  })

  test("a pre-candidate refused by a majority goes back to waiting", () => {
    const bench = new Bench()
    bench.timeOut()

    bench.hear("b", grantOf(0, { pre: true, granted: false }))
    const one = bench.status.role
    bench.hear("c", grantOf(0, { pre: true, granted: false }))

    expect(one).toBe("pre-candidate")
    expect(bench.status).toMatchObject({ role: "follower", term: 0 })
    expect(bench.nextWakeAt).toBeGreaterThanOrEqual(bench.now + ELECTION_MS)
  })

  test("a granted pre-vote for another term does not count", () => {
    const bench = new Bench({ term: 3 })
    bench.timeOut()

    for (const term of [1, 3, 5, 9]) bench.hear("b", grantOf(term, PRE))

    expect(bench.status).toMatchObject({ role: "pre-candidate", term: 3 })
  })

  test("pre-votes do not elect, and votes do not count as pre-votes", () => {
    const candidate = new Bench({ config: "abcde" })
    candidate.campaign()
    const preCandidate = new Bench({ config: "abcde" })
    preCandidate.timeOut()

    for (const id of "bcde") candidate.hear(id, grantOf(1, PRE))
    for (const id of "bcde") preCandidate.hear(id, grantOf(0))

    expect(candidate.status.role).toBe("candidate")
    expect(preCandidate.status).toMatchObject({ role: "pre-candidate", term: 0 })
  })

  test("a vote of another term does not count", () => {
    const bench = new Bench({ term: 3 })
    bench.campaign()

    bench.hear("b", grantOf(3))

    expect(bench.status).toMatchObject({ role: "candidate", term: 4 })
  })

  test("votes of learners and strangers do not count", () => {
    const bench = new Bench({ config: "abc+de" })
    bench.campaign()

    for (const id of "dez") bench.hear(id, grantOf(1))
    const before = bench.status.role
    bench.hear("c", grantOf(1))

    expect(before).toBe("candidate")
    expect(bench.status.role).toBe("leader")
  })

  test("silence is no grant: an isolated node stays pre-candidate in its term for ever", () => {
    const bench = new Bench({ term: 2 })

    for (let i = 0; i < 20; i += 1) bench.wake()

    expect(bench.status).toMatchObject({ role: "pre-candidate", term: 2 })
    expect(bench.disk.hard).toEqual({ term: 2, votedFor: null })
  })

  test("a node with the shorter log gets no pre-vote and disturbs nobody", () => {
    const lab = new Lab([
      { id: "a", terms: [1, 1], term: 1 },
      { id: "b", terms: [1, 1], term: 1 },
      { id: "c", terms: [1], term: 1 },
    ])

    lab.elect("c")

    expect(lab.at("c").status).toMatchObject({ role: "follower", term: 1 })
    expect(lab.at("a").status.term).toBe(1)
  })
})

describe("who may campaign, who may vote", () => {
  test("a learner, a stranger and a joiner without a configuration never campaign", () => {
    for (const config of ["bc+a", "bc", ""]) {
      const bench = new Bench({ config })

      const first = bench.step({ type: "wake" })
      bench.wake(99_999)

      expect(first.nextWakeAt).toBeNull()
      expect(bench.sent).toEqual([])
      expect(bench.status.role).toBe("follower")
    }
  })

  test("a learner votes when asked, and so does one that does not know the candidate", () => {
    const learner = new Bench({ config: "bc+a" })

    const answers = learner.hear("z", voteOf(1))

    expect(answers).toEqual([grantOf(1)])
  })

  test("at the highest term nobody campaigns and nothing higher is heard", () => {
    const bench = new Bench({ term: TERM_MAX })

    bench.timeOut()
    const answers = bench.hear("b", voteOf(TERM_MAX + 1, { lastIndex: 9, lastTerm: 9 }))

    expect(bench.status).toMatchObject({ role: "follower", term: TERM_MAX })
    expect(bench.nextWakeAt).toBeNull()
    expect(answers).toEqual([])
  })

  // Dissertation §4.2.2: the newest log may be with the one that is being removed.
  test("a voter whose removal is not committed may still be elected, by the others' votes", () => {
    const bench = new Bench({ id: "a", entries: [configEntry(1, 1, "bc")], config: "abc" })
    bench.campaign()
    expect(bench.status).toMatchObject({ role: "candidate", term: 2 })

    bench.hear("b", grantOf(2))
    const half = bench.status.role
    bench.hear("c", grantOf(2))

    expect(half).toBe("candidate")
    expect(bench.status.role).toBe("leader")
  })

  test("a voter whose removal is committed does not campaign", () => {
    const bench = new Bench({ id: "a", entries: [configEntry(1, 1, "bc")], config: "abc" })
    bench.hear("b", appendOf(1, { prevIndex: 1, prevTerm: 1, commit: 1 }))

    bench.wake(99_999)

    expect(bench.status.role).toBe("follower")
    expect(bench.nextWakeAt).toBeNull()
  })
})

describe("loyalty to a living leader", () => {
  test.for([true, false])(
    "a follower that hears its leader refuses a vote (pre: %s) and stays in its term",
    (pre) => {
      const bench = new Bench()
      bench.hear("b", appendOf(1))
      bench.now = ELECTION_MS - 1

      const answers = bench.hear("c", voteOf(2, { pre, lastIndex: 9, lastTerm: 1 }))

      expect(answers).toEqual([grantOf(1, { pre, granted: false })])
      expect(bench.status).toMatchObject({ term: 1, leader: "b" })
    },
  )

  test.for([true, false])("a leader refuses a vote (pre: %s) as long as it leads", (pre) => {
    const bench = new Bench()
    bench.lead()

    const answers = bench.hear("c", voteOf(2, { pre, lastIndex: 9, lastTerm: 1 }))

    expect(answers).toEqual([grantOf(1, { pre, granted: false })])
    expect(bench.status.role).toBe("leader")
  })

  test("loyalty ends an election time-out after the leader was last heard", () => {
    const bench = new Bench()
    bench.hear("b", appendOf(1))
    bench.now = ELECTION_MS

    const answers = bench.hear("c", voteOf(2))

    expect(answers).toEqual([grantOf(2)])
  })

  test("a pre-candidate has forgotten the leader, so two of them can agree", () => {
    const bench = new Bench()
    bench.hear("b", appendOf(1))
    bench.wake()
    expect(bench.status).toMatchObject({ role: "pre-candidate", leader: null })

    const answers = bench.hear("c", voteOf(2, PRE))

    expect(answers).toEqual([grantOf(2, PRE)])
  })

  test("a second candidate of a term that has a leader gets no vote", () => {
    const bench = new Bench()
    bench.hear("b", appendOf(1))
    bench.now = 10 * ELECTION_MS

    const answers = bench.hear("c", voteOf(1))

    expect(answers).toEqual([grantOf(1, { granted: false })])
  })

  test("a vote asked for by a transfer passes the loyalty", () => {
    const bench = new Bench()
    bench.hear("b", appendOf(1))

    const answers = bench.hear("c", voteOf(2, { transfer: true }))

    expect(answers).toEqual([grantOf(2)])
  })

  test("a node that was away does not depose the leader, and follows it again", () => {
    const lab = Lab.of("abc")
    lab.elect("a")
    lab.isolate("c")
    lab.pass(10 * ELECTION_MS)
    lab.recover()

    lab.pass(2 * ELECTION_MS)

    expect(lab.leaders()).toEqual(["a"])
    expect(lab.at("c").status).toMatchObject({ role: "follower", term: 1, leader: "a" })
  })

  // etcd prevote_checkquorum.txt: pre-candidates have forgotten the leader, so a quorum of them may replace it.
  test("a quorum that cannot hear the leader replaces it", () => {
    const lab = Lab.of("abc")
    lab.elect("a")
    lab.filter = (from) => from !== "a"

    lab.pass(3 * ELECTION_MS)
    lab.recover()
    lab.pass(ELECTION_MS)

    expect(lab.leaders()).toHaveLength(1)
    expect(lab.leaders()).not.toContain("a")
    expect(lab.at("a").status.role).toBe("follower")
  })

  // etcd#8501, canonical#279: a node ahead in term must not be stuck, nor stop the others.
  test("a candidate of a higher term is freed by the leader's next message", () => {
    const lab = Lab.of("abc")
    lab.elect("a")
    const stuck = lab.at("c")
    stuck.disk = { ...stuck.disk, hard: { term: 5, votedFor: "c" } }
    stuck.restart()

    lab.pass(5 * ELECTION_MS)

    const [leader = ""] = lab.leaders()
    expect(lab.at(leader).status.term).toBeGreaterThan(5)
    expect(stuck.status.leader).toBe(leader)
  })
})

describe("check-quorum", () => {
  test("a leader that no quorum answers steps down within an election time-out and a heartbeat", () => {
    const bench = new Bench()
    bench.lead()
    const since = bench.now

    while (bench.status.role === "leader") bench.wake()

    expect(bench.now - since).toBeGreaterThanOrEqual(ELECTION_MS)
    expect(bench.now - since).toBeLessThanOrEqual(ELECTION_MS + HEARTBEAT_MS)
    expect(bench.status).toMatchObject({ role: "follower", term: 1, leader: null })
  })

  test("an election time-out without a quorum is enough", () => {
    const bench = new Bench({ options: { heartbeatMs: ELECTION_MS / 4 } })
    bench.lead()
    const since = bench.now

    while (bench.status.role === "leader") bench.wake()

    expect(bench.now - since).toBe(ELECTION_MS)
  })

  test("a leader that a quorum answers stays, whatever the others do", () => {
    const bench = new Bench({ config: "abcde" })
    bench.lead()

    for (let i = 0; i < 20; i += 1) {
      bench.wake()
      bench.ack("b", 1)
      bench.ack("d", 1)
    }

    expect(bench.status).toMatchObject({ role: "leader", quorum: true })
  })

  test("answers of learners keep no leader alive", () => {
    const bench = new Bench({ config: "abc+d" })
    bench.lead()

    for (let i = 0; i < 5; i += 1) {
      bench.wake()
      bench.ack("d", 1)
    }

    expect(bench.status.role).not.toBe("leader")
  })

  // openraft#2080: an old leader that still reaches one bridge node must not hold the connected majority back.
  test("a leader that reaches one node of five gives way to the majority", () => {
    const lab = Lab.of("abcde")
    lab.elect("a")
    for (const id of "cde") lab.cut("a", id)

    lab.pass(6 * ELECTION_MS)

    const [leader = ""] = lab.leaders()
    expect(lab.leaders()).toHaveLength(1)
    expect(leader).not.toBe("a")
    expect(lab.at(leader).status.term).toBeGreaterThan(1)
  })

  test("status says when a leader last heard a quorum", () => {
    const bench = new Bench()
    bench.lead()
    const led = bench.now
    bench.now += 200
    bench.ack("b", 1)
    bench.now += 100

    expect(bench.status).toMatchObject({ quorum: true, leaderSeenAt: led + 200 })
    expect(bench.core.status(led + 201 + ELECTION_MS)).toMatchObject({ quorum: false })
  })

  test("status says when a follower last heard its leader", () => {
    const bench = new Bench()
    const before = bench.status.leaderSeenAt
    bench.now = 40
    bench.hear("b", appendOf(1))

    expect(before).toBeNull()
    expect(bench.core.status(40 + ELECTION_MS)).toMatchObject({ quorum: true, leaderSeenAt: 40 })
    expect(bench.core.status(41 + ELECTION_MS)).toMatchObject({ quorum: false, leaderSeenAt: 40 })
  })
})

describe("a new leader", () => {
  test("appends a no-op of its term at once and sends it", () => {
    const bench = new Bench({ terms: [1], term: 1 })
    bench.campaign()
    bench.take()

    bench.hear("b", grantOf(2))

    const noop = { type: "noop", index: 2, term: 2 } as const
    expect(bench.take().map(({ to, message }) => [to, message])).toEqual([
      ["b", appendOf(2, { prevIndex: 1, prevTerm: 1, entries: [noop] })],
      ["c", appendOf(2, { prevIndex: 1, prevTerm: 1, entries: [noop] })],
      ["b", { type: "leader-durable", term: 2, index: 2 }],
      ["c", { type: "leader-durable", term: 2, index: 2 }],
    ])
    expect(bench.disk.entries).toEqual([entry(1, 1), noop])
  })

  test("ignores an append of its own term, and a follower ignores a second leader of a term", () => {
    const leader = new Bench()
    leader.lead()
    const follower = new Bench()
    follower.hear("b", appendOf(1))

    const answers = [
      ...leader.hear("b", appendOf(1, { entries: log([1, 1]) })),
      ...follower.hear("c", appendOf(1, { entries: log([1, 1]) })),
      ...follower.hear("c", {
        type: "snapshot",
        term: 1,
        snapshot: {
          index: 3,
          term: 1,
          config: { voters: ["c"], learners: [] },
          data: new Uint8Array(),
        },
      }),
    ]

    expect(answers).toEqual([])
    expect([leader.status.lastIndex, follower.status.lastIndex]).toEqual([1, 0])
    expect(follower.status.leader).toBe("b")
  })

  test("is told of once: what did not change is no event", () => {
    const bench = new Bench()
    bench.hear("b", appendOf(1))

    const again = bench.step({ type: "message", from: "b", message: appendOf(1) })

    expect(again.events).toEqual([])
  })

  test("is told of as an event, and so are the roles on the way", () => {
    const bench = new Bench()
    const events = [...bench.timeOut().events]

    events.push(...bench.step({ type: "message", from: "b", message: grantOf(1, PRE) }).events)
    events.push(...bench.step({ type: "message", from: "b", message: grantOf(1) }).events)
    events.push(...bench.step({ type: "message", from: "b", message: appendOf(2) }).events)

    expect(events).toEqual([
      { type: "role", role: "pre-candidate", term: 0 },
      { type: "role", role: "candidate", term: 1 },
      { type: "role", role: "leader", term: 1 },
      { type: "leader", leader: "a", term: 1 },
      { type: "role", role: "follower", term: 2 },
      { type: "leader", leader: "b", term: 2 },
    ])
  })
})
