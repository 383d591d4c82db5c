/**
 * The courier's journal on a disk in memory. Decides what a row becomes, like `storage/sqlite-journal.ts` and held to
 * it by one suite; leaves faults and crashes to the disk.
 */

import { invariant } from "../core/base/assert.ts"
import { QuorateError } from "../core/base/errors.ts"
import type { AttemptKey, AttemptRecord } from "../core/refresh/types.ts"
import type { Journal } from "../ports/journal.ts"
import type { DiskImage, DiskPort, Handle } from "./storage.ts"

/** One row. `settled`: its pair is in the log, the exchange is gone. */
export interface MemoryAttempt {
  readonly key: AttemptKey
  readonly record: AttemptRecord | { readonly type: "settled" }
}

/** A journal on `disk`. Tombstones stay: a simulation never lives longer than they must. */
export function memoryJournalOn(disk: DiskPort, handle: Handle): Journal {
  const rowOf = (key: AttemptKey): MemoryAttempt | undefined =>
    disk.content.attempts.get(nameOf(key))
  const rows = (): readonly MemoryAttempt[] => [...disk.content.attempts.values()]
  const put = writer(disk, handle)
  return {
    intend: (parent) => {
      const intents = new Set(disk.content.intents).add(parent)
      put({ intents })
    },
    intends: (parent) => {
      disk.check(handle)
      return disk.content.intents.has(parent)
    },
    sends: (parent) => {
      disk.check(handle)
      return rows().filter((row) => row.key.parent === parent && row.record.type !== "void").length
    },
    read: (key) => {
      disk.check(handle)
      const record = rowOf(key)?.record ?? { type: "none" }
      // A tombstone of a spent token whose exchange is gone: to whoever still asks, bytes may have left.
      return record.type === "settled" ? { type: "sending" } : structuredClone(record)
    },
    latest: (turn) => {
      disk.check(handle)
      const first = { ...turn, attempt: 1 }
      const mine = rows().filter((row) => isOrFollows(row.key, first))
      return Math.max(0, ...mine.map(({ key }) => key.attempt))
    },
    claim: (key) => {
      disk.check(handle)
      return (
        !rows().some((row) => isOrFollows(row.key, key)) && put(made(disk.content, key, "sending"))
      )
    },
    answer: (key, sealed) => {
      disk.check(handle)
      const phase = rowOf(key)?.record.type
      // Already settled: the pair went ahead and is in the log; keeping it again would help nobody.
      if (phase === "settled") return
      invariant(phase === "sending", "an answer to an attempt that was not claimed")
      put(withRow(disk.content, key, { type: "answered", sealed: sealed.slice() }))
    },
    void: (key) => {
      disk.check(handle)
      return rowOf(key) === undefined && put(made(disk.content, key, "void"))
    },
    answered: () => {
      disk.check(handle)
      return rows()
        .flatMap(({ key, record }) =>
          record.type === "answered" ? [{ key: { ...key }, sealed: record.sealed.slice() }] : [],
        )
        .sort((a, b) => compare(a.key, b.key))
    },
    settle: (key) => {
      disk.check(handle)
      const phase = rowOf(key)?.record.type
      if (phase !== undefined && phase !== "void")
        put(withRow(disk.content, key, { type: "settled" }))
    },
    close: () => {
      handle.failure ??= new QuorateError("CLOSED", "usage", "the journal is closed")
    },
  }
}

type Change = Partial<Pick<DiskImage, "attempts" | "intents">>

/** Writes a change, if the disk lets it. */
function writer(disk: DiskPort, handle: Handle): (change: Change) => true {
  return (change) => {
    disk.check(handle)
    disk.operate(handle, () => {
      disk.content = { ...disk.content, ...change }
    })
    return true
  }
}

function withRow(image: DiskImage, key: AttemptKey, record: MemoryAttempt["record"]): Change {
  return { attempts: new Map(image.attempts).set(nameOf(key), { key: { ...key }, record }) }
}

/** A new row uses the intent up. */
function made(image: DiskImage, key: AttemptKey, type: "sending" | "void"): Change {
  const intents = new Set(image.intents)
  intents.delete(key.parent)
  return { ...withRow(image, key, { type }), intents }
}

/** True when `row` is the attempt itself or a later one of its turn. */
function isOrFollows(row: AttemptKey, key: AttemptKey): boolean {
  const sameToken =
    row.epoch === key.epoch && row.generation === key.generation && row.parent === key.parent
  return sameToken && row.turn === key.turn && row.attempt >= key.attempt
}

function compare(a: AttemptKey, b: AttemptKey): number {
  return (
    a.epoch - b.epoch || a.generation - b.generation || a.turn - b.turn || a.attempt - b.attempt
  )
}

function nameOf(key: AttemptKey): string {
  return `${key.epoch}/${key.generation}/${key.parent}/${key.turn}/${key.attempt}`
}
