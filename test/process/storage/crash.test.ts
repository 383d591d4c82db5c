// The stores between real processes: what was acknowledged survives kill -9, and a failed write is told.

import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"

import { afterEach, beforeEach, expect, test } from "vitest"

import { sqliteJournal } from "../../../src/storage/sqlite-journal.ts"
import { sqliteStorage, sqliteView } from "../../../src/storage/sqlite.ts"
import { type Child, child, moduleUrl } from "../children.ts"

let directory: string
let path: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "quorate-store-"))
  path = join(directory, "state.db")
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

/** A host that appends one entry after the other, names each once it is durable, and compacts unless files are limited. */
function writer(fileBlocks?: number): Child {
  return child(
    `
    import { writeSync } from "node:fs"
    import { genesis } from ${moduleUrl("core/raft/persisted.ts")}
    import { sqliteStorage } from ${moduleUrl("storage/sqlite.ts")}
    const storage = sqliteStorage(${JSON.stringify(path)})
    const config = { voters: ["a"], learners: [] }
    if (storage.load() === null) storage.bootstrap(genesis(config, new Uint8Array(0)))
    const { snapshot, entries } = storage.load()
    let index = snapshot.index + entries.length
    const fail = (work) => { try { work(); return "none" } catch (error) { return error.code } }
    for (;;) {
      index += 1
      const append = [{ type: "app", index, term: 1, id: "p" + index, data: new Uint8Array(3000) }]
      try {
        storage.commit({ seq: index, hard: { term: 1, votedFor: "a" }, append })
      } catch (error) {
        const after = [fail(() => storage.load()), fail(() => storage.commit({ seq: 1 }))]
        writeSync(1, ["failed", error.code, ...after].join(" ") + "\\n")
        break
      }
      writeSync(1, index + "\\n")
      if (${fileBlocks === undefined} && index % 7 === 0) {
        const value = { index: index - 2, term: 1, config, data: new Uint8Array(0) }
        storage.commit({ seq: index, snapshot: { value, keepTail: true } })
        storage.writeBlob("view", Uint8Array.of(index % 256))
      }
    }`,
    fileBlocks,
  )
}

/** Index of the last entry on the disk, which must be readable. */
function lastIndex(): number {
  const storage = sqliteStorage(path)
  const state = storage.load()
  storage.close()
  return state === null ? 0 : state.snapshot.index + state.entries.length
}

test("every acknowledged write is there after kill -9, and at most one more", async () => {
  for (let round = 0; round < 5; round += 1) {
    const host = writer()
    const first = await host.line()
    await sleep(20 * round)
    host.process.kill("SIGKILL")
    const acknowledged = Number((await host.rest()).at(-1) ?? first)

    const found = lastIndex()

    expect(found).toBeGreaterThanOrEqual(acknowledged)
    expect(found).toBeLessThanOrEqual(acknowledged + 1)
  }
})

test("a killed host's newest blob is readable before anybody becomes host", async () => {
  const host = writer()
  for (let n = 0; n < 8; n += 1) await host.line()
  await host.kill()

  const seen = sqliteView(path).readBlob("view")

  const storage = sqliteStorage(path)
  expect(seen).not.toBe(null)
  expect(storage.readBlob("view")).toEqual(seen)
  storage.close()
})

test("a view reads while another process writes as fast as it can", async () => {
  const host = writer()
  for (let n = 0; n < 8; n += 1) await host.line()
  const view = sqliteView(path)

  const seen = Array.from({ length: 200 }, () => view.readBlob("view"))

  expect(seen).not.toContain(null)
  await host.kill()
})

// A real write error at COMMIT: the kernel refuses to let the WAL grow (EFBIG), as it refuses on a full or dying disk.
test("a write that the kernel refuses is told, stops the storage, and loses nothing", async () => {
  const host = writer(200)

  const lines = await host.rest()

  expect(lines.at(-1)).toBe("failed STORE_UNUSABLE STORE_UNUSABLE STORE_UNUSABLE")
  const acknowledged = Number(lines.at(-2))
  expect(acknowledged).toBeGreaterThan(0)
  expect(lastIndex()).toBe(acknowledged)
})

test("of many processes that claim one attempt at once exactly one may send", async () => {
  const file = JSON.stringify(join(directory, "courier.db"))
  const couriers = Array.from({ length: 5 }, () =>
    child(`
      import { sqliteJournal } from ${moduleUrl("storage/sqlite-journal.ts")}
      const journal = sqliteJournal(${file})
      console.log(journal.claim({ epoch: 1, generation: 1, parent: "p", turn: 1, attempt: 1 }))
    `),
  )

  const claims = await Promise.all(couriers.map((courier) => courier.line()))

  expect(claims.filter((claimed) => claimed === "true")).toHaveLength(1)
  expect(claims.filter((claimed) => claimed === "false")).toHaveLength(4)
  const journal = sqliteJournal(join(directory, "courier.db"))
  expect(journal.read({ epoch: 1, generation: 1, parent: "p", turn: 1, attempt: 1 })).toEqual({
    type: "sending",
  })
  journal.close()
})
