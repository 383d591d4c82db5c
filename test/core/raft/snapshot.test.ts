// Raft §7 and dissertation §5: compaction, and catching up from a snapshot.
import { describe, expect, test } from "vitest"
import {
  ackOf,
  appendOf,
  Bench,
  configEntry,
  entry,
  Lab,
  log,
  members,
  refusalOf,
  snapshotAt,
} from "../../helpers/raft/lab.ts"

function follower(terms: readonly number[]): Bench {
  return new Bench({ terms, term: 4 })
}

/** A leader of term 1 with entries 2..=4 after its no-op, all committed and compacted up to 3. */
function compactedLeader(): Bench {
  const bench = new Bench({ config: "abc" })
  bench.lead()
  for (const id of ["x", "y", "z"]) bench.propose(id)
  bench.ack("b", 1)
  bench.ack("b", 4)
  bench.ack("b", 4)
  bench.step({ type: "compact", index: 3, data: new Uint8Array([3]) })
  bench.take()
  return bench
}

describe("§7 compaction", () => {
  test("puts the image in place of the log before it and keeps the tail", () => {
    const bench = compactedLeader()

    expect(bench.status).toMatchObject({ snapshotIndex: 3, lastIndex: 4, commit: 4 })
    expect(bench.disk.snapshot).toEqual(snapshotAt(3, 1))
    expect(bench.disk.entries).toMatchObject([{ index: 4, id: "z" }])
  })

  test("is one write that keeps the tail", () => {
    const bench = new Bench({ terms: [1, 1], term: 1 })
    bench.hear("b", appendOf(1, { prevIndex: 2, prevTerm: 1, commit: 1 }))
    bench.sync = false

    const effects = bench.step({ type: "compact", index: 1, data: new Uint8Array([1]) })

    expect(effects.write).toEqual({ seq: 1, snapshot: { value: snapshotAt(1, 1), keepTail: true } })
  })

  test("asked for again, or for less, does nothing", () => {
    const bench = compactedLeader()

    const effects = [3, 2, 0].map((index) =>
      bench.step({ type: "compact", index, data: new Uint8Array() }),
    )

    expect(effects.map(({ write }) => write)).toEqual([null, null, null])
  })

  test("carries the configuration as of its index, not the newest one", () => {
    const entries = [
      ...log([1]),
      configEntry(2, 1, "abcd"),
      ...log([1], 2),
      configEntry(4, 1, "abc"),
    ]
    const bench = new Bench({ entries, term: 1 })
    bench.hear("b", appendOf(1, { prevIndex: 4, prevTerm: 1, commit: 3 }))

    bench.step({ type: "compact", index: 3, data: new Uint8Array() })

    expect(bench.disk.snapshot.config).toEqual(members("abcd"))
    expect(bench.status.config).toEqual(members("abc"))
    bench.restart()
    expect(bench.status.config).toEqual(members("abc"))
  })

  test("waits at a joiner until it knows a configuration", () => {
    const bench = new Bench({ config: "" })
    bench.hear("b", appendOf(1, { entries: log([1, 1]), commit: 2 }))

    const effects = bench.step({ type: "compact", index: 2, data: new Uint8Array() })

    expect(effects.write).toBeNull()
  })
})

describe("§7 a leader with a laggard", () => {
  test("sends the snapshot when the entries are gone, and the rest when it arrived", () => {
    const bench = compactedLeader()

    const sent = bench.step({ type: "peer", id: "c", up: true }).send
    const waiting = bench.propose("more").send.filter(({ to }) => to === "c")
    const rest = bench.ack("c", 3)

    const message = { type: "snapshot", term: 1, snapshot: snapshotAt(3, 1) }
    expect(sent).toEqual([{ to: "c", message, after: 0 }])
    expect(waiting).toEqual([])
    expect(rest).toMatchObject([
      { prevIndex: 3, prevTerm: 1, entries: [{ id: "z" }, { id: "more" }] },
    ])
  })

  // etcd raft#110: not only the exact index ends the snapshot state.
  test("is content with an acknowledgement beyond the snapshot", () => {
    const bench = compactedLeader()
    bench.step({ type: "peer", id: "c", up: true })

    const rest = bench.ack("c", 4)

    expect(rest).toMatchObject([{ prevIndex: 4, entries: [], commit: 4 }])
  })

  test("waits while the laggard is silent, and says only that it lives", () => {
    const bench = compactedLeader()
    bench.step({ type: "peer", id: "c", up: true })
    bench.take()

    const beat = bench.wake().send.filter(({ to }) => to === "c")
    const stale = [
      ...bench.hear("c", refusalOf(1, 3, 0, 0)),
      ...bench.hear("c", refusalOf(1, 0, 0, 0)),
    ]

    expect(beat).toEqual([{ to: "c", message: appendOf(1), after: 0 }])
    expect(stale).toEqual([])
  })

  test("sends the snapshot again to a laggard that answers but has not got it", () => {
    const bench = compactedLeader()
    bench.step({ type: "peer", id: "c", up: true })
    bench.wake()
    bench.ack("c", 0)
    bench.take()

    const beat = bench.wake().send.filter(({ to }) => to === "c")

    expect(beat).toMatchObject([{ message: { type: "snapshot", snapshot: { index: 3 } } }])
  })

  test("sends the newer snapshot when the older one arrived too late to go on from", () => {
    const bench = compactedLeader()
    bench.step({ type: "peer", id: "c", up: true })
    bench.step({ type: "compact", index: 4, data: new Uint8Array([4]) })
    bench.take()

    const next = bench.ack("c", 3)

    expect(next).toMatchObject([{ type: "snapshot", snapshot: { index: 4 } }])
  })

  test("brings a node back that slept through compaction", () => {
    const lab = Lab.of("abc")
    lab.elect("a")
    lab.isolate("c")
    for (const id of ["x", "y", "z"]) {
      lab.at("a").propose(id)
      lab.settle()
    }
    lab.at("a").step({ type: "compact", index: 3, data: new Uint8Array([3]) })

    lab.recover()
    lab.pass(3000)

    expect(lab.at("c").restored).toEqual([snapshotAt(3, 1)])
    expect(lab.at("c").applied.at(-1)).toMatchObject({ index: 4, id: "z" })
    expect(lab.at("c").status).toMatchObject({ commit: 4, snapshotIndex: 3 })
  })
})

describe("§7 a follower with a snapshot", () => {
  test("puts a snapshot that does not fit in place of its whole log", () => {
    const bench = follower([1, 1, 2, 2, 2, 2])
    bench.sync = false
    const message = { type: "snapshot", term: 4, snapshot: snapshotAt(4, 3) } as const

    const effects = bench.step({ type: "message", from: "b", message })

    expect(effects.write?.snapshot).toEqual({ value: snapshotAt(4, 3), keepTail: false })
    expect(effects.send).toEqual([{ to: "b", message: ackOf(4, 4), after: 1 }])
    expect(bench.status).toMatchObject({ lastIndex: 4, snapshotIndex: 4, commit: 4 })
  })

  test("hands the snapshot out when it is durable, before any entry behind it", () => {
    const bench = follower([1])
    bench.sync = false
    bench.hear("b", { type: "snapshot", term: 4, snapshot: snapshotAt(4, 3) })
    bench.hear("b", appendOf(4, { prevIndex: 4, prevTerm: 3, entries: [entry(5, 4)], commit: 5 }))

    const early = [bench.status.applied, bench.restored.length]
    bench.flush(1)
    const restored = [bench.status.applied, bench.restored.length, bench.applied.length]
    bench.flush(1)

    expect(early).toEqual([0, 0])
    expect(restored).toEqual([4, 1, 0])
    expect(bench.applied).toEqual([entry(5, 4)])
  })

  test("does not count the old log's entries as saved in place of those behind the snapshot", () => {
    const bench = follower([1, 1, 1, 1, 1])
    bench.sync = false
    bench.hear("b", { type: "snapshot", term: 4, snapshot: snapshotAt(3, 3) })
    const entries = [entry(4, 4), entry(5, 4)]
    bench.hear("b", appendOf(4, { prevIndex: 3, prevTerm: 3, entries, commit: 5 }))

    bench.flush(1)
    const unsaved = bench.status.applied
    bench.flush()

    expect([unsaved, bench.status.applied]).toEqual([3, 5])
  })

  test("keeps its log, and its tail, when the snapshot's last entry is in it", () => {
    const bench = follower([1, 1, 2, 2])

    const effects = bench.step({
      type: "message",
      from: "b",
      message: { type: "snapshot", term: 4, snapshot: snapshotAt(3, 2) },
    })

    expect(effects.write).toBeNull()
    expect(effects.apply).toHaveLength(3)
    expect(bench.status).toMatchObject({ commit: 3, lastIndex: 4, snapshotIndex: 0 })
    expect(bench.restored).toEqual([])
  })

  test("ignores a snapshot that is not beyond its commit index", () => {
    const bench = follower([1, 1])
    bench.hear("b", appendOf(4, { prevIndex: 2, prevTerm: 1, commit: 2 }))

    const answers = [1, 2].flatMap((index) =>
      bench.hear("b", { type: "snapshot", term: 4, snapshot: snapshotAt(index, 1) }),
    )
    // A liar's: another term where the commit index is.
    answers.push(...bench.hear("b", { type: "snapshot", term: 4, snapshot: snapshotAt(2, 3) }))

    expect(answers).toEqual([ackOf(4, 2), ackOf(4, 2), ackOf(4, 2)])
    expect(bench.status.snapshotIndex).toBe(0)
  })

  test("takes its sender for the leader, as with an append (figure 13, step 1)", () => {
    const bench = follower([1])
    bench.timeOut()

    bench.hear("b", { type: "snapshot", term: 4, snapshot: snapshotAt(4, 3) })

    expect(bench.status).toMatchObject({ role: "follower", leader: "b", leaderSeenAt: bench.now })
  })

  test("takes the configuration of the snapshot, also one that lacks it", () => {
    const bench = follower([1])

    const effects = bench.step({
      type: "message",
      from: "b",
      message: { type: "snapshot", term: 4, snapshot: snapshotAt(4, 3, "bcd") },
    })

    expect(effects.events).toContainEqual({ type: "config", config: members("bcd"), index: 4 })
    expect(bench.nextWakeAt).toBeNull()
  })

  test("answers a snapshot of an old term with its own", () => {
    const bench = follower([1])

    const answers = bench.hear("b", { type: "snapshot", term: 3, snapshot: snapshotAt(9, 3) })

    expect(answers).toEqual([refusalOf(4, 9, 0, 0)])
    expect(bench.status.snapshotIndex).toBe(0)
  })

  test("does not mistake a write from before the snapshot for the snapshot", () => {
    const bench = follower([])
    bench.sync = false
    bench.hear("b", appendOf(4, { entries: log([1, 1, 1, 1, 1, 1]) }))
    bench.hear("b", { type: "snapshot", term: 4, snapshot: snapshotAt(4, 3) })

    bench.flush(1)
    const early = bench.status.applied
    bench.flush(1)

    expect(early).toBe(0)
    expect(bench.status.applied).toBe(4)
  })
})
