/** `logout`: ends the login on every member. Decides nothing else; doing it twice is no error. */

import { QuorateError } from "../../core/base/errors.ts"
import type { Context } from "../context.ts"
import { settled, withSession } from "../with-session.ts"

/** A member that has just started may not know of the login yet. */
const PATIENCE_MS = 30_000

export async function logout(context: Context): Promise<void> {
  const { output, signal } = context
  const { epoch } = await withSession(context, async (session) => {
    if (!(await settled(session, signal, PATIENCE_MS))) {
      throw new QuorateError("NO_QUORUM", "retryable", "no quorum answered within 30 s", {
        hint: "start more of the cluster's members, or check `quorate members`",
      })
    }
    await session.logout()
    return session.status()
  })
  output.answer({ logged_out: true, epoch }, "Logged out on every member.")
}
