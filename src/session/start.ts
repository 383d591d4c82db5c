/**
 * The door of the library. Decides that whoever imports it pays next to nothing: all that a session needs is loaded when one
 * is opened.
 */

import type { Session, SessionOptions } from "./types.ts"

/**
 * Opens the session of one profile and takes part in its cluster. Any number of processes may open one profile: one of
 * them hosts the member, the others ask it, and when it ends another takes its place.
 *
 * A new profile needs `provider`. Resolves when the member runs; it waits neither for peers nor for a token. An open
 * session does not keep the process alive; a caller that waits for a token does.
 *
 * @throws QuorateError `INVALID_OPTIONS` naming every problem, `NOT_INITIALIZED`, `PROVIDER_MISMATCH`, `TIMEOUT` when the
 *   host does not answer, `HOST_BUSY` when it is of another version or serves too many, kind `store` when the profile's
 *   files cannot be used.
 */
export async function openSession(options: SessionOptions): Promise<Session> {
  const { openSession: open } = await import("./open.ts")
  return open(options)
}
