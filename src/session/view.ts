/** The newest token as it lies in `state.db` for processes that do not host the member: sealed, readable without a cluster. */

import type { AtRest } from "../ports/sealer.ts"
import type { CurrentToken } from "../ports/coordinator.ts"

const CONTEXT = "view"

/** The bytes of the blob `view`. */
export function sealView(token: CurrentToken | null, sealed: AtRest): Uint8Array {
  return sealed.seal(Buffer.from(JSON.stringify(token), "utf8"), CONTEXT)
}

/** Null: nobody is logged in. @throws QuorateError `KEY_UNUSABLE`. */
export function openView(bytes: Uint8Array, sealed: AtRest): CurrentToken | null {
  return JSON.parse(
    Buffer.from(sealed.open(bytes, CONTEXT)).toString("utf8"),
  ) as CurrentToken | null
}
