// A checker that cries wolf is switched off: what Raft allows passes in silence.
import { describe, expect, test } from "vitest"
import type { Persisted } from "../../../src/core/raft/types.ts"
import { disk, led, view, world } from "../../helpers/raft/checked.ts"
import {
  ackOf,
  configEntry,
  entry,
  grantOf,
  log,
  refusalOf,
  snapshotAt,
  voteOf,
} from "../../helpers/raft/lab.ts"

/** `who` is elected in this term by its own vote and one more. */
function elected(
  { checker, disks }: ReturnType<typeof world>,
  who: string,
  by: string,
  memory: Persisted,
): void {
  const { term } = memory.hard
  disks.set(who, memory).set(by, disk(term, [], who))
  checker.released(who, by, voteOf(term))
  checker.released(by, who, grantOf(term))
}

describe("nothing is said of", () => {
  test.for<readonly [string, () => void]>([
    [
      "a granted pre-vote for a term far ahead, and a refusal of it",
      () => {
        const { checker } = world()

        checker.released("a", "b", grantOf(9, { pre: true }))
        checker.released("a", "b", grantOf(0, { pre: true, granted: false }))
      },
    ],
    [
      "pre-votes and refusals beside the one vote of a term",
      () => {
        const { checker } = world("abc", { b: disk(1, [], "b") })

        checker.released("b", "a", voteOf(1, { pre: true }))
        checker.released("b", "a", grantOf(1, { pre: true }))
        checker.released("b", "a", grantOf(1, { granted: false }))
        checker.released("b", "a", voteOf(1))
        checker.released("b", "c", voteOf(1))
      },
    ],
    [
      "a vote in each of two terms, and one that leaves late",
      () => {
        const { checker, disks } = world("abc", { b: disk(1, [], "a") })

        checker.released("b", "a", grantOf(1))
        disks.set("b", disk(2, [], "c"))
        checker.released("b", "c", grantOf(2))
        checker.released("b", "a", grantOf(1))
      },
    ],
    [
      "a refusal that names a place it does not hold, and an acknowledgement of an older term",
      () => {
        const { checker } = world("abc", { a: disk(2, log([1])) })

        checker.released("a", "b", refusalOf(2, 9, 9, 1))
        checker.released("a", "b", ackOf(1, 9))
        checker.observe(view("a", "follower", disk(2, [])))
      },
    ],
    [
      "a shorter log in a later term",
      () => {
        const { checker, disks } = world("abc", { a: disk(1, log([1, 1])) })
        checker.released("a", "b", ackOf(1, 2))
        disks.set("a", disk(2, log([1])))
        checker.released("a", "b", ackOf(2, 1))

        checker.observe(view("a", "follower", disk(2, log([1]))))
      },
    ],
    [
      "a restart that forgets how far the commit index was",
      () => {
        const { checker } = world()
        const memory = disk(1, log([1]))
        checker.observe(view("a", "follower", memory, { commit: 1, applied: 1 }))

        checker.observe({ ...view("a", "follower", memory), run: 2 })
        checker.observe({ ...view("a", "follower", memory, { commit: 1 }), run: 2 })
      },
    ],
    [
      "a follower that commits an old entry before others are known to hold it",
      () => {
        const { checker } = world()
        const memory = disk(2, log([1]))
        checker.observe(view("b", "follower", memory))

        checker.observe(view("b", "follower", memory, { commit: 1 }))
      },
    ],
    [
      "a leader that stays at a commit index of an older term",
      () => {
        const { checker, disks } = world()
        const memory = disk(2, log([1]), "a")
        disks.set("a", memory).set("b", disk(2, [], "a"))
        checker.released("a", "b", voteOf(2))
        checker.released("b", "a", grantOf(2))
        checker.observe(view("a", "follower", memory, { commit: 1 }))

        checker.observe(view("a", "leader", memory, { commit: 1 }))
        checker.observe(view("a", "leader", memory, { commit: 1 }))
      },
    ],
    [
      "a copy that lies under a snapshot, as its last entry or deeper",
      () => {
        for (const index of [1, 2]) {
          const { checker, disks, memory } = led()
          disks.set("b", { ...disk(1, []), snapshot: snapshotAt(index, 1) })

          checker.observe(view("a", "leader", memory, { commit: 1 }))
        }
      },
    ],
    [
      "a later leader that has what was committed, in its log or under its snapshot",
      () => {
        for (const late of [
          disk(2, log([1, 1]), "c"),
          { ...disk(2, log([1], 1), "c"), snapshot: snapshotAt(1, 1) },
          { ...disk(2, [], "c"), snapshot: snapshotAt(2, 1) },
        ]) {
          const cluster = led(log([1, 1]))
          const { checker, disks, memory } = cluster
          disks.set("a", memory).set("b", memory)
          checker.observe(view("a", "leader", memory, { commit: 2 }))

          elected(cluster, "c", "b", late)
          checker.observe(view("c", "leader", late, { commit: late.snapshot.index }))
        }
      },
    ],
    [
      "a change of the configuration after the one before is committed",
      () => {
        const { checker, disks, memory } = led([entry(1, 1), configEntry(2, 1, "abc+d")])
        disks.set("b", memory)
        checker.observe(view("a", "leader", memory, { commit: 2 }))

        const changed = disk(1, [...memory.entries, configEntry(3, 1, "abcd")], "a")
        checker.observe(view("a", "leader", changed, { commit: 2 }))
      },
    ],
    [
      "a leader that compacts",
      () => {
        const { checker, disks, memory } = led(log([1, 1]))
        disks.set("a", memory).set("b", memory)
        checker.observe(view("a", "leader", memory, { commit: 1 }))

        const compacted = {
          ...memory,
          snapshot: snapshotAt(1, 1),
          entries: memory.entries.slice(1),
        }
        checker.observe(view("a", "leader", compacted, { commit: 1 }))
      },
    ],
    [
      "a leader that came back with another log, in a later term",
      () => {
        const first = led(log([1, 1]))
        const later = disk(3, [...log([1]), entry(2, 2)], "a")

        elected(first, "a", "b", later)
        first.checker.observe(view("a", "leader", later))
      },
    ],
    [
      "a leader that lacks what a later one committed",
      () => {
        const old = led([])
        const later = disk(2, log([2]), "c")
        elected(old, "c", "b", later)
        old.disks.set("b", later)
        old.checker.observe(view("c", "leader", later))
        old.checker.observe(view("c", "leader", later, { commit: 1 }))

        old.checker.observe(view("a", "follower", old.memory))
        old.checker.observe(view("a", "leader", old.memory))
      },
    ],
  ])("%s", ([, happen]) => {
    expect(happen).not.toThrow()
  })

  test.for(["ab", "abcd", "abc+d", "ab+c"])("a step from abc to %s after a commit", (config) => {
    const { checker, disks, memory } = led()
    disks.set("b", memory)
    checker.observe(view("a", "leader", memory, { commit: 1 }))
    const changed = disk(1, [...memory.entries, configEntry(2, 1, config)], "a")
    const longer = disk(1, [...changed.entries, entry(3, 1)], "a")

    expect(() => {
      checker.observe(view("a", "leader", changed, { commit: 1 }))
      checker.observe(view("a", "leader", longer, { commit: 1 }))
    }).not.toThrow()
  })
})
