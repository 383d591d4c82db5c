// Ongaro and Ousterhout 2014, §5.3 and §5.4 with figures 7 and 8; cases after etcd raft_paper_test.go, in our own words.
import { describe, expect, test } from "vitest"
import {
  appendOf,
  Bench,
  entry,
  grantOf,
  Lab,
  log,
  refusalOf,
  voteOf,
} from "../../helpers/raft/lab.ts"

/** A leader of three whose no-op (index 1, or after `terms`) is committed everywhere. */
function settledLeader(terms: readonly number[] = []): Bench {
  const bench = new Bench({ config: "abc", terms })
  bench.lead()
  const last = terms.length + 1
  for (const id of ["b", "c", "b", "c"]) bench.ack(id, last)
  bench.take()
  return bench
}

describe("§5.3 replication", () => {
  test("a proposal is appended, saved and sent to everybody at once", () => {
    const bench = settledLeader()

    const effects = bench.propose("x")

    const added = { type: "app", index: 2, term: 1, id: "x", data: new Uint8Array(1) }
    expect(effects.write?.append).toEqual([added])
    const message = appendOf(1, { prevIndex: 1, prevTerm: 1, entries: [added as never], commit: 1 })
    expect(effects.send).toEqual([
      { to: "b", message, after: 0 },
      { to: "c", message, after: 0 },
    ])
  })

  test.for([
    ["a", "", true],
    ["abc", "", false],
    ["abc", "b", true],
    ["abcde", "b", false],
    ["abcde", "bc", true],
    ["abcde", "bcde", true],
  ] as const)(
    "of the voters %s, a+%s having it commits an entry: %s",
    ([config, acks, committed]) => {
      const bench = new Bench({ config })
      bench.lead()

      for (const id of acks.split("").filter((letter) => letter !== "")) bench.ack(id, 1)

      expect(bench.status.commit).toBe(committed ? 1 : 0)
      expect(bench.applied).toEqual(committed ? [{ type: "noop", index: 1, term: 1 }] : [])
    },
  )

  test("a new leader's first commit takes the entries of earlier terms along, in order", () => {
    const bench = new Bench({ terms: [1, 1, 2], term: 2 })

    bench.lead()
    bench.ack("b", 4)

    expect(bench.applied.map(({ index, term }) => [index, term])).toEqual([
      [1, 1],
      [2, 1],
      [3, 2],
      [4, 3],
    ])
  })

  test("a commit is told to the followers at once, and to each only once", () => {
    const bench = new Bench({ config: "abcde" })
    bench.lead()
    for (const id of ["b", "c", "d", "e", "b", "c", "d", "e"]) bench.ack(id, 1)
    bench.propose("x")
    bench.take()

    bench.ack("b", 2)
    const first = bench.ack("c", 2)
    const second = bench.ack("d", 2)
    const rest = [...bench.ack("b", 2), ...bench.ack("c", 2), ...bench.ack("b", 2)]

    const notice = appendOf(1, { prevIndex: 2, prevTerm: 1, commit: 2 })
    // Also those that still owe their answer: only their disks are slow, and their applications wait for this.
    expect(first).toEqual([notice, notice, notice, notice])
    expect(second).toEqual([])
    expect(rest).toEqual([])
  })

  test.for([
    [[1], 1],
    [[1, 1], 2],
    [[1, 2], 1],
  ] as const)("a follower hands out %j as far as commit %i says", ([terms, commit]) => {
    const bench = new Bench()

    bench.hear("b", appendOf(2, { entries: log(terms), commit }))

    expect(bench.applied).toEqual(log(terms).slice(0, commit))
    expect(bench.status).toMatchObject({ commit, applied: commit })
  })

  test.for([
    { prevIndex: 0, prevTerm: 0, answer: [true, 0, 0, 0] },
    { prevIndex: 1, prevTerm: 1, answer: [true, 1, 0, 0] },
    { prevIndex: 2, prevTerm: 2, answer: [true, 2, 0, 0] },
    { prevIndex: 1, prevTerm: 2, answer: [false, 1, 1, 1] },
    { prevIndex: 2, prevTerm: 1, answer: [false, 1, 1, 2] },
    { prevIndex: 3, prevTerm: 3, answer: [false, 2, 2, 3] },
    { prevIndex: 9, prevTerm: 1, answer: [false, 1, 1, 9] },
  ] as const)(
    "a follower with terms 1 2 checks $prevIndex/$prevTerm",
    ({ prevIndex, prevTerm, answer }) => {
      const bench = new Bench({ terms: [1, 2], term: 3 })

      const answers = bench.hear("b", appendOf(3, { prevIndex, prevTerm }))

      const [ok, index, hintTerm, refused] = answer
      expect(answers).toEqual([{ type: "append-response", term: 3, ok, index, hintTerm, refused }])
    },
  )

  test.for([
    { prev: 2, prevTerm: 2, entries: [entry(3, 3)], becomes: [1, 2, 3], cut: undefined, added: 1 },
    {
      prev: 1,
      prevTerm: 1,
      entries: [entry(2, 3), entry(3, 4)],
      becomes: [1, 3, 4],
      cut: 2,
      added: 2,
    },
    { prev: 0, prevTerm: 0, entries: [entry(1, 1)], becomes: [1, 2], cut: undefined, added: 0 },
    { prev: 0, prevTerm: 0, entries: [entry(1, 3)], becomes: [3], cut: 1, added: 1 },
    {
      prev: 1,
      prevTerm: 1,
      entries: [entry(2, 2), entry(3, 4)],
      becomes: [1, 2, 4],
      cut: undefined,
      added: 1,
    },
  ])(
    "a follower with terms 1 2 becomes $becomes",
    ({ prev, prevTerm, entries, becomes, cut, added }) => {
      const bench = new Bench({ terms: [1, 2], term: 4 })

      const effects = bench.step({
        type: "message",
        from: "b",
        message: appendOf(4, { prevIndex: prev, prevTerm, entries }),
      })

      expect(effects.write?.truncateFrom).toBe(cut)
      expect(effects.write?.append?.length ?? 0).toBe(added)
      expect(bench.terms).toEqual(becomes)
    },
  )

  // Figure 7: what followers may look like when the leader of term 8 comes to power.
  test.for([
    ["a, lacking one", [1, 1, 1, 4, 4, 5, 5, 6, 6]],
    ["b, lacking many", [1, 1, 1, 4]],
    ["c, one too many", [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6]],
    ["d, two of another term too many", [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7]],
    ["e, lacking and too many", [1, 1, 1, 4, 4, 4, 4]],
    ["f, of other terms", [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3]],
  ] as const)("figure 7: follower %s gets the leader's log", ([, terms]) => {
    const mine = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6]
    const lab = new Lab([
      { id: "a", terms: mine, term: 7 },
      { id: "b", terms, term: 7 },
      { id: "c", terms: mine, term: 7 },
    ])

    lab.elect("a")

    expect(lab.at("a").status).toMatchObject({ role: "leader", term: 8, commit: 11 })
    expect(lab.at("b").terms).toEqual([...mine, 8])
    expect(lab.at("b").status.commit).toBe(11)
  })
})

describe("§5.4 safety", () => {
  test("a vote request says how far the candidate's log goes", () => {
    const bench = new Bench({ terms: [1, 2, 2], term: 4 })

    bench.campaign()

    const asked = bench.sent.map(({ message }) => message)
    expect(asked).toContainEqual(voteOf(5, { pre: true, lastIndex: 3, lastTerm: 2 }))
    expect(asked).toContainEqual(voteOf(5, { lastIndex: 3, lastTerm: 2 }))
  })

  test.for([
    [[1], 1, 1, true],
    [[1], 1, 2, true],
    [[1, 1], 1, 1, false],
    [[1], 2, 1, true],
    [[1], 2, 2, true],
    [[1, 1], 2, 1, true],
    [[2], 1, 1, false],
    [[2], 1, 2, false],
    [[1, 2], 2, 1, false],
  ] as const)(
    "§5.4.1: a voter with terms %j judges a log that ends with term %i at %i: %s",
    ([terms, lastTerm, lastIndex, granted]) => {
      for (const pre of [false, true]) {
        const bench = new Bench({ terms, term: 2 })

        const answers = bench.hear("b", voteOf(3, { pre, lastIndex, lastTerm }))

        const term = granted ? 3 : pre ? 2 : 3
        expect(answers).toEqual([grantOf(term, { pre, granted })])
      }
    },
  )

  test("§5.4.2: counting replicas commits entries of the own term only", () => {
    const bench = new Bench({ terms: [1, 2], term: 2 })
    bench.lead()

    bench.ack("b", 1)
    bench.ack("b", 2)
    const before = bench.status.commit
    bench.ack("b", 3)

    expect(before).toBe(0)
    expect(bench.status).toMatchObject({ term: 3, commit: 3 })
  })

  // Figure 8: (c) the entry of term 2 is on a majority, yet (d) a leader of term 3 may still overwrite it.
  test("figure 8: an old entry on a majority is not committed, and may be overwritten", () => {
    const one = [1]
    const lab = new Lab([
      { id: "a", config: "abcde", terms: [1, 2], term: 3 },
      { id: "b", config: "abcde", terms: [1, 2], term: 3 },
      { id: "c", config: "abcde", terms: one, term: 3 },
      { id: "d", config: "abcde", terms: one, term: 3 },
      { id: "e", config: "abcde", terms: [1, 3], term: 3 },
    ])
    // (c) a leads term 4 and replicates the entry of term 2 to c, but its own no-op reaches nobody.
    lab.filter = (_, to, message) =>
      to !== "e" &&
      !(message.type === "append" && (to === "d" || message.entries.some(({ term }) => term === 4)))
    const a = lab.at("a")
    lab.elect("a")
    expect(a.status).toMatchObject({ role: "leader", term: 4 })
    a.hear("c", refusalOf(4, 2, 1, 1))
    const forC = appendOf(4, { prevIndex: 1, prevTerm: 1, entries: [entry(2, 2)] })
    const acks = lab.at("c").hear("a", forC)
    for (const ack of acks) a.hear("c", ack)
    a.ack("b", 2)

    // (d) a dies; e, with the entry of term 3, is elected by c and d and overwrites.
    expect(a.status.commit).toBe(0)
    lab.recover()
    lab.isolate("a")
    for (const bench of lab.benches.values()) bench.take()
    lab.elect("e")
    lab.elect("e")

    expect(lab.at("e").status.role).toBe("leader")
    expect(lab.at("c").terms).toEqual([1, 3, lab.at("e").status.term])
    expect(lab.at("a").terms).toEqual([1, 2, 4])
  })

  // Figure 8 (e): once an entry of the own term is on a majority, the old one is safe with it.
  test("figure 8: committing an own entry commits the old one and bars the rival", () => {
    const lab = new Lab([
      { id: "a", config: "abcde", terms: [1, 2], term: 3 },
      { id: "b", config: "abcde", terms: [1, 2], term: 3 },
      { id: "c", config: "abcde", terms: [1], term: 3 },
      { id: "d", config: "abcde", terms: [1], term: 3 },
      { id: "e", config: "abcde", terms: [1, 3], term: 3 },
    ])
    lab.filter = (from, to) => from !== "e" && to !== "e"
    lab.elect("a")
    expect(lab.at("a").status).toMatchObject({ role: "leader", commit: 3 })

    lab.recover()
    lab.isolate("a")
    lab.elect("e")

    expect(lab.at("e").status.role).not.toBe("leader")
    expect(lab.at("c").terms).toEqual([1, 2, 4])
  })
})
