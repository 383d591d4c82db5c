/** The newest token as it lies in `state.db` for processes that do not host the member: sealed, readable without a cluster. */

import type { AtRest } from "../ports/sealer.ts"
import type { Clock } from "../ports/clock.ts"
import type { CurrentToken } from "../ports/coordinator.ts"

const CONTEXT = "view"

/** The bytes of the blob `view`. */
export function sealView(token: CurrentToken | null, sealed: AtRest): Uint8Array {
  return sealed.seal(Buffer.from(JSON.stringify(token), "utf8"), CONTEXT)
}

/**
 * How long a token that was written down still lives, in ms: whichever of the two clocks says less.
 *
 * Neither will do alone. The machine is started anew, its uptime begins at 0, and a token that ended at an uptime of two
 * hours would seem to live two hours more. The wall clock is set back by four hours, and a token that ended three hours ago
 * would live again. Whoever is told too little asks the host, which knows.
 */
export function leftMs(token: CurrentToken, clock: Clock): number {
  const byWall = token.expiresAtMs - clock.wallMs()
  return Math.min(byWall, token.endsAtUptimeMs - clock.uptimeMs())
}

/** Null: nobody is logged in. @throws QuorateError `KEY_UNUSABLE`. */
export function openView(bytes: Uint8Array, sealed: AtRest): CurrentToken | null {
  return JSON.parse(
    Buffer.from(sealed.open(bytes, CONTEXT)).toString("utf8"),
  ) as CurrentToken | null
}
