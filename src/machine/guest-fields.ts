/**
 * The parts of a frame between host and guest, checked by hand: texts, numbers, tokens, settings, status. Decides bounds
 * and shapes; the frames themselves are `guest-protocol.ts`.
 *
 * Every function throws FrameError `invalid` with the name of the field, and nothing else.
 */

import type { ProviderSettings, ReplayPolicy, TokenResponse } from "../core/oauth/types.ts"
import type { Stage } from "../core/refresh/status.ts"
import type { TakeOverPreview } from "../core/refresh/takeover.ts"
import type { ClusterStatus, CurrentToken, MemberStatus } from "../ports/coordinator.ts"
import { FrameError } from "../wire/errors.ts"

const TOKEN_MAX = 65_536
const TEXT_MAX = 2_048
const SCOPE_MAX = 16_384
const MEMBERS_MAX = 256

export type Fields = Readonly<Record<string, unknown>>

export function fields(value: unknown, where: string): Fields {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Fields
  throw new FrameError("invalid", where)
}

export function text(value: unknown, where: string, max: number = TEXT_MAX): string {
  if (typeof value === "string" && value.length <= max) return value
  throw new FrameError("invalid", where)
}

export function count(value: unknown, where: string): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value
  throw new FrameError("invalid", where)
}

export function finite(value: unknown, where: string): number {
  if (typeof value === "number" && Number.isFinite(value)) return value
  throw new FrameError("invalid", where)
}

export function flag(value: unknown, where: string): boolean {
  if (typeof value === "boolean") return value
  throw new FrameError("invalid", where)
}

export function oneOf<T extends string>(value: unknown, where: string, known: readonly T[]): T {
  const found = known.find((one) => one === value)
  if (found !== undefined) return found
  throw new FrameError("invalid", where)
}

export function orNull<T>(
  value: unknown,
  where: string,
  parse: (value: unknown, where: string) => T,
): T | null {
  return value === null ? null : parse(value, where)
}

export function longText(value: unknown, where: string): string {
  return text(value, where, TOKEN_MAX)
}

function scopeText(value: unknown, where: string): string {
  return text(value, where, SCOPE_MAX)
}

export function tokenResponse(value: unknown): TokenResponse {
  const from = fields(value, "tokens")
  return {
    accessToken: longText(from["accessToken"], "accessToken"),
    tokenType: text(from["tokenType"], "tokenType"),
    refreshToken: orNull(from["refreshToken"], "refreshToken", longText),
    expiresInSeconds: orNull(from["expiresInSeconds"], "expiresInSeconds", finite),
    scope: orNull(from["scope"], "scope", scopeText),
    refreshExpiresInSeconds: orNull(
      from["refreshExpiresInSeconds"],
      "refreshExpiresInSeconds",
      finite,
    ),
    subject: orNull(from["subject"], "subject", text),
  }
}

export function provider(value: unknown, where: string): ProviderSettings {
  const from = fields(value, where)
  return {
    issuer: orNull(from["issuer"], "issuer", text),
    tokenEndpoint: orNull(from["tokenEndpoint"], "tokenEndpoint", text),
    clientId: text(from["clientId"], "clientId"),
    clientAuthentication: oneOf(from["clientAuthentication"], "clientAuthentication", [
      "none",
      "client_secret_basic",
      "client_secret_post",
    ]),
    scope: orNull(from["scope"], "scope", scopeText),
    replayPolicy: replayPolicy(from["replayPolicy"]),
  }
}

function replayPolicy(value: unknown): ReplayPolicy {
  const from = fields(value, "replayPolicy")
  if (from["type"] === "grace") {
    return {
      type: "grace",
      windowSeconds: finite(from["windowSeconds"], "windowSeconds"),
      answers: oneOf(from["answers"], "answers", ["same", "new"]),
    }
  }
  const plain = ["strict", "reject", "multi-use", "confirm", "idempotent"] as const
  return { type: oneOf(from["type"], "replayPolicy", plain) }
}

/** Nothing is known. */
export const STATUS_ZERO: ClusterStatus = {
  stage: "connecting",
  cause: "host_version",
  sinceMs: 0,
  nextAttemptAtMs: null,
  generation: 0,
  epoch: 0,
  expiresAtMs: null,
  quorum: false,
  leader: null,
  leaderSeenAtMs: null,
  holder: null,
  suspects: [],
  role: "follower",
  courier: "process",
  members: [],
}

export function token(value: unknown): CurrentToken {
  const from = fields(value, "token")
  return {
    accessToken: longText(from["accessToken"], "accessToken"),
    tokenType: text(from["tokenType"], "tokenType"),
    expiresAtMs: finite(from["expiresAtMs"], "expiresAtMs"),
    endsAtUptimeMs: finite(from["endsAtUptimeMs"], "endsAtUptimeMs"),
    generation: count(from["generation"], "generation"),
    epoch: count(from["epoch"], "epoch"),
    scope: orNull(from["scope"], "scope", scopeText),
    refreshedHere: flag(from["refreshedHere"], "refreshedHere"),
  }
}

const STAGES: readonly Stage[] = ["ready", "refreshing", "retrying", "connecting", "relogin"]
const ROLES = ["leader", "follower", "candidate", "learner"] as const

function list(value: unknown, where: string): readonly unknown[] {
  if (Array.isArray(value) && value.length <= MEMBERS_MAX) return value
  throw new FrameError("invalid", where)
}

export function status(value: unknown): ClusterStatus {
  const from = fields(value, "status")
  return {
    stage: oneOf(from["stage"], "stage", STAGES),
    cause: orNull(from["cause"], "cause", text),
    sinceMs: finite(from["sinceMs"], "sinceMs"),
    nextAttemptAtMs: orNull(from["nextAttemptAtMs"], "nextAttemptAtMs", finite),
    generation: count(from["generation"], "generation"),
    epoch: count(from["epoch"], "epoch"),
    expiresAtMs: orNull(from["expiresAtMs"], "expiresAtMs", finite),
    quorum: flag(from["quorum"], "quorum"),
    leader: orNull(from["leader"], "leader", text),
    leaderSeenAtMs: orNull(from["leaderSeenAtMs"], "leaderSeenAtMs", finite),
    holder: orNull(from["holder"], "holder", text),
    suspects: list(from["suspects"], "suspects").map((id) => text(id, "suspects")),
    role: oneOf(from["role"], "role", ROLES),
    courier: oneOf(from["courier"], "courier", ["process", "inline"] as const),
    members: list(from["members"], "members").map(member),
  }
}

function member(value: unknown): MemberStatus {
  const from = fields(value, "member")
  return {
    id: text(from["id"], "id"),
    name: text(from["name"], "name"),
    role: oneOf(from["role"], "role", ["voter", "learner"] as const),
    connected: flag(from["connected"], "connected"),
    generation: orNull(from["generation"], "generation", count),
    lastSeenMs: orNull(from["lastSeenMs"], "lastSeenMs", finite),
    self: flag(from["self"], "self"),
  }
}

export function takeOverPreview(value: unknown): TakeOverPreview {
  const from = fields(value, "cost")
  const type = oneOf(from["type"], "cost", ["hopeless", "safe", "risky"] as const)
  if (type !== "risky") return { type }
  return {
    type,
    because: oneOf(from["because"], "because", ["in_doubt", "open_turn", "no_quorum"] as const),
    holder: orNull(from["holder"], "holder", text),
  }
}
