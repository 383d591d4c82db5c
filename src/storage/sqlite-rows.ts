/**
 * Rows of `state.db` to values and back. Decides the columns and the checksum that tells a rotten row from a sound
 * one; leaves tables and transactions to `sqlite.ts`. What a payload means is nobody's business here.
 */

import type { SQLInputValue, SQLOutputValue } from "node:sqlite"
import { crc32 } from "node:zlib"

import type { Config, Entry, HardState, NodeId, Snapshot } from "../core/raft/types.ts"
import { DamageError } from "./sqlite-errors.ts"

export type Row = Record<string, SQLOutputValue>

/** Columns of `hard` without the id. */
export function encodeHard(hard: HardState): SQLInputValue[] {
  return summed([hard.term, hard.votedFor])
}

/** @throws DamageError when the row contradicts its checksum. */
export function decodeHard(row: Row): HardState {
  const hard = { term: integerOf(row, "term"), votedFor: textOrNullOf(row, "voted_for") }
  verify(row, encodeHard(hard), "the vote")
  return hard
}

/** Columns of `snapshot` without the id. */
export function encodeSnapshot(snapshot: Snapshot): SQLInputValue[] {
  return summed([snapshot.index, snapshot.term, encodeConfig(snapshot.config), snapshot.data])
}

/** @throws DamageError when the row contradicts its checksum. */
export function decodeSnapshot(row: Row): Snapshot {
  const snapshot = {
    index: integerOf(row, "position"),
    term: integerOf(row, "term"),
    config: decodeConfig(row),
    data: bytesOf(row, "data"),
  }
  verify(row, encodeSnapshot(snapshot), "the snapshot")
  return snapshot
}

/** Columns of `log`. */
export function encodeEntry(entry: Entry): SQLInputValue[] {
  const { index, term, type } = entry
  switch (type) {
    case "noop":
      return summed([index, term, type, null, null, null])
    case "config":
      return summed([index, term, type, null, encodeConfig(entry.config), null])
    case "app":
      return summed([index, term, type, entry.id, null, entry.data])
    default:
      return type satisfies never
  }
}

/** @throws DamageError when the row contradicts its checksum. */
export function decodeEntry(row: Row): Entry {
  const index = integerOf(row, "position")
  const entry = entryOf(row, index, integerOf(row, "term"))
  verify(row, encodeEntry(entry), `entry ${index}`)
  return entry
}

function entryOf(row: Row, index: number, term: number): Entry {
  const type = textOf(row, "type")
  switch (type) {
    case "noop":
      return { type, index, term }
    case "config":
      return { type, index, term, config: decodeConfig(row) }
    case "app":
      return { type, index, term, id: textOf(row, "proposal"), data: bytesOf(row, "data") }
    default:
      throw new DamageError(`entry ${index} is of no known type`)
  }
}

/** An integer column. @throws DamageError when it holds something else. */
export function integerOf(row: Row, column: string): number {
  const value = row[column]
  if (typeof value !== "number") throw new DamageError(`${column} is missing`)
  return value
}

/** A blob column. @throws DamageError when it holds something else. */
export function bytesOf(row: Row, column: string): Uint8Array {
  const value = row[column]
  if (!(value instanceof Uint8Array)) throw new DamageError(`${column} is missing`)
  return value
}

/** A text column. @throws DamageError when it holds something else. */
export function textOf(row: Row, column: string): string {
  const value = textOrNullOf(row, column)
  if (value === null) throw new DamageError(`${column} is missing`)
  return value
}

function textOrNullOf(row: Row, column: string): string | null {
  const value = row[column] ?? null
  if (value !== null && typeof value !== "string") throw new DamageError(`${column} is no text`)
  return value
}

function encodeConfig(config: Config): string {
  return JSON.stringify({ voters: config.voters, learners: config.learners })
}

function decodeConfig(row: Row): Config {
  const text = textOf(row, "config")
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (error) {
    throw new DamageError("a configuration is unreadable", { cause: error })
  }
  if (typeof parsed === "object" && parsed !== null && "voters" in parsed && "learners" in parsed) {
    const { voters, learners } = parsed
    if (isNames(voters) && isNames(learners)) return { voters, learners }
  }
  throw new DamageError("a configuration is unreadable")
}

function isNames(value: unknown): value is NodeId[] {
  return Array.isArray(value) && value.every((name) => typeof name === "string")
}

/** Appends the CRC-32 of the columns: SQLite checksums its WAL, but not the pages of the main file. */
function summed(columns: readonly (number | string | Uint8Array | null)[]): SQLInputValue[] {
  let crc = 0
  for (const value of columns) {
    // The length keeps neighbours apart: ("ab", "c") and ("a", "bc") are different rows.
    const bytes = value instanceof Uint8Array ? value : Buffer.from(String(value))
    crc = crc32(bytes, crc32(`${value === null ? "null" : typeof value}:${bytes.length}:`, crc))
  }
  return [...columns, crc]
}

function verify(row: Row, columns: readonly SQLInputValue[], what: string): void {
  if (columns.at(-1) !== row["crc"]) throw new DamageError(`${what} contradicts its checksum`)
}
