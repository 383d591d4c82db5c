// The log in memory, alone: what it holds, what it says of itself, and what nobody may ask of it. Checklist 8, 24, 39, 47.
import { describe, expect, test } from "vitest"
import { InvariantError } from "../../../src/core/base/assert.ts"
import { RaftLog } from "../../../src/core/raft/log.ts"
import { configEntry, entry, log, members, snapshotAt } from "../../helpers/raft/lab.ts"

/** A snapshot at 3 of term 2, and entries 4 to 6 behind it. */
function behindSnapshot(): RaftLog {
  return new RaftLog(snapshotAt(3, 2), log([2, 3, 3], 3))
}

describe("§5.3 a log", () => {
  test("names the terms of its entries and of its snapshot, and of nothing else", () => {
    const mine = behindSnapshot()

    const terms = [2, 3, 4, 5, 6, 7].map((index) => mine.termAt(index))

    expect(terms).toEqual([null, 2, 2, 3, 3, null])
  })

  test("hands out the entries from one place to another, both included", () => {
    const mine = behindSnapshot()

    const slices = [mine.slice(4, 6), mine.slice(5, 5), mine.slice(4, 3)]

    expect(slices).toEqual([log([2, 3, 3], 3), [entry(5, 3)], []])
  })

  test("fills a message up to its bound, with 64 bytes for each entry, and breaks it for the first only", () => {
    const mine = new RaftLog(snapshotAt(0, 0), [
      { ...entry(1, 1), data: new Uint8Array(36) } as never,
      configEntry(2, 1, "abcd"),
      entry(3, 1),
    ])

    const counts = [0, 99, 163, 164, 227, 228].map((max) => mine.batch(1, max).length)

    expect(counts).toEqual([1, 1, 1, 2, 2, 3])
    expect(mine.batch(4, 1000)).toEqual([])
  })

  test("agrees with a refusal's hint at the last entry of that term or of an older one", () => {
    const mine = behindSnapshot()

    const agreed = [
      mine.agreeableUpTo(6, 3),
      mine.agreeableUpTo(6, 2),
      mine.agreeableUpTo(5, 9),
      mine.agreeableUpTo(9, 9),
      // Below its snapshot it knows no terms: the snapshot's index is as far as it can promise.
      mine.agreeableUpTo(6, 1),
      mine.agreeableUpTo(1, 0),
    ]

    expect(agreed).toEqual([6, 4, 5, 6, 3, 1])
  })
})

describe("§7 behind a snapshot a log", () => {
  test("is compacted again, and keeps what is later", () => {
    const mine = behindSnapshot()

    mine.compact(snapshotAt(5, 3))

    expect([mine.lastIndex, mine.termAt(4), mine.slice(6, 6)]).toEqual([6, null, [entry(6, 3)]])
  })

  test("is cut where it is told", () => {
    const mine = behindSnapshot()

    mine.truncate(5)

    expect([mine.lastIndex, mine.lastTerm]).toEqual([4, 2])
  })
})

describe("nobody may ask a log", () => {
  test.for<readonly [string, (mine: RaftLog) => unknown, RegExp]>([
    ["for an entry that was compacted away", (mine) => mine.slice(3, 4), /slice outside/],
    ["for an entry beyond its end", (mine) => mine.slice(4, 7), /slice outside/],
    ["to send what was compacted away", (mine) => mine.batch(3, 1), /batch before/],
    ["to cut into its snapshot", (mine) => mine.truncate(3), /into the snapshot/],
    ["to compact what it does not hold", (mine) => mine.compact(snapshotAt(5, 2)), /not describe/],
    ["to leave a hole", (mine) => mine.append([entry(8, 3)]), /hole/],
    ["to let its terms fall", (mine) => mine.append([entry(7, 2)]), /terms fall/],
    ["to take a configuration without voters", (m) => m.append([configEntry(7, 3, "")]), /malf/],
  ])("%s", ([, ask, problem]) => {
    expect(() => ask(behindSnapshot())).toThrow(InvariantError)
    expect(() => ask(behindSnapshot())).toThrow(problem)
  })
})

describe("§7 and dissertation §4.1: the configuration of a log", () => {
  test("is its newest, wherever the log is cut or compacted", () => {
    const mine = new RaftLog(snapshotAt(1, 1, "ab"), [
      configEntry(2, 1, "abc"),
      entry(3, 1),
      configEntry(4, 1, "abcd"),
    ])

    const before = [1, 2, 3, 4, 9].map((index) => mine.configAt(index))
    mine.compact({ ...snapshotAt(3, 1, "abc") })
    const compacted = [mine.config, mine.configIndex, mine.configAt(3)]
    mine.truncate(4)
    const cut = [mine.config, mine.configIndex]

    expect(before).toEqual(["ab", "abc", "abc", "abcd", "abcd"].map(members))
    expect(compacted).toEqual([members("abcd"), 4, members("abc")])
    expect(cut).toEqual([members("abc"), 3])
  })

  test("may begin with any electorate where nobody knew one before (a joiner's disk)", () => {
    const joiner = new RaftLog(snapshotAt(0, 0, ""), [configEntry(1, 1, "abc")])

    expect(joiner.hasLegalSteps()).toBe(true)
  })

  test("is the snapshot's once a foreign snapshot replaced the log", () => {
    const mine = new RaftLog(snapshotAt(0, 0), [configEntry(1, 1, "abcd")])

    mine.restore(snapshotAt(9, 2, "xyz"))

    expect([mine.config, mine.configIndex, mine.lastIndex]).toEqual([members("xyz"), 9, 9])
  })
})
