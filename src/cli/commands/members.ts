/** `members`: the members of the cluster, as this one sees them. */

import type { Context } from "../context.ts"
import { memberJson } from "../json.ts"
import { membersText } from "../text.ts"
import { settled, withSession } from "../with-session.ts"

export async function members(context: Context): Promise<void> {
  const { output, signal } = context
  const { members: all } = await withSession(context, async (session) => {
    await settled(session, signal)
    return session.status()
  })
  output.answer(
    { members: all.map(memberJson) },
    membersText(all, Date.now(), (paint, text) => output.paint(paint, text)),
  )
}
