/** `status`: what is going on, once or for as long as somebody watches. Decides when something is worth a new line. */

import { profileDirectory } from "../../machine/profile.ts"
import type { ClusterStatus, Session } from "../../session/types.ts"
import { abortOf, type Context } from "../context.ts"
import { statusJson } from "../json.ts"
import { keyText } from "../key-text.ts"
import { localTexts } from "../language.ts"
import type { Output } from "../output.ts"
import { clockText, statusLine, statusText } from "../text.ts"
import { keepSession, settled, withSession } from "../with-session.ts"

export interface StatusOptions {
  readonly watch?: boolean
}

const REDRAW_MS = 1_000

export async function status(context: Context, options: StatusOptions): Promise<void> {
  const { output, signal } = context
  if (options.watch === true) return keepSession(context, (session) => watch(session, context))
  const now = await withSession(context, async (session) => {
    await settled(session, signal)
    return session.status()
  })
  output.answer(statusJson(now), block(now, context))
}

function block(now: ClusterStatus, { output, profile }: Context): string {
  const key = keyText(profileDirectory(profile))
  const paint = output.paint.bind(output)
  return statusText(now, { nowMs: Date.now(), paint, key, texts: localTexts() })
}

/** Until a signal, or until nobody reads any more. */
async function watch(session: Session, context: Context): Promise<void> {
  const { output, signal } = context
  // A signal ends the wait too: what is known then is shown all the same.
  await settled(session, signal).catch(() => {})
  const show = output.drawable ? drawing(context) : lines(output)
  const update = (): void => show(session.status())
  update()
  const unsubscribe = session.subscribe(update)
  const timer = setInterval(update, REDRAW_MS)
  try {
    await abortOf(AbortSignal.any([signal, output.gone]))
  } finally {
    clearInterval(timer)
    unsubscribe()
  }
}

function drawing(context: Context): (now: ClusterStatus) => void {
  let drawn = 0
  return (now) => {
    const text = block(now, context)
    context.output.redraw(drawn, text)
    drawn = text.split("\n").length
  }
}

function lines(output: Output): (now: ClusterStatus) => void {
  const texts = localTexts()
  let last = ""
  return (now) => {
    const { epoch, generation, leader, quorum } = now
    const text = `${statusLine(now, texts)}, generation ${generation} of login ${epoch}`
    const links = now.members.map((member) => `${member.id} ${member.connected}`)
    const key = JSON.stringify([text, leader, quorum, now.holder, links])
    if (key === last) return
    last = key
    output.answer(statusJson(now), `${clockText(Date.now())} ${text}`)
  }
}
