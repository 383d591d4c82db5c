/** The objects of `--json`. Decides their keys: snake_case, times in whole Unix seconds. They are the contract. */

import type { ClusterStatus, MemberStatus, Token } from "../session/types.ts"
import type { JsonValue } from "./output.ts"

export type JsonObject = { readonly [key: string]: JsonValue }

/** Whole Unix seconds, rounded down: a token never seems to live longer than it does. */
export function unixSeconds(ms: number): number {
  return Math.floor(ms / 1_000)
}

function secondsOrNull(ms: number | null): number | null {
  return ms === null ? null : unixSeconds(ms)
}

/** The answer of `token`. */
export function tokenJson(token: Token): JsonObject {
  return {
    access_token: token.accessToken,
    token_type: token.tokenType,
    expires_at: unixSeconds(token.expiresAt),
    generation: token.generation,
    epoch: token.epoch,
    source: token.source,
  }
}

/** The answer of `status`. */
export function statusJson(status: ClusterStatus): JsonObject {
  return {
    stage: status.stage,
    cause: status.cause,
    since: unixSeconds(status.sinceMs),
    next_attempt_at: secondsOrNull(status.nextAttemptAtMs),
    generation: status.generation,
    epoch: status.epoch,
    expires_at: secondsOrNull(status.expiresAtMs),
    quorum: status.quorum,
    leader: status.leader,
    leader_seen_at: secondsOrNull(status.leaderSeenAtMs),
    holder: status.holder,
    role: status.role,
    // Said where it costs something; otherwise there is nothing to say.
    ...(status.courier === "inline" ? { courier: status.courier } : {}),
    members: status.members.map(memberJson),
  }
}

/** One item of `members`. */
export function memberJson(member: MemberStatus): JsonObject {
  return {
    id: member.id,
    name: member.name,
    role: member.role,
    connected: member.connected,
    generation: member.generation,
    last_seen: secondsOrNull(member.lastSeenMs),
    self: member.self,
  }
}
