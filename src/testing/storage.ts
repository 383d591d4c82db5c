/**
 * A member's disk in memory, for simulations and for the tests of embedders. Decides what survives which fault; leaves
 * the schedule of faults to the caller. Deterministic: no clock, no chance, no real disk.
 *
 * Every operation is durable when it returns, unless a fault says otherwise.
 */

import { QuorateError } from "../core/base/errors.ts"
import type { Journal } from "../ports/journal.ts"
import type { Storage } from "../ports/storage.ts"
import { type DiskImage, type DiskOperation, EMPTY, framesOf, perform, recovered } from "./disk.ts"
import { memoryJournalOn } from "./journal.ts"

/** What happens at one operation of a {@link MemoryDisk}. */
export type DiskFault =
  /** The disk answers EIO. `written` says whether the bytes arrived all the same: after a failed fsync nobody knows. */
  | { readonly type: "io-error"; readonly written: boolean }
  /** Nothing is written, and the caller is told. */
  | { readonly type: "disk-full" }
  /** The process dies at this operation; `written`: after it, else before it. Throws {@link SimulatedCrash}. */
  | { readonly type: "crash"; readonly written: boolean }
  /** The process dies while its bytes go out: this share of them, from 0 to 1, is on the disk. */
  | { readonly type: "torn"; readonly share: number }
  /**
   * The process dies between write and sync. The next process finds the bytes; if the machine dies before it synced
   * anything, they are gone.
   */
  | { readonly type: "unsynced" }

/** The process died here: whoever catches it is a simulator, which throws the member away and opens the disk again. */
export class SimulatedCrash extends Error {
  override readonly name: string = "SimulatedCrash"
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
  /** Forgets what is planned. */
  unplan(): void
  /** While full, every writing operation fails and the caller is told. */
  fill(full: boolean): void
  /**
   * The machine dies: every open storage and journal throws {@link SimulatedCrash} from now on. Only what was never
   * synced is lost.
   */
  crash(): void
  /** What a process reads, synced or not. Not a copy: for reading only. */
  readonly content: DiskImage
  /** What a machine that dies now leaves behind. Not a copy: for reading only. */
  durable(): DiskImage
  /** A copy of all that is durable, as good as a backup. */
  image(): DiskImage
  /** Puts an older image back, as a restored backup does. Open handles die as in a crash. */
  restore(image: DiskImage): void
}

/** The two files of a disk: `state.db` and the journal beside it. */
type File = "storage" | "journal"

/** One open storage or journal: alive until a crash, a failure or its closing. */
export interface Handle {
  readonly file: File
  readonly life: number
  failure: Error | null
}

/** What a handle asks of its disk. */
export interface DiskPort {
  /** What a process reads. */
  readonly content: DiskImage
  /** Performs one operation, or the fault that is planned for it. */
  operate(handle: Handle, operation: DiskOperation): void
  /** Throws when the handle's process is dead or its disk failed. */
  check(handle: Handle): void
}

/** An empty disk. */
export function memoryDisk(): MemoryDisk {
  return new Disk()
}

/** A storage on a disk of its own, or the next host's on `disk`. */
export function memoryStorage(disk: MemoryDisk = memoryDisk()): Storage {
  return disk.openStorage()
}

/** A journal on a disk of its own, or on `disk`. */
export function memoryJournal(disk: MemoryDisk = memoryDisk()): Journal {
  return disk.openJournal()
}

class Disk implements MemoryDisk, DiskPort {
  content: DiskImage = EMPTY
  #synced: DiskImage = EMPTY
  readonly #plans = new Map<number, DiskFault>()
  /** Behind the last whole commit of each file: what a torn one left. */
  readonly #tails = new Map<File, Uint8Array>()
  #life = 0
  #operations = 0
  #fence = 0
  #full = false

  openStorage(): Storage {
    this.#recover("storage")
    // Whoever opens the state writes its fence, which syncs what an earlier process left unsynced.
    this.#sync("storage")
    this.#fence += 1
    const own = this.#fence
    const handle: Handle = { file: "storage", life: this.#life, failure: null }
    return storageOn(this, handle, () => this.#fence === own)
  }

  openJournal(): Journal {
    this.#recover("journal")
    return memoryJournalOn(this, { file: "journal", life: this.#life, failure: null })
  }

  operations(): number {
    return this.#operations
  }

  plan(nth: number, fault: DiskFault): void {
    this.#plans.set(this.#operations + nth, fault)
  }

  unplan(): void {
    this.#plans.clear()
  }

  fill(full: boolean): void {
    this.#full = full
  }

  crash(): void {
    this.#life += 1
    this.content = this.#synced
  }

  durable(): DiskImage {
    return this.#synced
  }

  image(): DiskImage {
    return structuredClone(this.#synced)
  }

  restore(image: DiskImage): void {
    this.#life += 1
    this.#tails.clear()
    this.content = this.#synced = structuredClone(image)
  }

  check(handle: Handle): void {
    if (handle.life !== this.#life) throw new SimulatedCrash("the machine died")
    if (handle.failure !== null) throw handle.failure
  }

  operate(handle: Handle, operation: DiskOperation): void {
    this.check(handle)
    // Checked before the fault strikes: a refused write is no operation of the disk.
    const next = perform(this.content, operation)
    this.#operations += 1
    const fault: DiskFault | undefined = this.#full
      ? { type: "disk-full" }
      : this.#plans.get(this.#operations)
    this.#plans.delete(this.#operations)
    if (fault === undefined || ("written" in fault && fault.written)) {
      this.content = next
      this.#sync(handle.file)
    }
    if (fault === undefined) return
    if (fault.type === "unsynced") this.content = next
    if (fault.type === "torn") {
      const frames = framesOf(operation)
      this.#tails.set(handle.file, frames.slice(0, Math.floor(frames.length * fault.share)))
    }
    handle.failure = failureOf(fault)
    throw handle.failure
  }

  /** Everything written to the file so far reaches the platter, over whatever a torn commit left there. */
  #sync(file: File): void {
    this.#tails.delete(file)
    const { persisted, blobs, attempts, intents } = this.content
    this.#synced =
      file === "storage"
        ? { ...this.#synced, persisted, blobs }
        : { ...this.#synced, attempts, intents }
  }

  #recover(file: File): void {
    const tail = this.#tails.get(file)
    this.#tails.delete(file)
    const operation = tail === undefined ? null : recovered(tail)
    if (operation === null) return
    this.content = perform(this.content, operation)
    this.#sync(file)
  }
}

function failureOf(fault: DiskFault): Error {
  switch (fault.type) {
    case "crash":
    case "torn":
    case "unsynced":
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
  const operate = (operation: DiskOperation): void => {
    disk.check(handle)
    if (!isNewest()) {
      handle.failure = new QuorateError("STORE_FENCED", "store", "a newer host took the disk over")
      throw handle.failure
    }
    disk.operate(handle, operation)
  }
  return {
    load: () => {
      disk.check(handle)
      return structuredClone(disk.content.persisted)
    },
    bootstrap: (persisted) => operate({ type: "bootstrap", persisted }),
    commit: (write) => operate({ type: "commit", write }),
    readBlob: (name) => {
      disk.check(handle)
      return disk.content.blobs.get(name)?.slice() ?? null
    },
    writeBlob: (name, bytes) => operate({ type: "blob", name, bytes }),
    close: () => {
      handle.failure ??= new QuorateError("CLOSED", "usage", "the storage is closed")
    },
  }
}
