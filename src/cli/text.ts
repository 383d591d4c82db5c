/**
 * What people read. Decides the words of stages and causes and how a status and a list of members look; which stage it is
 * was decided below. Pure: the time and the colours come from outside.
 */

import type { ClusterStatus, MemberStatus, Stage } from "../session/types.ts"
import type { Paint } from "./output.ts"

/** Colours a piece of text, or does not. */
export type Painter = (paint: Paint, text: string) => string

const STAGE: Readonly<Record<Stage, { readonly text: string; readonly paint: Paint }>> = {
  ready: { text: "Ready", paint: "good" },
  refreshing: { text: "Refreshing", paint: "good" },
  retrying: { text: "Retrying", paint: "good" },
  connecting: { text: "Connecting...", paint: "warning" },
  relogin: { text: "Log in again to restore the service", paint: "bad" },
}

const CAUSE: Readonly<Record<string, string>> = {
  starting: "the member has just started",
  never_logged_in: "nobody has logged in yet",
  logged_out: "somebody logged out",
  no_quorum: "too few members are reachable to agree",
  in_doubt: "the answer of the last refresh was lost",
  spent_elsewhere: "another member has refreshed and cannot be reached",
  stuck: "the only member that may hold the login cannot be reached",
  store_failed: "the profile's files failed; the member has stopped",
  idle: "expired unused; the next use refreshes",
  invalid_grant: "the server no longer accepts the login",
  invalid_client: "the server refuses the client",
}

/** The sentence for a stage; `device` is who might still have the login when it is stuck. */
export function stageText(stage: Stage, cause: string | null, device: string | null): string {
  const { text } = STAGE[stage]
  return cause === "stuck" && device !== null ? `${text}, or open ${device}` : text
}

/** Words for a cause; one that has none is shown as it is. */
export function causeText(cause: string): string {
  return Object.hasOwn(CAUSE, cause) ? (CAUSE[cause] ?? cause) : cause.replaceAll("_", " ")
}

/** The block of `status`, without a final line feed. `key` says where the profile's key is kept. */
export function statusText(
  status: ClusterStatus,
  nowMs: number,
  paint: Painter,
  key: string,
): string {
  const holder = nameOf(status, status.holder)
  const stage = stageText(status.stage, status.cause, holder)
  const rows: (readonly [string, string])[] = []
  if (status.cause !== null) rows.push(["because", causeText(status.cause)])
  rows.push(["since", ago(status.sinceMs, nowMs)])
  if (status.nextAttemptAtMs !== null) {
    rows.push(["next attempt", ahead(status.nextAttemptAtMs, nowMs)])
  }
  rows.push(["token", tokenText(status, nowMs)])
  if (holder !== null) rows.push(["refreshes", holder])
  rows.push(["cluster", clusterText(status, nowMs)])
  rows.push(["key", key])
  const lines = rows.map(([label, text]) => `  ${paint("faint", label.padEnd(13))}${text}`)
  return [
    paint(STAGE[status.stage].paint, stage),
    ...lines,
    "",
    membersText(status.members, nowMs, paint),
  ].join("\n")
}

/** One line of `run` and `status --watch` where nothing can be drawn. */
export function statusLine(status: ClusterStatus): string {
  const stage = stageText(status.stage, status.cause, nameOf(status, status.holder))
  const because = status.cause === null ? "" : ` (${causeText(status.cause)})`
  return `${stage}${because}`
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
