/** The members as a table of text. Decides columns and words; pure, so that it looks the same wherever it is drawn. */

import type { Seen } from "./protocol.ts"

export interface Row {
  readonly name: string
  /** Null: not running. */
  readonly pid: number | null
  readonly cut: boolean
  readonly seen: Seen | null
}

export type Mood = "good" | "busy" | "bad" | "dim"

/** A line, and how it should feel. */
export interface TableLine {
  readonly text: string
  readonly mood: Mood | null
}

const HEAD = ["member", "process", "role", "generation", "stage", "token left"] as const
/** With an indent of two, 79 columns. */
const WIDTHS = [9, 9, 11, 11, 27, 10] as const

/** @param nowMs wall clock, epoch ms. */
export function table(rows: readonly Row[], nowMs: number): readonly TableLine[] {
  return [
    { text: columns(HEAD), mood: "dim" },
    ...rows.map((row) => ({ text: columns(cells(row, nowMs)), mood: moodOf(row) })),
  ]
}

function columns(cells: readonly string[]): string {
  return cells
    .map((cell, at) => cell.padEnd(WIDTHS[at] ?? 0))
    .join("")
    .trimEnd()
}

function cells(row: Row, nowMs: number): readonly string[] {
  const { name, pid, cut, seen } = row
  if (pid === null) return [name, "-", "-", "-", "not running", "-"]
  if (seen === null) return [name, String(pid), "-", "-", "starting", "-"]
  const role = cut ? "cut off" : seen.role
  const stage = seen.cause === null ? seen.stage : `${seen.stage}: ${seen.cause}`
  return [name, String(pid), role, String(seen.generation), stage, left(seen, nowMs)]
}

function left({ expiresAtMs }: Seen, nowMs: number): string {
  if (expiresAtMs === null) return "-"
  const seconds = Math.ceil((expiresAtMs - nowMs) / 1_000)
  if (seconds <= 0) return "expired"
  const minutes = Math.floor(seconds / 60)
  return `${minutes}:${String(seconds % 60).padStart(2, "0")}`
}

function moodOf({ pid, seen }: Row): Mood | null {
  if (pid === null) return "bad"
  switch (seen?.stage) {
    case undefined:
      return "dim"
    case "ready":
      return "good"
    case "refreshing":
    case "retrying":
      return "busy"
    case "connecting":
    case "relogin":
      return seen?.cause === "never_logged_in" || seen?.cause === "starting" ? "dim" : "bad"
    default:
      return null
  }
}
