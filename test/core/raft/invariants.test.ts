// A checker that never fails proves nothing: each of its rules is broken here once.
import { describe, expect, test } from "vitest"
import { printEntry } from "../../../src/core/raft/invariants.ts"
import { genesis } from "../../../src/core/raft/persisted.ts"
import type { Entry, Persisted, RaftStatus } from "../../../src/core/raft/types.ts"
import { disk, led, view, world } from "../../helpers/raft/checked.ts"
import {
  ackOf,
  configEntry,
  entry,
  grantOf,
  log,
  members,
  NO_DATA,
  snapshotAt,
  voteOf,
} from "../../helpers/raft/lab.ts"

describe("the five properties", () => {
  test("election safety: one leader per term, also over a restart", () => {
    const { checker, memory } = led()

    expect(() => checker.observe({ ...view("a", "leader", memory), run: 2 })).toThrow(
      /election safety/,
    )
  })

  test("election safety: nobody leads without a majority of saved votes", () => {
    const { checker } = world()

    expect(() => checker.observe(view("c", "leader", disk(1, [])))).toThrow(
      /with the votes of {2}only/,
    )
  })

  test("a lone voter's own saved vote is a majority", () => {
    const memory = { ...genesis(members("a"), NO_DATA), hard: { term: 1, votedFor: "a" } }
    const { checker } = world("a", { a: memory })

    expect(() => checker.observe(view("a", "leader", memory))).not.toThrow()
  })

  test("leader append-only: a leader keeps its entries, each of them", () => {
    const cut = led(log([1, 1]))
    const exchanged = led(log([1, 1]))

    const shorter = view("a", "leader", disk(1, log([1]), "a"))
    const [first = entry(1, 1)] = exchanged.memory.entries
    const other = view("a", "leader", disk(1, [first, entry(2, 1)], "a"))

    expect(() => cut.checker.observe(shorter)).toThrow(/append-only/)
    expect(() => exchanged.checker.observe(other)).toThrow(/append-only/)
  })

  test("log matching: one index and term, one entry and one predecessor", () => {
    const { checker } = led([entry(1, 1)])
    const other: Entry = { type: "noop", index: 1, term: 1 }

    expect(() => checker.observe(view("b", "follower", disk(1, [other])))).toThrow(/log matching/)
    checker.observe(view("b", "follower", disk(3, [entry(1, 1), entry(2, 3)])))
    const path = disk(3, [entry(1, 2), entry(2, 3)])
    expect(() => checker.observe(view("c", "follower", path))).toThrow(/log matching/)
  })

  test("leader completeness: a later leader has what was committed", () => {
    const { checker, disks, memory } = led()
    disks.set("b", disk(1, log([1]), "a"))
    checker.observe(view("a", "leader", memory, { commit: 1 }))
    disks.set("c", disk(2, [], "c"))
    disks.set("b", disk(2, [], "c"))
    checker.released("c", "b", voteOf(2))
    checker.released("b", "c", grantOf(2))

    const forgetful = view("c", "leader", disk(2, [], "c"))

    expect(() => checker.observe(forgetful)).toThrow(/leader completeness/)
  })

  test("state machine safety: everybody applies the same", () => {
    const { checker, disks, memory } = led()
    disks.set("b", disk(1, log([1]), "a"))
    checker.observe(view("a", "leader", memory, { commit: 1 }))

    checker.applied("a", entry(1, 1))

    expect(checker.committed(1)).toBe("1/1 1/1")
    expect(() => checker.applied("b", entry(1, 2))).toThrow(/state machine safety/)
    expect(() => checker.applied("c", entry(1, 1))).toThrow(/before saving it/)
    expect(() => checker.applied("a", entry(2, 1))).toThrow(/a applies 2.1 .*, not undefined/)
  })
})

describe("the rules they rest on", () => {
  test("a commit index is backed by a majority of disks and by the own term", () => {
    const few = led()
    const old = led([entry(1, 0)])

    expect(() => few.checker.observe(view("a", "leader", few.memory, { commit: 1 }))).toThrow(
      /held by a only/,
    )
    expect(() => old.checker.observe(view("a", "leader", old.memory, { commit: 1 }))).toThrow(
      /by counting/,
    )
  })

  test("a commit index stays within the log and never contradicts another", () => {
    const { checker } = world()
    checker.observe(view("a", "follower", disk(2, log([1])), { commit: 1 }))

    expect(() => checker.observe(view("b", "follower", disk(1, []), { commit: 1 }))).toThrow(
      /beyond its log/,
    )
    expect(() => checker.observe(view("b", "follower", disk(2, log([2])), { commit: 1 }))).toThrow(
      /another/,
    )
  })

  test("one vote per term, saved before it is given", () => {
    const { checker, disks } = world("abc", { b: disk(1, [], "a") })
    checker.released("b", "a", grantOf(1))

    expect(() => checker.released("b", "c", grantOf(1))).toThrow(/votes for a and c/)
    expect(() => checker.released("c", "a", grantOf(1))).toThrow(/before saving it/)
    disks.set("c", disk(1, []))
    expect(() => checker.released("c", "a", grantOf(1))).toThrow(/votes before saving/)
  })

  test("a granted pre-vote speaks of a term that nobody has begun", () => {
    const { checker } = world()

    expect(() => checker.released("a", "b", voteOf(1, { pre: true }))).not.toThrow()
    expect(() => checker.released("a", "b", grantOf(1, { pre: true }))).not.toThrow()
    expect(() => checker.released("a", "b", voteOf(2, { pre: true }))).toThrow(/before saving/)
  })

  test("an acknowledgement is saved before it is given, and kept within the term", () => {
    const { checker } = world("abc", { a: disk(1, log([1])) })

    expect(() => checker.released("a", "b", ackOf(1, 2))).toThrow(/has not saved/)
    checker.released("a", "b", ackOf(1, 1))
    checker.released("a", "b", ackOf(1, 0))
    expect(() => checker.observe(view("a", "follower", disk(1, [])))).toThrow(/had acknowledged/)
    expect(() => checker.observe(view("a", "follower", disk(2, [])))).not.toThrow()
  })

  test("term, commit and applied index never fall within a run", () => {
    const memory = disk(2, log([1, 1]))
    const { checker } = world("abc", { a: memory })
    checker.observe(view("a", "follower", memory, { commit: 2, applied: 1 }))

    const fall = (more: Partial<RaftStatus>): void =>
      checker.observe(view("a", "follower", memory, { commit: 2, applied: 1, ...more }))
    expect(() => fall({ term: 1 })).toThrow(/term of a falls/)
    expect(() => fall({ commit: 1 })).toThrow(/commit index of a falls/)
    expect(() => fall({ applied: 0 })).toThrow(/unapplies/)
    expect(() => fall({ applied: 3 })).toThrow(/applies the uncommitted/)
  })

  test("what a node says of its log is what it wrote", () => {
    const { checker } = world()
    const memory = disk(1, log([1]))

    expect(() => checker.observe(view("a", "follower", memory, { lastIndex: 2 }))).toThrow(
      /another log/,
    )
    expect(() => checker.observe(view("a", "follower", memory, { snapshotIndex: 1 }))).toThrow(
      /another snapshot/,
    )
    expect(() => checker.observe(view("a", "follower", memory, { config: members("ab") }))).toThrow(
      /another configuration/,
    )
  })

  test.for([
    ["before a commit in its term", log([1]), [configEntry(2, 1, "ab")], 0, /before it committed/],
    [
      "twice at once",
      log([1]),
      [configEntry(2, 1, "ab"), configEntry(3, 1, "a")],
      1,
      /uncommitted configuration/,
    ],
    [
      "while its last change is not committed",
      [entry(1, 1), configEntry(2, 1, "abc+d")],
      [configEntry(3, 1, "abc+de")],
      1,
      /uncommitted configuration/,
    ],
    ["by two voters", log([1]), [configEntry(2, 1, "abcde")], 1, /too many voters/],
    ["by one voter for another", log([1]), [configEntry(2, 1, "abd")], 1, /too many voters/],
  ] as const)(
    "a leader that changes members %s is noticed",
    ([, before, added, commit, message]) => {
      const { checker, disks, memory } = led(before)
      disks.set("b", disk(1, before, "a"))
      checker.observe(view("a", "leader", memory, { commit }))

      const after = view("a", "leader", disk(1, [...memory.entries, ...added], "a"), { commit })

      expect(() => checker.observe(after)).toThrow(message)
    },
  )
})

describe("what a node says", () => {
  test("a refused pre-vote and a request for votes speak of a term that must be saved", () => {
    const { checker } = world()
    const refused = grantOf(1, { pre: true, granted: false })

    expect(() => checker.released("a", "b", refused)).toThrow(/speaks of term 1 before saving/)
    expect(() => checker.released("a", "b", voteOf(1))).toThrow(/speaks of term 1 before saving/)
  })

  test("campaigning is voting for oneself", () => {
    const { checker, disks } = world("abc", { b: disk(1, [], "a") })
    checker.released("b", "a", grantOf(1))
    disks.set("b", disk(1, [], "b"))

    expect(() => checker.released("b", "c", voteOf(1))).toThrow(/b votes for a and b in term 1/)
  })

  test("a vote that the disk has for somebody else is noticed", () => {
    const { checker } = world("abc", { b: disk(1, [], "c") })

    expect(() => checker.released("b", "a", grantOf(1))).toThrow(/b votes before saving it/)
  })

  test("the most that was acknowledged in a term is what must stay", () => {
    const { checker } = world("abc", { a: disk(2, log([1, 1])) })
    checker.released("a", "b", ackOf(2, 2))
    checker.released("a", "b", ackOf(2, 1))

    expect(() => checker.observe(view("a", "follower", disk(2, log([1]))))).toThrow(/acknowledged/)
  })

  test.for<readonly [Entry, string]>([
    [{ type: "noop", index: 3, term: 2 }, "3/2 noop"],
    [configEntry(4, 2, "ab+c"), "4/2 a,b|c"],
    [{ type: "app", index: 5, term: 2, id: "x", data: NO_DATA }, "5/2 x"],
  ])("an entry %j is printed as %s", ([one, line]) => {
    expect(printEntry(one)).toBe(line)
  })
})

describe("what a leader needs", () => {
  test("the votes of learners elect nobody", () => {
    const config = "abc+d"
    const memory = { ...genesis(members(config), NO_DATA), hard: { term: 1, votedFor: "a" } }
    const { checker } = world(config, { a: memory, d: { ...memory } })
    checker.released("a", "b", voteOf(1))
    checker.released("d", "a", grantOf(1))

    expect(() => checker.observe(view("a", "leader", memory))).toThrow(/with the votes of a only/)
  })

  test.for<readonly [string, Persisted]>([
    ["for somebody else", disk(1, [], "b")],
    ["in an older term", disk(0, [], "a")],
    ["nowhere", disk(1, [])],
  ])("a vote of its own that its disk has %s elects nobody", ([, saved]) => {
    const alone = genesis(members("a"), NO_DATA)
    const { checker } = world("a", { a: saved })

    expect(() =>
      checker.observe(view("a", "leader", { ...alone, hard: { term: 1, votedFor: "a" } })),
    ).toThrow(/with the votes of {2}only/)
  })

  test("a copy at a learner commits nothing", () => {
    const config = "abc+d"
    const saved = {
      ...disk(1, log([1]), "a"),
      snapshot: genesis(members(config), NO_DATA).snapshot,
    }
    const { checker } = world(config, { a: saved, b: { ...saved, entries: [] }, d: saved })
    checker.released("a", "b", voteOf(1))
    checker.released("b", "a", grantOf(1))
    checker.observe(view("a", "leader", saved))

    expect(() => checker.observe(view("a", "leader", saved, { commit: 1 }))).toThrow(
      /a commits 1 held by a only/,
    )
  })

  test("an entry of another term at the same place is no copy", () => {
    const { checker, disks, memory } = led()
    disks.set("b", disk(1, log([0]), "a"))

    expect(() => checker.observe(view("a", "leader", memory, { commit: 1 }))).toThrow(/by a only/)
  })
})

test("log matching: the entry before may lie under a snapshot", () => {
  const { checker } = world()
  const behind = (term: number): Persisted => ({
    ...disk(3, [entry(2, 3)]),
    snapshot: snapshotAt(1, term),
  })
  checker.observe(view("a", "follower", behind(1), { commit: 1 }))

  expect(() => checker.observe(view("b", "follower", behind(2), { commit: 1 }))).toThrow(
    /log matching: b has/,
  )
})

test("what is committed behind a snapshot is known by its place, and no more than that", () => {
  const { checker } = world()
  const memory = { ...disk(2, log([1, 1, 2], 2)), snapshot: snapshotAt(2, 1) }
  checker.observe(view("a", "follower", memory, { commit: 3 }))

  checker.observe(view("a", "follower", memory, { commit: 4 }))

  const known = [2, 3, 4, 5].map((index) => checker.committed(index))
  expect(known).toEqual([undefined, "3/1 3/1", "4/1 4/1", undefined])
})

test("a snapshot holds committed entries only", () => {
  const { checker } = world()
  const memory = { ...disk(3, log([1], 2)), snapshot: snapshotAt(2, 1) }

  expect(() => checker.observe(view("a", "follower", memory, { commit: 1 }))).toThrow(
    /a has a snapshot of the uncommitted/,
  )
})
