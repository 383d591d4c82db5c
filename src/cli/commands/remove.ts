/**
 * `remove`: ends another member's part in the cluster. Decides which member a person means; what its removal risks, and
 * whether it is refused for that, is the cluster's to say.
 */

import { quote, QuorateError } from "../../core/base/errors.ts"
import type { MemberStatus } from "../../session/types.ts"
import type { Context } from "../context.ts"
import { usage } from "../failure.ts"
import { requireProfile, settled, withSession } from "../with-session.ts"

export interface RemoveOptions {
  readonly holderIsGone?: boolean
  readonly compromised?: boolean
}

/** A member that has just started may not know who belongs to the cluster. */
const PATIENCE_MS = 5_000
/** Every id begins with the same four characters. */
const PREFIX_MIN = 6

export async function remove(
  context: Context,
  meant: string,
  { compromised = false, holderIsGone = false }: RemoveOptions,
): Promise<void> {
  const { output, profile, signal } = context
  if (compromised) throw notBuilt()
  requireProfile(profile)
  const { id, name } = await withSession(context, async (session) => {
    await settled(session, signal, PATIENCE_MS)
    const member = memberOf(meant, session.status().members)
    await session.removeMember(member.id, { holderIsGone })
    return member
  })
  output.answer({ removed: true, id, name }, `Removed ${quote(name)} (${id}).`)
}

/**
 * The one member that is meant: by its id, its name, or the beginning of its id.
 *
 * @throws QuorateError kind `usage` when it is none, several or this one.
 */
export function memberOf(meant: string, members: readonly MemberStatus[]): MemberStatus {
  const exact = members.filter(({ id, name }) => id === meant || name === meant)
  const begun = meant.length < PREFIX_MIN ? [] : members.filter(({ id }) => id.startsWith(meant))
  const found = exact.length > 0 ? exact : begun
  const [member, ...others] = found
  if (member === undefined) throw notFound(meant, members)
  if (others.length > 0) {
    const message = `${quote(meant)} is more than one member: ${listed(found)}`
    throw usage(message, "say the whole id")
  }
  if (member.self) {
    throw usage(`${quote(member.name)} is this member itself`, "remove it from another member")
  }
  return member
}

function notFound(meant: string, members: readonly MemberStatus[]): QuorateError {
  const others = members.filter(({ self }) => !self)
  const hint =
    others.length === 0 ? "this member is the only one" : `the others are ${listed(others)}`
  const message = `${quote(meant, 80)} is no member`
  return new QuorateError("NOT_A_MEMBER", "usage", message, { hint })
}

function listed(members: readonly MemberStatus[]): string {
  return members.map(({ id, name }) => `${quote(name)} (${id})`).join(", ")
}

function notBuilt(): QuorateError {
  return usage(
    "--compromised is not in this version",
    "remove the member, revoke the login at the provider, then log in again",
  )
}
