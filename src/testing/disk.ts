/**
 * What a disk in memory holds, and how it changes: whole operations only, each a commit of checksummed frames as in a
 * write-ahead log. Decides what recovery makes of a commit that was cut off; which fault strikes when is `storage.ts`.
 */

import { deserialize, serialize } from "node:v8"
import { crc32 } from "node:zlib"

import { invariant } from "../core/base/assert.ts"
import { QuorateError } from "../core/base/errors.ts"
import { applyWrite, lastIndexOf, termOf } from "../core/raft/persisted.ts"
import type { Persisted, Write } from "../core/raft/types.ts"
import type { AttemptKey, AttemptRecord } from "../core/refresh/types.ts"
import type { BlobName } from "../ports/storage.ts"
import { checkPersisted, checkWrite } from "../storage/check.ts"

/** One row of the courier's journal. `settled`: its pair is in the log, the exchange is gone. */
export interface MemoryAttempt {
  readonly key: AttemptKey
  readonly record: AttemptRecord | { readonly type: "settled" }
}

/** Everything on a disk at one moment; replaced as a whole, never changed in place. */
export interface DiskImage {
  readonly persisted: Persisted | null
  readonly blobs: ReadonlyMap<BlobName, Uint8Array>
  readonly attempts: ReadonlyMap<string, MemoryAttempt>
  /** Tokens for which a turn was about to be asked for, with the names of the proposals. */
  readonly intents: ReadonlyMap<string, readonly string[]>
}

/** One atomic step of the disk. */
export type DiskOperation =
  | { readonly type: "bootstrap"; readonly persisted: Persisted }
  | { readonly type: "commit"; readonly write: Write }
  | { readonly type: "blob"; readonly name: BlobName; readonly bytes: Uint8Array }
  | { readonly type: "row"; readonly row: MemoryAttempt }
  | { readonly type: "intent"; readonly parent: string; readonly proposal: string }

export const EMPTY: DiskImage = {
  persisted: null,
  blobs: new Map(),
  attempts: new Map(),
  intents: new Map(),
}

/** Bytes of payload in one frame: small, so that a torn commit usually has whole frames in it. */
const FRAME_BYTES = 64
/** Length and checksum, and whether this frame ends its commit. */
const HEADER_BYTES = 9

/** How the journal names a row. */
export function nameOf(key: AttemptKey): string {
  return `${key.epoch}/${key.generation}/${key.parent}/${key.turn}/${key.attempt}`
}

/** The next content. Nothing of the operation is shared with the caller. @throws InvariantError when it does not fit. */
export function perform(content: DiskImage, operation: DiskOperation): DiskImage {
  switch (operation.type) {
    case "bootstrap":
      checkPersisted(operation.persisted)
      if (content.persisted !== null)
        throw new QuorateError("ALREADY_INITIALIZED", "usage", "the disk holds a member already")
      return { ...content, persisted: structuredClone(operation.persisted) }
    case "commit":
      return { ...content, persisted: written(content.persisted, operation.write) }
    case "blob": {
      const { name, bytes } = operation
      return { ...content, blobs: new Map(content.blobs).set(name, bytes.slice()) }
    }
    case "row": {
      const { key, record } = operation.row
      const row = { key: { ...key }, record: structuredClone(record) }
      const attempts = new Map(content.attempts).set(nameOf(key), row)
      // A new row uses the intent up.
      const isNew = !content.attempts.has(nameOf(key))
      const intents = new Map(content.intents)
      if (isNew) intents.delete(key.parent)
      return { ...content, attempts, intents }
    }
    case "intent": {
      const { parent, proposal } = operation
      const noted = [...(content.intents.get(parent) ?? []), proposal]
      return { ...content, intents: new Map(content.intents).set(parent, noted) }
    }
    default:
      return operation satisfies never
  }
}

function written(before: Persisted | null, write: Write): Persisted {
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

/** The commit as bytes. */
export function framesOf(operation: DiskOperation): Uint8Array {
  const payload = serialize(operation)
  const frames: Uint8Array[] = []
  for (let at = 0; at < payload.length; at += FRAME_BYTES) {
    const part = payload.subarray(at, at + FRAME_BYTES)
    const header = Buffer.alloc(HEADER_BYTES)
    header.writeUInt32LE(part.length, 0)
    header.writeUInt8(at + FRAME_BYTES >= payload.length ? 1 : 0, 8)
    header.writeUInt32LE(crc32(part, crc32(header.subarray(8))), 4)
    frames.push(header, part)
  }
  return Buffer.concat(frames)
}

/** The operation whose commit `bytes` hold; null when the last frame is missing or any is damaged: then nothing of it counts. */
export function recovered(bytes: Uint8Array): DiskOperation | null {
  const view = Buffer.from(bytes)
  const parts: Uint8Array[] = []
  let at = 0
  while (at + HEADER_BYTES <= view.length) {
    const end = at + HEADER_BYTES + view.readUInt32LE(at)
    if (end > view.length) return null
    const part = view.subarray(at + HEADER_BYTES, end)
    if (crc32(part, crc32(view.subarray(at + 8, at + 9))) !== view.readUInt32LE(at + 4)) return null
    parts.push(part)
    if (view.readUInt8(at + 8) === 1) return deserialize(Buffer.concat(parts)) as DiskOperation
    at = end
  }
  return null
}
