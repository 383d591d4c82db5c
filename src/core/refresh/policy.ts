/** What each replay policy allows once a token may have been spent (README, "Replay policies"). */

import type { ReplayPolicy } from "../oauth/types.ts"

/**
 * True where another member may take over an open turn. Elsewhere a second sender can cost the account: with a time window
 * the holder's first request may arrive after the second one's answer was used, and revoke the family.
 */
export function allowsTakeover(policy: ReplayPolicy): boolean {
  switch (policy.type) {
    case "multi-use":
    case "reject":
    case "idempotent":
      return true
    case "strict":
    case "confirm":
    case "grace":
      return false
    default:
      return policy satisfies never
  }
}
