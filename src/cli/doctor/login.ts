/** The login and who shares it: lifetimes of the newest pair, its stage, the generation of each member. */

import { describeStage } from "../../core/refresh/describe.ts"
import type { Inspected } from "../../session/inspect.ts"
import type { ClusterStatus, MemberStatus } from "../../session/types.ts"
import type { Context } from "../context.ts"
import { durationText } from "../text.ts"
import { settled, withSession } from "../with-session.ts"
import { type Check, check, faultOf } from "./check.ts"

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
/** A refresh should be rare beside the requests that it is for. */
const ACCESS_MS_MIN = 300_000

export function checkLifetimes(lifetimes: Inspected["lifetimes"]): readonly Check[] {
  if (lifetimes === null) return []
  const { accessMs, refreshMs } = lifetimes
  return [accessLifetime(accessMs), refreshLifetime(refreshMs)]
}

function accessLifetime(ms: number): Check {
  const [name, life] = ["access_token_lifetime", durationText(ms)]
  if (ms > HOUR_MS) {
    const hint = "1 h is recommended: a stolen one works to its end"
    return check("warn", name, life, hint)
  }
  if (ms >= ACCESS_MS_MIN) return check("ok", name, life)
  return check("warn", name, life, "1 h is recommended: a short one is refreshed all the time")
}

function refreshLifetime(ms: number | null): Check {
  const name = "refresh_token_lifetime"
  if (ms === null) return check("ok", name, "the server does not say")
  if (ms >= 30 * DAY_MS) return check("ok", name, durationText(ms))
  const hint = "30 days are recommended: whoever is away for longer must log in again"
  return check("warn", name, durationText(ms), hint)
}

/** Takes part in the cluster for a moment. */
export async function checkMembers(context: Context): Promise<readonly Check[]> {
  try {
    const status = await withSession(context, async (session) => {
      await settled(session, context.signal)
      return session.status()
    })
    return [loginCheck(status), membersCheck(status)]
  } catch (error) {
    context.signal.throwIfAborted()
    return [faultOf("members", error)]
  }
}

const NOBODY: readonly (string | null)[] = ["never_logged_in", "logged_out"]

export function loginCheck(status: ClusterStatus): Check {
  const { action, detail, title } = describeStage(status)
  const text = detail === null ? title : `${title}: ${detail}`
  switch (status.stage) {
    case "ready":
    case "refreshing":
    case "retrying":
      return check("ok", "login", text)
    case "connecting":
      return check("warn", "login", text, action)
    case "relogin":
      return check(NOBODY.includes(status.cause) ? "warn" : "fault", "login", text, action)
    default:
      return status.stage satisfies never
  }
}

export function membersCheck({ generation, members, quorum }: ClusterStatus): Check {
  const detail = members.map((member) => memberText(member, generation)).join(", ")
  const late = members.filter(
    (one) => !one.self && one.connected && (one.generation ?? generation) < generation,
  )
  if (!quorum) return check("warn", "members", detail, "too few are reachable to agree")
  if (late.length === 0) return check("ok", "members", detail)
  return check("warn", "members", detail, "whoever is behind catches up within seconds")
}

function memberText({ connected, name, self, ...member }: MemberStatus, own: number): string {
  const generation = self ? own : member.generation
  const has = generation === null ? "generation unknown" : `generation ${generation}`
  return `${name} ${self ? `(this one) ${has}` : `${has}${connected ? "" : ", away"}`}`
}
