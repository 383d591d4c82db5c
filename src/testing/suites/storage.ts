/**
 * What every implementation of the port `Storage` must do. Decides nothing about how bytes are kept or which faults a
 * disk has; those are tested beside each implementation.
 */

import { seededRandom } from "../../core/base/random.ts"
import { applyWrite, genesis } from "../../core/raft/persisted.ts"
import type { Entry, Persisted, Write } from "../../core/raft/types.ts"
import type { Storage } from "../../ports/storage.ts"
import { type TestRunner, thrownBy } from "./runner.ts"
import { apps, randomWrite } from "./writes.ts"

/** One store under test. */
export interface StorageSubject {
  /** Opens the same store once more, as a next host would. */
  open(): Storage
  /** Closes and removes everything. */
  destroy(): void
}

const GENESIS: Persisted = genesis(
  { voters: ["a"], learners: ["b", "c"] },
  Uint8Array.of(7, 0, 255),
)

/** Registers the suite. `make` gives an empty store each time. */
export function storageSuite(runner: TestRunner, make: () => StorageSubject): void {
  const rule = (title: string, body: (open: () => Storage) => void): void =>
    runner.test(title, () => {
      const subject = make()
      try {
        body(() => subject.open())
      } finally {
        subject.destroy()
      }
    })
  const booted = (open: () => Storage): Storage => {
    const storage = open()
    storage.bootstrap(GENESIS)
    return storage
  }
  genesisRules(runner, rule, booted)
  writeRules(runner, rule, booted)
  modelRules(runner, rule, booted)
  refusalRules(runner, rule, booted)
  blobRules(runner, rule)
  fenceRules(runner, rule, booted)
}

type Rule = (title: string, body: (open: () => Storage) => void) => void
type Booted = (open: () => Storage) => Storage

function genesisRules({ expect }: TestRunner, rule: Rule, booted: Booted): void {
  rule("a new store holds no state", (open) => {
    expect(open().load()).toBe(null)
  })

  rule("the genesis is there after the store was opened again", (open) => {
    booted(open).close()

    expect(open().load()).toEqual(GENESIS)
  })

  rule("the genesis of a joiner names nobody", (open) => {
    const joiner = genesis({ voters: [], learners: [] }, new Uint8Array(0))
    open().bootstrap(joiner)

    expect(open().load()).toEqual(joiner)
  })

  rule("a second genesis is refused and changes nothing", (open) => {
    const storage = booted(open)

    const refused = thrownBy(() =>
      storage.bootstrap(genesis({ voters: ["z"], learners: [] }, Uint8Array.of(1))),
    )

    expect(refused).toBe("ALREADY_INITIALIZED")
    expect(storage.load()).toEqual(GENESIS)
  })

  rule("a write before the genesis is refused", (open) => {
    const storage = open()

    expect(thrownBy(() => storage.commit({ seq: 1 }))).toBe("InvariantError")
    expect(storage.load()).toBe(null)
  })
}

function writeRules({ expect }: TestRunner, rule: Rule, booted: Booted): void {
  rule("term and vote survive together", (open) => {
    booted(open).commit({ seq: 1, hard: { term: 3, votedFor: "b" } })

    expect(open().load()?.hard).toEqual({ term: 3, votedFor: "b" })
  })

  rule("entries of every kind survive as they were", (open) => {
    const append: Entry[] = [
      { type: "noop", index: 1, term: 1 },
      { type: "config", index: 2, term: 1, config: { voters: ["a", "b"], learners: ["ü", "字"] } },
      { type: "app", index: 3, term: 1, id: "", data: new Uint8Array(0) },
      { type: "app", index: 4, term: 1, id: "null\0'\"", data: new Uint8Array(70_000).fill(255) },
    ]
    booted(open).commit({ seq: 1, hard: { term: 1, votedFor: null }, append })

    expect(open().load()?.entries).toEqual(append)
  })

  rule("one write takes the snapshot first, then the truncation, the append, the vote", (open) => {
    const storage = booted(open)
    storage.commit({ seq: 1, hard: { term: 1, votedFor: "a" }, append: apps(1, 5, 1) })
    const value = { ...GENESIS.snapshot, index: 2, term: 1, data: Uint8Array.of(2) }

    storage.commit({
      seq: 2,
      snapshot: { value, keepTail: true },
      truncateFrom: 4,
      append: apps(4, 6, 2),
      hard: { term: 2, votedFor: "c" },
    })

    const expected = {
      hard: { term: 2, votedFor: "c" },
      snapshot: value,
      entries: [...apps(3, 3, 1), ...apps(4, 6, 2)],
    }
    expect(storage.load()).toEqual(expected)
    expect(open().load()).toEqual(expected)
  })

  rule("a snapshot without its tail drops the whole log", (open) => {
    const storage = booted(open)
    storage.commit({ seq: 1, hard: { term: 1, votedFor: null }, append: apps(1, 5, 1) })
    const value = { ...GENESIS.snapshot, index: 3, term: 1 }

    storage.commit({ seq: 2, snapshot: { value, keepTail: false } })

    expect(open().load()).toEqual({
      hard: { term: 1, votedFor: null },
      snapshot: value,
      entries: [],
    })
  })
}

function modelRules({ expect }: TestRunner, rule: Rule, booted: Booted): void {
  rule("any run of writes leaves what the pure core says it leaves", (open) => {
    for (let seed = 1; seed <= 5; seed += 1) {
      const random = seededRandom(seed)
      let storage = open()
      let expected = storage.load() ?? GENESIS
      if (storage.load() === null) storage.bootstrap(GENESIS)
      for (let seq = 1; seq <= 20; seq += 1) {
        const write = randomWrite(random, expected, seq)
        storage.commit(write)
        expected = applyWrite(expected, write)
        if (random() < 0.1) storage = open()
      }
      expect({ seed, state: storage.load() }).toEqual({ seed, state: expected })
    }
  })

  rule("what a caller changes later does not reach the store", (open) => {
    const storage = booted(open)
    const data = Uint8Array.of(1, 2, 3)
    const bytes = Uint8Array.of(4, 5)
    const append: Entry[] = [{ type: "app", index: 1, term: 1, id: "x", data }]
    storage.commit({ seq: 1, hard: { term: 1, votedFor: null }, append })
    storage.writeBlob("view", bytes)

    for (const shared of [data, bytes, storage.readBlob("view"), storage.load()?.snapshot.data])
      shared?.fill(9)
    append.pop()

    expect(storage.load()).toEqual({
      ...GENESIS,
      hard: { term: 1, votedFor: null },
      entries: [{ type: "app", index: 1, term: 1, id: "x", data: Uint8Array.of(1, 2, 3) }],
    })
    expect(storage.readBlob("view")).toEqual(Uint8Array.of(4, 5))
  })
}

function refusalRules({ expect }: TestRunner, rule: Rule, booted: Booted): void {
  const hard = { term: 2, votedFor: "a" }
  const refused: readonly (readonly [string, Write])[] = [
    ["a hole in the log", { seq: 2, append: apps(5, 5, 2) }],
    ["an entry that is there already", { seq: 2, append: apps(3, 3, 2) }],
    ["an entry of an older term than the last one", { seq: 2, append: apps(4, 4, 1) }],
    ["an entry of a term the node has not reached", { seq: 2, append: apps(4, 4, 3) }],
    ["a term that falls", { seq: 2, hard: { term: 1, votedFor: null } }],
    ["a second vote in a term", { seq: 2, hard: { term: 2, votedFor: "b" } }],
    ["a vote taken back", { seq: 2, hard: { term: 2, votedFor: null } }],
    ["a truncation of the snapshot", { seq: 2, truncateFrom: 1 }],
    ["an older snapshot", { seq: 2, snapshot: { value: GENESIS.snapshot, keepTail: true } }],
    [
      "a tail that does not follow its snapshot",
      {
        seq: 2,
        snapshot: { value: { ...GENESIS.snapshot, index: 9, term: 2 }, keepTail: true },
      },
    ],
    [
      "a configuration without voters",
      {
        seq: 2,
        append: [{ type: "config", index: 4, term: 2, config: { voters: [], learners: ["a"] } }],
      },
    ],
    [
      "a fraction where an index belongs",
      { seq: 2, append: [{ type: "noop", index: 4, term: 2.5 }] },
    ],
  ]
  for (const [what, write] of refused)
    rule(`a write is refused and changes nothing when it brings ${what}`, (open) => {
      const storage = booted(open)
      const value = { ...GENESIS.snapshot, index: 1, term: 2 }
      storage.commit({ seq: 1, hard, append: apps(1, 3, 2) })
      storage.commit({ seq: 2, snapshot: { value, keepTail: true } })

      expect(thrownBy(() => storage.commit(write))).toBe("InvariantError")

      const expected = { hard, snapshot: value, entries: apps(2, 3, 2) }
      expect(storage.load()).toEqual(expected)
      storage.commit({ seq: 3, append: apps(4, 4, 2) })
      expect(open().load()).toEqual({ ...expected, entries: apps(2, 4, 2) })
    })
}

function blobRules({ expect }: TestRunner, rule: Rule): void {
  rule("blobs are kept apart by name, replaced, and durable", (open) => {
    const storage = open()
    expect(storage.readBlob("identity")).toBe(null)

    storage.writeBlob("identity", Uint8Array.of(1))
    storage.writeBlob("view", Uint8Array.of(2))
    storage.writeBlob("view", new Uint8Array(0))

    const again = open()
    expect(again.readBlob("identity")).toEqual(Uint8Array.of(1))
    expect(again.readBlob("view")).toEqual(new Uint8Array(0))
    expect(again.readBlob("genesis")).toBe(null)
    expect(again.load()).toBe(null)
  })
}

function fenceRules({ expect }: TestRunner, rule: Rule, booted: Booted): void {
  rule("a newer host fences off the older one for good", (open) => {
    const older = booted(open)
    const newer = open()

    expect(thrownBy(() => older.commit({ seq: 1, hard: { term: 9, votedFor: "b" } }))).toBe(
      "STORE_FENCED",
    )
    expect(thrownBy(() => older.writeBlob("view", Uint8Array.of(1)))).toBe("STORE_FENCED")
    expect(thrownBy(() => older.load())).toBe("STORE_FENCED")

    newer.commit({ seq: 1, hard: { term: 1, votedFor: "a" } })
    older.close()
    expect(newer.load()?.hard).toEqual({ term: 1, votedFor: "a" })
    expect(newer.readBlob("view")).toBe(null)
  })

  rule("a closed storage refuses everything, and closing it again is harmless", (open) => {
    const storage = booted(open)
    storage.close()
    storage.close()

    expect(thrownBy(() => storage.load())).toBe("CLOSED")
    expect(thrownBy(() => storage.commit({ seq: 1 }))).toBe("CLOSED")
    expect(thrownBy(() => storage.writeBlob("view", Uint8Array.of(1)))).toBe("CLOSED")
  })
}
