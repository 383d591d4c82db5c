// The disk in memory: what a simulator may rely on when it breaks it.

import { expect, test } from "vitest"

import { genesis } from "../../src/core/raft/persisted.ts"
import type { Write } from "../../src/core/raft/types.ts"
import { type DiskOperation, framesOf, recovered } from "../../src/testing/disk.ts"
import { type DiskFault, memoryDisk } from "../../src/testing/storage.ts"
import { thrownBy } from "../../src/testing/suites/runner.ts"

const GENESIS = genesis({ voters: ["a"], learners: [] }, new Uint8Array(0))
const VOTE: Write = { seq: 1, hard: { term: 1, votedFor: "a" } }
const KEY = { epoch: 1, generation: 1, parent: "p", turn: 1, attempt: 1 }

function bootedDisk() {
  const disk = memoryDisk()
  const storage = disk.openStorage()
  storage.bootstrap(GENESIS)
  return { disk, storage }
}

const FAULTS: readonly (readonly [string, DiskFault, string, number])[] = [
  ["EIO after the bytes arrived", { type: "io-error", written: true }, "STORE_UNUSABLE", 1],
  ["EIO before the bytes arrived", { type: "io-error", written: false }, "STORE_UNUSABLE", 0],
  ["a full disk", { type: "disk-full" }, "STORE_UNUSABLE", 0],
  ["a crash after the write", { type: "crash", written: true }, "SimulatedCrash", 1],
  ["a crash before the write", { type: "crash", written: false }, "SimulatedCrash", 0],
  ["a crash in the middle of the write", { type: "torn", share: 0.9 }, "SimulatedCrash", 0],
  ["a crash behind the last byte", { type: "torn", share: 1 }, "SimulatedCrash", 1],
  ["a crash between write and sync", { type: "unsynced" }, "SimulatedCrash", 1],
]

test.each(FAULTS)("%s stops the storage, and the next one finds what arrived", (...row) => {
  const [, fault, code, term] = row
  const { disk, storage } = bootedDisk()
  disk.plan(1, fault)

  expect(thrownBy(() => storage.commit(VOTE))).toBe(code)
  expect(thrownBy(() => storage.load())).toBe(code)
  expect(thrownBy(() => storage.commit(VOTE))).toBe(code)

  expect(disk.openStorage().load()?.hard.term).toBe(term)
})

test.each(FAULTS)("%s stops the journal, and the next one finds what arrived", (...row) => {
  const [, fault, code, arrived] = row
  const disk = memoryDisk()
  const journal = disk.openJournal()
  disk.plan(1, fault)

  expect(thrownBy(() => journal.claim(KEY))).toBe(code)
  expect(thrownBy(() => journal.read(KEY))).toBe(code)

  expect(disk.openJournal().read(KEY).type).toBe(arrived === 1 ? "sending" : "none")
})

test("a fault strikes the operation it is planned for, and only the process that does it", () => {
  const { disk, storage } = bootedDisk()
  const journal = disk.openJournal()
  disk.plan(3, { type: "crash", written: false })

  storage.commit(VOTE)
  journal.claim(KEY)
  expect(thrownBy(() => storage.writeBlob("view", Uint8Array.of(1)))).toBe("SimulatedCrash")

  journal.answer(KEY, Uint8Array.of(2))
  expect(disk.openJournal().answered()).toHaveLength(1)
})

test("only writing operations count, and refused ones do not", () => {
  const { disk, storage } = bootedDisk()
  const before = disk.operations()

  storage.load()
  storage.readBlob("view")
  thrownBy(() => storage.bootstrap(GENESIS))
  thrownBy(() => storage.commit({ seq: 1, truncateFrom: 0 }))
  expect(disk.operations()).toBe(before)

  storage.commit(VOTE)
  expect(disk.operations()).toBe(before + 1)
})

test("a crash of the machine ends every handle and loses nothing that was acknowledged", () => {
  const { disk, storage } = bootedDisk()
  const journal = disk.openJournal()
  storage.commit(VOTE)
  journal.claim(KEY)

  disk.crash()

  expect(thrownBy(() => storage.load())).toBe("SimulatedCrash")
  expect(thrownBy(() => journal.read(KEY))).toBe("SimulatedCrash")
  expect(disk.openStorage().load()?.hard).toEqual(VOTE.hard)
  expect(disk.openJournal().read(KEY)).toEqual({ type: "sending" })
})

test("a restored image brings the past back and ends every handle", () => {
  const { disk, storage } = bootedDisk()
  const image = disk.image()
  storage.commit(VOTE)
  storage.writeBlob("view", Uint8Array.of(1))
  disk.openJournal().claim(KEY)

  disk.restore(image)

  expect(thrownBy(() => storage.load())).toBe("SimulatedCrash")
  const restored = disk.openStorage()
  expect(restored.load()).toEqual(GENESIS)
  expect(restored.readBlob("view")).toBe(null)
  expect(disk.openJournal().read(KEY)).toEqual({ type: "none" })
  restored.commit(VOTE)
  disk.restore(image)
  expect(disk.openStorage().load()).toEqual(GENESIS)
})

test("what was written and not synced dies with the machine, unless a later process synced it", () => {
  const survivors = [false, true].map((opened) => {
    const { disk, storage } = bootedDisk()
    disk.plan(1, { type: "unsynced" })
    thrownBy(() => storage.commit(VOTE))
    const found = opened ? disk.openStorage().load()?.hard.term : null
    disk.crash()
    return [found, disk.openStorage().load()?.hard.term]
  })

  expect(survivors).toEqual([
    [null, 0],
    [1, 1],
  ])
})

test("a full disk refuses every write until there is room, and loses nothing", () => {
  const { disk, storage } = bootedDisk()
  disk.fill(true)

  expect(thrownBy(() => storage.commit(VOTE))).toBe("STORE_UNUSABLE")
  expect(thrownBy(() => disk.openJournal().claim(KEY))).toBe("STORE_UNUSABLE")
  disk.fill(false)

  const next = disk.openStorage()
  expect(next.load()).toEqual(GENESIS)
  next.commit(VOTE)
  expect(disk.durable().persisted?.hard).toEqual(VOTE.hard)
})

test("planned faults can be taken back", () => {
  const { disk, storage } = bootedDisk()
  disk.plan(1, { type: "disk-full" })
  disk.unplan()

  expect(() => storage.commit(VOTE)).not.toThrow()
})

test("recovery takes a commit whole or not at all, wherever it was torn", () => {
  const operation: DiskOperation = {
    type: "commit",
    write: {
      seq: 1,
      hard: { term: 1, votedFor: "a" },
      append: [{ type: "app", index: 1, term: 1, id: "x", data: new Uint8Array(300).fill(7) }],
    },
  }
  const bytes = framesOf(operation)

  for (let length = 0; length < bytes.length; length += 1)
    expect(recovered(bytes.subarray(0, length)), `${length} bytes`).toBe(null)
  expect(recovered(bytes)).toEqual(operation)
})

test("recovery notices any byte of a commit that changed", () => {
  const bytes = framesOf({ type: "row", row: { key: KEY, record: { type: "sending" } } })

  const accepted = [...bytes.keys()].filter((at) => {
    const damaged = bytes.map((byte, index) => (index === at ? byte ^ 1 : byte))
    return recovered(damaged) !== null
  })

  expect(accepted).toEqual([])
})
