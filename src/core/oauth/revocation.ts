/** Judges a recorded revocation (RFC 7009). When to ask again is the caller's to say: a second request harms nobody. */

import type { Exchange } from "./types.ts"

/**
 * True when the server says that the token is gone: a 200, also for a token it never knew (§2.2). A redirect, a 204 of a
 * proxy or a 503 says nothing of the kind (§2.2.1: the token still exists).
 */
export function isRevoked({ response }: Exchange): boolean {
  return response?.status === 200
}
