// Raft's properties from outside: the witness complains of each kind of lie, and of nothing that is right.

import { describe, expect, test } from "vitest"

import { genesis } from "../../src/core/raft/persisted.ts"
import type { AppendRequest, Entry, Write } from "../../src/core/raft/types.ts"
import { genesis as genesisState } from "../../src/core/refresh/fold.ts"
import { RaftWitness } from "../../src/testing/raft-witness.ts"
import { memoryDisk } from "../../src/testing/storage.ts"
import type { SimulatedMember } from "../../src/testing/world.ts"
import { encodeState } from "../../src/wire/entries.ts"

const IDS = ["a", "b", "c"]
const entry = (index: number, term: number, id = "x"): Entry => ({
  type: "app",
  index,
  term,
  id,
  data: new Uint8Array(),
})
const led = (term: number, commit: number): AppendRequest => ({
  type: "append",
  term,
  prevIndex: 0,
  prevTerm: 0,
  entries: [],
  commit,
})

/** Three members, and what the witness says of each write and message. */
function witnessed() {
  const disks = IDS.map(() => memoryDisk())
  const members = IDS.map((id, at) => ({ id, at, disk: disks[at] })) as unknown as SimulatedMember[]
  const storages = disks.map((disk) => disk.openStorage())
  for (const storage of storages)
    storage.bootstrap(genesis({ voters: IDS, learners: [] }, new Uint8Array()))
  const witness = new RaftWitness(members)
  let seq = 0
  return {
    write: (at: number, write: Omit<Write, "seq">): string | null => {
      seq += 1
      storages[at]?.commit({ seq, ...write })
      return witness.wrote(members[at]!, { seq, ...write })
    },
    leads: (at: number, term: number, commit: number): string | null =>
      witness.message(members[at]!, members[(at + 1) % 3]!, led(term, commit)),
    grants: (at: number, to: number, term: number): string | null =>
      witness.message(members[at]!, members[to]!, {
        type: "vote-response",
        term,
        pre: false,
        granted: true,
      }),
  }
}

const hard = (term: number) => ({ term, votedFor: null })

describe("the witness of Raft", () => {
  test("is content with a log that a quorum holds", () => {
    const { write, leads } = witnessed()

    expect(write(0, { hard: hard(1), append: [entry(1, 1)] })).toBe(null)
    expect(write(1, { hard: hard(1), append: [entry(1, 1)] })).toBe(null)
    expect(leads(0, 1, 1)).toBe(null)
    expect(write(2, { hard: hard(1), append: [entry(1, 1)] })).toBe(null)
  })

  test("complains of two leaders in a term", () => {
    const { write, leads } = witnessed()
    for (const at of [0, 1]) write(at, { hard: hard(1) })

    expect(leads(0, 1, 0)).toBe(null)
    expect(leads(1, 1, 0)).toContain("both lead term 1")
  })

  test("complains of two entries in one place and term", () => {
    const { write } = witnessed()
    write(0, { hard: hard(1), append: [entry(1, 1)] })

    expect(write(1, { hard: hard(1), append: [entry(1, 1, "y")] })).toContain("log matching")
  })

  test("complains of a commit that no quorum holds", () => {
    const { write, leads } = witnessed()
    write(0, { hard: hard(1), append: [entry(1, 1)] })

    expect(leads(0, 1, 1)).toContain("only 1 of 3 voters")
  })

  test("complains of a leader without a committed entry, and of a member that cuts one", () => {
    const { write, leads } = witnessed()
    for (const at of [0, 1]) write(at, { hard: hard(1), append: [entry(1, 1)] })
    leads(0, 1, 1)
    write(2, { hard: hard(2) })

    expect(leads(2, 2, 0)).toContain("leads 2 without 1/1 x")
    expect(write(1, { truncateFrom: 1 })).toContain("which is committed")
  })

  test("complains of a leader that cuts its own log", () => {
    const { write, leads } = witnessed()
    write(0, { hard: hard(1), append: [entry(1, 1)] })
    leads(0, 1, 0)

    expect(write(0, { truncateFrom: 1 })).toContain("cuts its log")
  })

  test("complains of a vote that is not on the disk", () => {
    const { write, grants } = witnessed()
    write(0, { hard: { term: 1, votedFor: "b" } })

    expect(grants(0, 1, 1)).toBe(null)
    expect(() => grants(0, 2, 1)).toThrow("votes for b and c")
  })

  test("complains of two states after one entry", () => {
    const { write } = witnessed()
    const config = { voters: IDS, learners: [] }
    const state = genesisState("5eed".repeat(8), [])
    const said = [state, { ...state, failures: 1 }].map((one, at) => {
      write(at, { hard: hard(1), append: [entry(1, 1)] })
      const value = { index: 1, term: 1, config, data: encodeState(one) }
      return write(at, { snapshot: { value, keepTail: true } })
    })

    expect(said[0]).toBe(null)
    expect(said[1]).toContain("another state after entry 1")
  })
})
