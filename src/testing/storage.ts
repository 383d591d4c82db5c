/**
 * A member's disk in memory, for simulations and for the tests of embedders. Decides what survives which fault; leaves
 * the schedule of faults to the caller. Deterministic: no clock, no chance, no real disk.
 *
 * Every operation is durable when it returns, unless a fault says otherwise.
 */

import { invariant } from "../core/base/assert.ts"
import { QuorateError } from "../core/base/errors.ts"
import { applyWrite, lastIndexOf, termOf } from "../core/raft/persisted.ts"
import type { Persisted, Write } from "../core/raft/types.ts"
import type { Journal } from "../ports/journal.ts"
import type { BlobName, Storage } from "../ports/storage.ts"
import { checkPersisted, checkWrite } from "../storage/check.ts"
import { type MemoryAttempt, memoryJournalOn } from "./journal.ts"

/** What happens at one operation of a {@link MemoryDisk}. */
export type DiskFault =
  /** The disk answers EIO. `written` says whether the bytes arrived all the same: after a failed fsync nobody knows. */
  | { readonly type: "io-error"; readonly written: boolean }
  /** Nothing is written, and the caller is told. */
  | { readonly type: "disk-full" }
  /** The process dies at this operation; `written`: after it, else before it. Throws {@link SimulatedCrash}. */
  | { readonly type: "crash"; readonly written: boolean }

/** The process died here: whoever catches it is a simulator, which throws the member away and opens the disk again. */
export class SimulatedCrash extends Error {
  override readonly name: string = "SimulatedCrash"
}

/** Everything on a disk at one moment; deeply copied, hence as good as a backup. */
export interface DiskImage {
  readonly persisted: Persisted | null
  readonly blobs: ReadonlyMap<BlobName, Uint8Array>
  readonly attempts: ReadonlyMap<string, MemoryAttempt>
  readonly intents: ReadonlySet<string>
}

/** A disk that outlives the processes that use it. */
export interface MemoryDisk {
  /** Opens the state as its host; every storage opened before is fenced off. */
  openStorage(): Storage
  /** Opens the courier's journal; several may be open. */
  openJournal(): Journal
  /** How many writing operations were begun so far, of storage and journal together. */
  operations(): number
  /** Lets the `nth` writing operation from now (1: the next) meet `fault`. Several may be planned. */
  plan(nth: number, fault: DiskFault): void
  /** The machine dies: every open storage and journal throws {@link SimulatedCrash} from now on. Nothing is lost. */
  crash(): void
  /** A copy of all that is durable. */
  image(): DiskImage
  /** Puts an older image back, as a restored backup does. Open handles die as in a crash. */
  restore(image: DiskImage): void
}

/** What a handle asks of its disk. */
export interface DiskPort {
  /** The durable state; replaced as a whole, never changed in place. */
  content: DiskImage
  /** Performs one operation, or the fault that is planned for it. */
  operate(handle: Handle, change: () => void): void
  /** Throws when the handle's process is dead or its disk failed. */
  check(handle: Handle): void
}

/** One open storage or journal: alive until a crash, a failure or its closing. */
export interface Handle {
  readonly life: number
  failure: Error | null
}

/** An empty disk. */
export function memoryDisk(): MemoryDisk {
  const plans = new Map<number, DiskFault>()
  let life = 0
  let operations = 0
  let fence = 0
  const disk: DiskPort = {
    content: { persisted: null, blobs: new Map(), attempts: new Map(), intents: new Set() },
    check: (handle) => {
      if (handle.life !== life) throw new SimulatedCrash("the machine died")
      if (handle.failure !== null) throw handle.failure
    },
    operate: (handle, change) => {
      disk.check(handle)
      operations += 1
      const fault = plans.get(operations)
      plans.delete(operations)
      if (fault === undefined || ("written" in fault && fault.written)) change()
      if (fault === undefined) return
      handle.failure = failureOf(fault)
      throw handle.failure
    },
  }
  return {
    openStorage: () => {
      fence += 1
      const own = fence
      return storageOn(disk, { life, failure: null }, () => fence === own)
    },
    openJournal: () => memoryJournalOn(disk, { life, failure: null }),
    operations: () => operations,
    plan: (nth, fault) => void plans.set(operations + nth, fault),
    crash: () => void (life += 1),
    image: () => structuredClone(disk.content),
    restore: (image) => {
      life += 1
      disk.content = structuredClone(image)
    },
  }
}

/** A storage on a disk of its own, or the next host's on `disk`. */
export function memoryStorage(disk: MemoryDisk = memoryDisk()): Storage {
  return disk.openStorage()
}

/** A journal on a disk of its own, or on `disk`. */
export function memoryJournal(disk: MemoryDisk = memoryDisk()): Journal {
  return disk.openJournal()
}

function failureOf(fault: DiskFault): Error {
  switch (fault.type) {
    case "crash":
      return new SimulatedCrash("the process died")
    case "io-error":
      return unusable("met an input/output error of the disk")
    case "disk-full":
      return unusable("does not fit on the disk any more")
    default:
      return fault satisfies never
  }
}

function unusable(what: string): QuorateError {
  return new QuorateError("STORE_UNUSABLE", "store", `the disk in memory ${what}`)
}

function storageOn(disk: DiskPort, handle: Handle, isNewest: () => boolean): Storage {
  const operate = (change: (content: DiskImage) => DiskImage): void => {
    disk.check(handle)
    if (!isNewest()) {
      handle.failure = new QuorateError("STORE_FENCED", "store", "a newer host took the disk over")
      throw handle.failure
    }
    // Checked and copied before the fault strikes: a refused write is no operation of the disk.
    const next = change(disk.content)
    disk.operate(handle, () => {
      disk.content = next
    })
  }
  return {
    load: () => {
      disk.check(handle)
      return structuredClone(disk.content.persisted)
    },
    bootstrap: (persisted) =>
      operate((content) => {
        checkPersisted(persisted)
        if (content.persisted !== null)
          throw new QuorateError("ALREADY_INITIALIZED", "usage", "the disk holds a member already")
        return { ...content, persisted: structuredClone(persisted) }
      }),
    commit: (write) =>
      operate((content) => ({ ...content, persisted: applied(content.persisted, write) })),
    readBlob: (name) => {
      disk.check(handle)
      return disk.content.blobs.get(name)?.slice() ?? null
    },
    writeBlob: (name, bytes) =>
      operate((content) => ({
        ...content,
        blobs: new Map(content.blobs).set(name, bytes.slice()),
      })),
    close: () => {
      handle.failure ??= new QuorateError("CLOSED", "usage", "the storage is closed")
    },
  }
}

/** The next state, in a copy that the caller cannot reach. @throws InvariantError when the write does not fit. */
function applied(before: Persisted | null, write: Write): Persisted {
  invariant(before !== null, "a write before the genesis")
  const log = {
    hard: before.hard,
    snapshot: before.snapshot,
    lastIndex: lastIndexOf(before),
    termAt: (index: number) => termOf(before, index) ?? -1,
  }
  checkWrite(log, write)
  return applyWrite(before, structuredClone(write))
}
