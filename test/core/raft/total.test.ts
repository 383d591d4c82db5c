// `step` is total: whatever a peer says, in whatever state, nothing is thrown and nothing committed is lost.
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { isSane } from "../../../src/core/raft/sanity.ts"
import type { Entry, RaftMessage } from "../../../src/core/raft/types.ts"
import {
  ackOf,
  appendOf,
  Bench,
  configEntry,
  entry,
  grantOf,
  NO_DATA,
  refusalOf,
  snapshotAt,
  voteOf,
} from "../../helpers/raft/lab.ts"

const forward = { type: "forward", term: 1, id: "x", data: NO_DATA } as const

describe("a message is sane", () => {
  test.for<RaftMessage>([
    voteOf(1),
    voteOf(3, { lastIndex: 4, lastTerm: 3 }),
    grantOf(0),
    appendOf(1),
    appendOf(3, { prevIndex: 2, prevTerm: 1, entries: [entry(3, 1), entry(4, 3)], commit: 9 }),
    appendOf(1, { entries: [configEntry(1, 1, "ab+c")] }),
    ackOf(0, 0),
    refusalOf(2, 5, 4, 1),
    { type: "leader-durable", term: 1, index: 0 },
    { type: "snapshot", term: 2, snapshot: snapshotAt(1, 2) },
    forward,
    { type: "forward-response", term: 1, id: "x", accepted: true },
    { type: "timeout-now", term: 1 },
  ])("%j", (message) => {
    expect(isSane(message)).toBe(true)
  })
})

describe("a message is dropped unanswered", () => {
  test.for<readonly [string, RaftMessage]>([
    ["a negative term", voteOf(-1)],
    ["half a term", grantOf(1.5)],
    ["no number", ackOf(Number.NaN, 1)],
    ["a term without end", { type: "timeout-now", term: Number.POSITIVE_INFINITY }],
    ["a term too high to count on", { ...forward, term: 2 ** 52 + 1 }],
    ["a vote in term 0", voteOf(0)],
    ["a candidate whose log is ahead of its term", voteOf(2, { lastIndex: 1, lastTerm: 3 })],
    ["an empty log with a term", voteOf(2, { lastIndex: 0, lastTerm: 1 })],
    ["a negative log", voteOf(2, { lastIndex: -1 })],
    ["an append in term 0", appendOf(0)],
    ["a negative commit", appendOf(1, { commit: -1 })],
    ["a predecessor that cannot be", appendOf(1, { prevIndex: 0.5 })],
    ["a predecessor of a later term", appendOf(1, { prevIndex: 1, prevTerm: 2 })],
    ["an entry out of place", appendOf(1, { entries: [entry(2, 1)] })],
    ["a hole", appendOf(1, { entries: [entry(1, 1), entry(3, 1)] })],
    ["falling terms", appendOf(3, { entries: [entry(1, 2), entry(2, 1)] })],
    [
      "an entry older than its predecessor",
      appendOf(3, { prevIndex: 1, prevTerm: 2, entries: [entry(2, 1)] }),
    ],
    ["an entry of a later term", appendOf(1, { entries: [entry(1, 2)] })],
    ["an entry of term 0", appendOf(1, { entries: [entry(1, 0)] })],
    ["a malformed configuration", appendOf(1, { entries: [configEntry(1, 1, "aa")] })],
    ["a negative acknowledgement", ackOf(1, -1)],
    ["a hint without a number", refusalOf(1, 1, 0, Number.NaN)],
    ["a refusal of nothing", refusalOf(1, -1, 0, 0)],
    ["a snapshot of the genesis", { type: "snapshot", term: 1, snapshot: snapshotAt(0, 0) }],
    ["a snapshot of a later term", { type: "snapshot", term: 1, snapshot: snapshotAt(1, 2) }],
    ["a snapshot without voters", { type: "snapshot", term: 1, snapshot: snapshotAt(1, 1, "+a") }],
    ["an unknown type", { type: "gossip", term: 1 } as never],
  ])("with %s", ([, message]) => {
    const bench = new Bench()

    const answers = bench.hear("b", message)

    expect(answers).toEqual([])
    expect(bench.status).toMatchObject({ term: 0, lastIndex: 0, leader: null })
  })

  test("from itself", () => {
    const bench = new Bench()

    expect(bench.hear("a", voteOf(3))).toEqual([])
    expect(bench.status.term).toBe(0)
  })
})

const term = fc.oneof(fc.nat(8), fc.constantFrom(-1, 0.5, Number.NaN, 2 ** 52, 2 ** 53, Infinity))
const index = fc.oneof(fc.nat(12), fc.constantFrom(-1, 2 ** 53, Number.NaN))
const entries = fc
  .tuple(fc.nat(8), fc.array(fc.tuple(fc.nat(6), fc.constantFrom("app", "bc", "abcd"))))
  .map(([from, rows]): Entry[] =>
    rows.map(([at, what], i) =>
      what === "app" ? entry(from + i + 1, at) : configEntry(from + i + 1, at, what),
    ),
  )
const message: fc.Arbitrary<RaftMessage> = fc.oneof(
  fc.record({
    type: fc.constant("vote" as const),
    pre: fc.boolean(),
    term,
    lastIndex: index,
    lastTerm: term,
    transfer: fc.boolean(),
  }),
  fc.record({
    type: fc.constant("vote-response" as const),
    pre: fc.boolean(),
    term,
    granted: fc.boolean(),
  }),
  fc.record({
    type: fc.constant("append" as const),
    term,
    prevIndex: index,
    prevTerm: term,
    entries,
    commit: index,
  }),
  fc.record({
    type: fc.constant("append-response" as const),
    term,
    ok: fc.boolean(),
    index,
    hintTerm: term,
    refused: index,
  }),
  fc.record({ type: fc.constant("leader-durable" as const), term, index }),
  fc.record({
    type: fc.constant("snapshot" as const),
    term,
    snapshot: fc.tuple(index, fc.nat(8)).map(([at, of]) => snapshotAt(at, of)),
  }),
  fc.record({
    type: fc.constant("forward" as const),
    term,
    id: fc.constantFrom("x", "y"),
    data: fc.constant(NO_DATA),
  }),
  fc.record({
    type: fc.constant("forward-response" as const),
    term,
    id: fc.constantFrom("x", "y"),
    accepted: fc.boolean(),
  }),
  fc.record({ type: fc.constant("timeout-now" as const), term }),
)
const action = fc.oneof(
  { weight: 8, arbitrary: fc.tuple(fc.constantFrom("b", "c", "z", "a", "__proto__"), message) },
  { weight: 1, arbitrary: fc.constantFrom("wake", "resumed", "propose", "flush") },
)

test("no sequence of peer messages makes a node throw, or lose what it handed out", () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), fc.boolean(), (actions, sync) => {
      const bench = new Bench({ terms: [1, 1], term: 1 })
      bench.sync = sync
      let applied = 0
      for (const one of actions) {
        if (typeof one !== "string") bench.hear(...one)
        else if (one === "wake") bench.wake()
        else if (one === "flush") bench.flush()
        else if (one === "propose") bench.propose("x")
        else bench.step({ type: "resumed" })
        expect(bench.status.applied).toBeGreaterThanOrEqual(applied)
        expect(bench.status.commit).toBeGreaterThanOrEqual(bench.status.applied)
        applied = bench.status.applied
      }
    }),
    { seed: 5, numRuns: 500 },
  )
})
