// Checklist C (test/core/raft/checklist.md): hints, clamps, flow of one message per peer, late and repeated answers.
import { describe, expect, test } from "vitest"
import {
  ackOf,
  appendOf,
  Bench,
  ELECTION_MS,
  entry,
  grantOf,
  Lab,
  log,
  refusalOf,
  voteOf,
} from "../../helpers/raft/lab.ts"

/** A leader of term 5 over entries of these terms; its no-op follows them. */
function leaderOver(terms: readonly number[], config = "abc"): Bench {
  const bench = new Bench({ terms, term: 4, config })
  bench.lead()
  expect(bench.status).toMatchObject({ role: "leader", term: 5 })
  bench.take()
  return bench
}

describe("the follower", () => {
  test.for([
    { commit: 9, entries: [entry(2, 2)], becomes: 2 },
    { commit: 2, entries: [], becomes: 1 },
    { commit: 1, entries: [entry(2, 2)], becomes: 1 },
    { commit: 0, entries: [entry(2, 2)], becomes: 0 },
  ])(
    "commits no further than the message proves: $commit becomes $becomes",
    ({ commit, entries, becomes }) => {
      // The third entry is of a dead leader and not covered by the message.
      const bench = new Bench({ terms: [1, 2, 2], term: 3 })

      bench.hear("b", appendOf(3, { prevIndex: 1, prevTerm: 1, entries, commit }))

      expect(bench.status.commit).toBe(becomes)
      expect(bench.terms).toEqual([1, 2, 2])
    },
  )

  test("never lowers its commit index", () => {
    const bench = new Bench({ terms: [1, 1], term: 1 })
    bench.hear("b", appendOf(1, { prevIndex: 2, prevTerm: 1, commit: 2 }))

    bench.hear("b", appendOf(1, { prevIndex: 2, prevTerm: 1, commit: 1 }))

    expect(bench.status.commit).toBe(2)
  })

  // etcd TestLogReplicationWithReorderedMessage, raft-rs test_raw_node_overwrite_entries.
  test("keeps entries that a late, shorter append does not name", () => {
    const bench = new Bench()
    bench.hear("b", appendOf(1, { entries: log([1, 1, 1]) }))

    const answers = bench.hear("b", appendOf(1, { entries: log([1]) }))

    expect(answers).toEqual([ackOf(1, 1)])
    expect(bench.terms).toEqual([1, 1, 1])
  })

  test("keeps a tail of an older term until something conflicts with it", () => {
    const bench = new Bench({ terms: [1, 2, 2], term: 3 })

    bench.hear("b", appendOf(3, { prevIndex: 1, prevTerm: 1, entries: [entry(2, 2)] }))
    const kept = bench.terms
    bench.hear("b", appendOf(3, { prevIndex: 2, prevTerm: 2, entries: [entry(3, 3)] }))

    expect(kept).toEqual([1, 2, 2])
    expect(bench.terms).toEqual([1, 2, 3])
  })

  test("acknowledges its commit index to an append from before it", () => {
    const bench = new Bench({ terms: [1, 1, 1], term: 1 })
    bench.hear("b", appendOf(1, { prevIndex: 3, prevTerm: 1, commit: 2 }))

    const answers = bench.hear("b", appendOf(1))

    expect(answers).toEqual([ackOf(1, 2)])
  })

  test("takes entries and commit from an append that starts before its commit index", () => {
    const bench = new Bench({ terms: [1], term: 1 })
    bench.hear("b", appendOf(1, { prevIndex: 1, prevTerm: 1, commit: 1 }))

    const answers = bench.hear("b", appendOf(1, { entries: log([1, 1, 1]), commit: 3 }))

    expect(answers).toEqual([ackOf(1, 3)])
    expect(bench.status).toMatchObject({ commit: 3, lastIndex: 3 })
  })

  test("survives an append that contradicts what is committed and agrees where that ends", () => {
    const bench = new Bench({ terms: [1, 2], term: 3 })
    bench.hear("b", appendOf(3, { prevIndex: 2, prevTerm: 2, commit: 2 }))

    const answers = bench.hear("b", appendOf(3, { entries: log([2, 2, 3]) }))

    expect(answers).toEqual([ackOf(3, 3)])
    expect(bench.terms).toEqual([1, 2, 3])
  })

  test("refuses, and survives, an append that contradicts what is committed", () => {
    const bench = new Bench({ terms: [1, 1], term: 3 })
    bench.hear("b", appendOf(3, { prevIndex: 2, prevTerm: 1, commit: 2 }))

    const answers = bench.hear("b", appendOf(3, { entries: log([2, 2, 2]), commit: 3 }))

    expect(answers).toEqual([refusalOf(3, 0, 2, 1)])
    expect(bench.terms).toEqual([1, 1])
  })

  test("hints past the whole term that conflicts", () => {
    const bench = new Bench({ terms: [1, 1, 3, 3, 3, 3], term: 4 })

    const answers = bench.hear("b", appendOf(5, { prevIndex: 6, prevTerm: 2 }))

    expect(answers).toEqual([refusalOf(5, 6, 2, 1)])
  })

  test("hints at its end when it is too short", () => {
    const bench = new Bench({ terms: [1, 1], term: 4 })

    const answers = bench.hear("b", appendOf(5, { prevIndex: 9, prevTerm: 4 }))

    expect(answers).toEqual([refusalOf(5, 9, 2, 1)])
  })
})

describe("the leader", () => {
  // etcd TestFastLogRejection: one refusal skips whole terms on both sides.
  test.for([
    { mine: [1, 2, 2, 4, 4, 4, 4], theirs: [1, 2, 2, 3, 3, 3, 3, 3], next: 4 },
    { mine: [1, 2, 2, 3, 4, 4, 4, 4], theirs: [1, 2, 2, 3, 3, 3, 3, 3], next: 5 },
    { mine: [1, 1, 1, 1], theirs: [1, 1, 1, 1, 4], next: 5 },
    { mine: [1, 1, 1, 4], theirs: [1, 1], next: 3 },
    { mine: [1, 3, 3, 3, 3], theirs: [1, 2, 2, 2, 2], next: 2 },
    { mine: [2, 2, 4], theirs: [1, 1, 1, 1, 1, 1], next: 1 },
    { mine: [4, 4], theirs: [], next: 1 },
  ])("finds where $mine and $theirs part after few questions", ({ mine, theirs, next }) => {
    const leader = leaderOver(mine)
    const follower = new Bench({ id: "b", terms: theirs, term: 4 })
    let message = appendOf(5, {
      prevIndex: mine.length,
      prevTerm: mine.at(-1) ?? 0,
      entries: [{ type: "noop", index: mine.length + 1, term: 5 }],
    })

    let questions = 0
    for (; follower.terms.at(-1) !== 5; questions += 1) {
      const [answer] = follower.hear("a", message)
      const [again] = answer === undefined ? [] : leader.hear("b", answer)
      if (again?.type === "append") message = again
      expect(questions).toBeLessThan(3)
    }

    expect(message.prevIndex + 1).toBeGreaterThanOrEqual(next)
    expect(follower.terms).toEqual([...mine, 5])
  })

  test("never looks below what is known to match", () => {
    const bench = leaderOver([1, 1, 1])
    bench.ack("b", 4)
    bench.take()

    const again = [
      ...bench.hear("b", refusalOf(5, 3, 0, 0)),
      ...bench.hear("b", refusalOf(5, 99, 0, 0)),
    ]

    expect(again).toEqual([])
  })

  // Found by the simulator, seed 7990: a member whose disk was put back heard nothing new until there was another leader.
  test("tells everything anew to a peer that refuses what it had acknowledged", () => {
    const bench = leaderOver([1, 1, 1])
    bench.ack("b", 4)
    bench.take()

    const [again] = bench.hear("b", refusalOf(5, 4, 1, 1))

    expect(again).toMatchObject({ type: "append", prevIndex: 1, prevTerm: 1 })
    bench.ack("b", 4)
    expect(bench.hear("b", refusalOf(5, 3, 0, 0))).toEqual([])
  })

  test("ignores a refusal of an older question", () => {
    const bench = leaderOver([1, 1, 1, 1])
    const first = bench.hear("b", refusalOf(5, 4, 2, 1))

    const repeated = bench.hear("b", refusalOf(5, 4, 2, 1))

    expect(first).toMatchObject([{ prevIndex: 2 }])
    expect(repeated).toEqual([])
  })

  test("a late acknowledgement takes nothing back", () => {
    const bench = leaderOver([1, 1])
    bench.ack("b", 3)
    bench.ack("b", 3)
    bench.propose("x")
    bench.take()

    bench.ack("b", 1)
    bench.ack("b", 0)
    bench.ack("b", 4)

    expect(bench.status.commit).toBe(4)
  })

  test("an acknowledgement beyond its log counts for nothing", () => {
    const bench = leaderOver([1])

    bench.ack("b", 99)

    expect(bench.status.commit).toBe(0)
  })

  // What was acknowledged in an older term may have been overwritten since.
  test("an acknowledgement of an older term counts for nothing", () => {
    const bench = leaderOver([1])

    const answers = bench.hear("b", ackOf(4, 2))

    expect(answers).toEqual([])
    expect(bench.status.commit).toBe(0)
  })

  test("an answer of a stranger counts for nothing", () => {
    const bench = leaderOver([1])

    const answers = bench.ack("z", 2)

    expect(answers).toEqual([])
    expect(bench.status.commit).toBe(0)
  })

  test("sends one message with entries at a time, then all that came meanwhile", () => {
    const bench = leaderOver([])
    bench.propose("x")
    bench.propose("y")
    const early = bench.take().filter(({ message }) => message.type === "append")

    const next = bench.ack("b", 1)

    expect(early).toEqual([])
    expect(next).toMatchObject([{ prevIndex: 1, entries: [{ id: "x" }, { id: "y" }], commit: 1 }])
  })

  test("entries do not wait for the answer to a commit notice", () => {
    const bench = leaderOver([], "abcde")
    bench.ack("b", 1)
    const notice = bench.ack("c", 1)

    const effects = bench.propose("x")

    expect(notice.slice(0, 2)).toMatchObject([
      { entries: [], commit: 1 },
      { entries: [], commit: 1 },
    ])
    const told = { message: { prevIndex: 1, commit: 1, entries: [{ id: "x" }] } }
    expect(effects.send).toMatchObject([
      { to: "b", ...told },
      { to: "c", ...told },
    ])
    expect(bench.ack("b", 1)).toEqual([])
    bench.ack("b", 2)
    expect(bench.ack("c", 2)).toContainEqual(appendOf(5, { prevIndex: 2, prevTerm: 5, commit: 2 }))
  })

  test("entries do not wait for the answer to a heartbeat", () => {
    const bench = leaderOver([])
    bench.ack("b", 1)
    bench.ack("b", 1)
    bench.wake()
    bench.take()

    const effects = bench.propose("x")

    expect(effects.send).toMatchObject([{ to: "b", message: { entries: [{ id: "x" }] } }])
  })

  test("a notice to a peer that never got the entries is refused, and the refusal changes nothing", () => {
    const bench = leaderOver([])
    bench.propose("x")
    bench.ack("b", 1)

    const after = bench.hear("c", refusalOf(bench.status.term, 1, 0, 0))

    expect(after).toEqual([])
    expect(bench.ack("c", 1)).toMatchObject([{ prevIndex: 1, entries: [{ id: "x" }], commit: 1 }])
  })

  test("sends no more bytes than allowed, but at least one entry", () => {
    const bench = new Bench({ options: { appendBytesMax: 2 * 65 } })
    bench.lead()
    for (const id of ["u", "v", "w"]) bench.propose(id)
    bench.step({ type: "propose", id: "big", data: new Uint8Array(5000) })
    bench.take()

    const batches = [1, 3, 4].map((index) => bench.ack("b", index)[0])

    expect(batches).toMatchObject([
      { entries: [{ id: "u" }, { id: "v" }] },
      { entries: [{ id: "w" }] },
      { entries: [{ id: "big" }] },
    ])
  })

  test("asks a silent peer again at each heartbeat, without entries, and sends them when it answers", () => {
    const bench = leaderOver([1])

    const first = bench.wake().send.filter(({ to }) => to === "b")
    bench.ack("c", 2)
    const second = bench.wake().send.filter(({ to }) => to === "b")
    const resent = bench.ack("b", 1)

    const question = { message: appendOf(5, { prevIndex: 1, prevTerm: 1 }) }
    expect(first).toMatchObject([question])
    expect(second).toMatchObject([{ message: { prevIndex: 1, entries: [], commit: 1 } }])
    expect(resent).toMatchObject([{ prevIndex: 1, entries: [{ type: "noop" }] }])
  })

  test("never names a commit index that the message does not prove", () => {
    const bench = new Bench({ config: "abcde", terms: [1, 1, 1], term: 4 })
    bench.lead()
    bench.ack("b", 4)
    bench.ack("c", 4)
    bench.take()

    const slow = bench.hear("d", refusalOf(5, 3, 1, 1))
    const beat = bench.wake().send.map(({ message }) => message)

    expect(bench.status.commit).toBe(4)
    expect(slow).toMatchObject([{ prevIndex: 1, commit: 4, entries: { length: 3 } }])
    for (const message of [...slow, ...beat]) {
      if (message.type !== "append") throw new Error(message.type)
      expect(message.commit).toBeLessThanOrEqual(message.prevIndex + message.entries.length)
    }
    expect(beat).toMatchObject([{ commit: 4 }, { commit: 4 }, { commit: 1 }, { commit: 3 }])
  })

  // etcd testdata/lagging_commit: a commit index lost in a blip arrives without a new proposal.
  test("a follower that missed both ways to hear of a commit hears of it at the next heartbeat", () => {
    const lab = Lab.of("abc")
    lab.elect("a")
    lab.filter = (_, to, message) =>
      !(to === "c" && message.type === "append" && message.commit === 2) &&
      !(to === "c" && message.type === "leader-durable")
    lab.at("a").propose("x")
    lab.settle()
    const missed = lab.at("c").status.commit

    lab.recover()
    lab.pass(ELECTION_MS)

    expect(missed).toBe(1)
    expect(lab.at("c").status.commit).toBe(2)
  })

  test("a quiet, settled leader sends heartbeats and nothing else", () => {
    const lab = Lab.of("abc")
    lab.elect("a")
    lab.settle()
    const before = lab.delivered

    lab.pass(3000)

    // Ten heartbeats to two peers, each answered once.
    expect(lab.delivered - before).toBe(40)
  })

  test("learners get everything and count for nothing", () => {
    const bench = new Bench({ config: "abc+d" })
    bench.lead()

    bench.ack("d", 1)
    const alone = bench.status.commit
    bench.ack("b", 1)
    const told = bench.take().filter(({ to }) => to === "d")

    expect(alone).toBe(0)
    expect(bench.status.commit).toBe(1)
    expect(told.at(-1)?.message).toMatchObject({ type: "append", commit: 1 })
  })
})

describe("hints of the transport", () => {
  test("a peer that is back is tried again at once", () => {
    const bench = leaderOver([])
    bench.ack("c", 1)
    bench.take()

    bench.step({ type: "peer", id: "b", up: false })
    const effects = bench.step({ type: "peer", id: "b", up: true })

    expect(effects.send).toMatchObject([{ to: "b", message: { prevIndex: 0, commit: 1 } }])
  })

  test("a follower whose leader is unreachable forgets it, and neither campaigns nor stays loyal", () => {
    const bench = new Bench()
    bench.hear("b", appendOf(1))
    const due = bench.nextWakeAt

    bench.step({ type: "peer", id: "c", up: false })
    const still = bench.status.leader
    bench.step({ type: "peer", id: "b", up: false })

    expect(still).toBe("b")
    expect(bench.status).toMatchObject({ role: "follower", leader: null, term: 1 })
    expect(bench.nextWakeAt).toBe(due)
    expect(bench.hear("c", voteOf(2))).toEqual([grantOf(2)])
  })

  test("a follower whose leader is unreachable says that there is no quorum", () => {
    const bench = new Bench()
    bench.hear("b", appendOf(1))
    const before = bench.status.quorum

    bench.step({ type: "peer", id: "b", up: false })

    expect([before, bench.status.quorum]).toEqual([true, false])
  })

  test("a hint about itself or a stranger changes nothing", () => {
    const bench = leaderOver([])

    const effects = ["a", "z"].map((id) => bench.step({ type: "peer", id, up: false }))
    effects.push(...["a", "z"].map((id) => bench.step({ type: "peer", id, up: true })))

    expect(effects.flatMap(({ send }) => send)).toEqual([])
    expect(bench.status).toMatchObject({ role: "leader", leader: "a" })
  })
})
