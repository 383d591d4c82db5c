/**
 * The courier's journal on a disk in memory. Decides what a row becomes, like `storage/sqlite-journal.ts` and held to
 * it by one suite; leaves faults and crashes to the disk.
 */

import { invariant } from "../core/base/assert.ts"
import { QuorateError } from "../core/base/errors.ts"
import type { AttemptKey, TokenKey } from "../core/refresh/types.ts"
import type { Journal } from "../ports/journal.ts"
import { type MemoryAttempt, nameOf } from "./disk.ts"
import type { DiskPort, Handle } from "./storage.ts"

/** A journal on `disk`. Tombstones stay: a simulation never lives longer than they must. */
export function memoryJournalOn(disk: DiskPort, handle: Handle): Journal {
  const rowOf = (key: AttemptKey): MemoryAttempt | undefined =>
    disk.content.attempts.get(nameOf(key))
  const rows = (): readonly MemoryAttempt[] => [...disk.content.attempts.values()]
  const put = (key: AttemptKey, record: MemoryAttempt["record"]): true => {
    disk.operate(handle, { type: "row", row: { key, record } })
    return true
  }
  return {
    intend: (parent, proposal) => disk.operate(handle, { type: "intent", parent, proposal }),
    intends: (parent, proposal) => {
      disk.check(handle)
      return disk.content.intents.get(parent)?.includes(proposal) === true
    },
    sends: (token) => {
      disk.check(handle)
      return rows().filter(({ key, record }) => isOf(key, token) && record.type !== "void").length
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
      return !rows().some((row) => isOrFollows(row.key, key)) && put(key, { type: "sending" })
    },
    answer: (key, sealed) => {
      disk.check(handle)
      const phase = rowOf(key)?.record.type
      // Already settled: the pair went ahead and is in the log; keeping it again would help nobody.
      if (phase === "settled") return
      invariant(phase === "sending", "an answer to an attempt that was not claimed")
      put(key, { type: "answered", sealed })
    },
    void: (key) => {
      disk.check(handle)
      return rowOf(key) === undefined && put(key, { type: "void" })
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
      if (phase !== undefined && phase !== "void") put(key, { type: "settled" })
    },
    close: () => {
      handle.failure ??= new QuorateError("CLOSED", "usage", "the journal is closed")
    },
  }
}

function isOf(key: AttemptKey, { epoch, generation, parent }: TokenKey): boolean {
  return key.epoch === epoch && key.generation === generation && key.parent === parent
}

/** True when `row` is the attempt itself or a later one of its turn. */
function isOrFollows(row: AttemptKey, key: AttemptKey): boolean {
  return isOf(row, key) && row.turn === key.turn && row.attempt >= key.attempt
}

function compare(a: AttemptKey, b: AttemptKey): number {
  return (
    a.epoch - b.epoch || a.generation - b.generation || a.turn - b.turn || a.attempt - b.attempt
  )
}
