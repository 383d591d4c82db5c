/**
 * What people read. Decides how a status and a list of members look; the words of stages and causes were decided below.
 * Pure: the time, the language and the colours come from outside.
 */

import { describeStage } from "../core/refresh/describe.ts"
import type { StageTexts } from "../core/refresh/texts.ts"
import type { ClusterStatus, MemberStatus, Stage } from "../session/types.ts"
import type { Paint } from "./output.ts"

/** Colours a piece of text, or does not. */
export type Painter = (paint: Paint, text: string) => string

const PAINT: Readonly<Record<Stage, Paint>> = {
  ready: "good",
  refreshing: "good",
  retrying: "good",
  connecting: "warning",
  relogin: "bad",
}

export interface StatusLook {
  readonly nowMs: number
  readonly paint: Painter
  readonly texts: StageTexts
  /** Where the profile's key is kept. */
  readonly key: string
}

/** What people should know of a host that can start no courier. */
const INLINE = "none: to kill this profile's program in the middle of a refresh may cost the login"

/** The block of `status`, without a final line feed. */
export function statusText(status: ClusterStatus, look: StatusLook): string {
  const { key, nowMs, paint, texts } = look
  const holder = nameOf(status, status.holder)
  const { action, detail, title } = describeStage(status, texts)
  const rows: (readonly [string, string])[] = []
  if (detail !== null) rows.push(["because", detail])
  if (action !== null) rows.push(["what to do", action])
  rows.push(["since", ago(status.sinceMs, nowMs)])
  if (status.nextAttemptAtMs !== null) {
    rows.push(["next attempt", ahead(status.nextAttemptAtMs, nowMs)])
  }
  rows.push(["token", tokenText(status, nowMs)])
  if (holder !== null) rows.push(["refreshes", holder])
  rows.push(["cluster", clusterText(status, nowMs)])
  if (status.courier === "inline") rows.push(["courier", INLINE])
  rows.push(["key", key])
  const lines = rows.map(([label, text]) => `  ${paint("faint", label.padEnd(13))}${text}`)
  return [
    paint(PAINT[status.stage], title),
    ...lines,
    "",
    membersText(status.members, nowMs, paint),
  ].join("\n")
}

/** One line of `run` and `status --watch` where nothing can be drawn. */
export function statusLine(status: ClusterStatus, texts: StageTexts): string {
  const { detail, title } = describeStage(status, texts)
  return detail === null ? title : `${title} (${detail})`
}

function nameOf(status: ClusterStatus, id: string | null): string | null {
  if (id === null) return null
  return status.members.find((member) => member.id === id)?.name ?? id
}

function tokenText(status: ClusterStatus, nowMs: number): string {
  const { epoch, expiresAtMs, generation } = status
  if (expiresAtMs === null) return "none"
  const life =
    expiresAtMs > nowMs
      ? `expires ${ahead(expiresAtMs, nowMs)}`
      : `expired ${ago(expiresAtMs, nowMs)}`
  return `generation ${generation} of login ${epoch}, ${life}`
}

function clusterText(status: ClusterStatus, nowMs: number): string {
  const quorum = status.quorum ? "quorum" : "no quorum"
  const leader = nameOf(status, status.leader)
  if (leader === null) return `${quorum}, no leader`
  const self = status.role === "leader"
  const seen =
    self || status.leaderSeenAtMs === null ? "" : `, heard ${ago(status.leaderSeenAtMs, nowMs)}`
  return `${quorum}, led by ${self ? "this member" : leader}${seen}`
}

/** The table of `members`. */
export function membersText(
  members: readonly MemberStatus[],
  nowMs: number,
  paint: Painter,
): string {
  const rows = members.map((member) => [
    member.self ? `${member.name} (this one)` : member.name,
    member.role,
    member.connected ? "connected" : "away",
    member.generation === null ? "-" : String(member.generation),
    member.self || member.lastSeenMs === null ? "-" : ago(member.lastSeenMs, nowMs),
    member.id,
  ])
  const table = [["NAME", "ROLE", "LINK", "GENERATION", "HEARD", "ID"], ...rows]
  const widths = table[0]?.map((_, at) => Math.max(...table.map((row) => row[at]?.length ?? 0)))
  return table
    .map((row, line) => {
      const text = row.map((cell, at) => cell.padEnd(widths?.[at] ?? 0)).join("  ")
      return line === 0 ? paint("faint", text.trimEnd()) : text.trimEnd()
    })
    .join("\n")
}

/** `14:03:22`, in local time. */
export function clockText(ms: number): string {
  const at = new Date(ms)
  return [at.getHours(), at.getMinutes(), at.getSeconds()]
    .map((part) => String(part).padStart(2, "0"))
    .join(":")
}

function ago(ms: number, nowMs: number): string {
  const past = nowMs - ms
  return past < 1_000 ? "just now" : `${durationText(past)} ago`
}

function ahead(ms: number, nowMs: number): string {
  return ms - nowMs < 1_000 ? "now" : `in ${durationText(ms - nowMs)}`
}

/** `42 s`, `5 min`, `3 h 20 min`, `2 d 4 h`: the two largest units that matter. */
export function durationText(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000))
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return minutes < 5 ? pair(minutes, "min", seconds % 60, "s") : `${minutes} min`
  const hours = Math.floor(minutes / 60)
  if (hours < 24) return pair(hours, "h", minutes % 60, "min")
  return pair(Math.floor(hours / 24), "d", hours % 24, "h")
}

function pair(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`
}
