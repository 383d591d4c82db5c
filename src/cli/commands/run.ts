/** `run`: hosts the member in the foreground. Decides what is told meanwhile: never a token, only which one it is. */

import { QuorateError } from "../../core/base/errors.ts"
import type { Session, SessionEvent } from "../../session/types.ts"
import { abortOf, type Context } from "../context.ts"
import type { Interrupted } from "../exit.ts"
import { type JsonObject, statusJson, unixSeconds } from "../json.ts"
import { localTexts } from "../language.ts"
import { clockText, statusLine } from "../text.ts"
import { keepSession } from "../with-session.ts"

/** Something to tell, in both forms. */
export interface Told {
  readonly json: JsonObject
  readonly text: string
}

export async function run(context: Context): Promise<void> {
  const { output, signal } = context
  const tell = ({ json, text }: Told): void =>
    output.answer(json, `${clockText(Date.now())} ${text}`)
  await keepSession(context, (session) => host(session, context, tell))
  const by = (signal.reason as Interrupted).signal
  tell({ json: { event: "stopped", signal: by }, text: `stopped by ${by}` })
}

/** Until a signal. @throws QuorateError `STORE_UNUSABLE` when the member has stopped. */
async function host(
  session: Session,
  { profile, signal }: Context,
  tell: (told: Told) => void,
): Promise<void> {
  const failed = new AbortController()
  const nameOf = (id: string): string =>
    session.status().members.find((member) => member.id === id)?.name ?? id
  const now = session.status()
  const member = now.members.find(({ self }) => self)?.id ?? null
  tell({ json: { event: "started", profile, member }, text: `started, profile ${profile}` })
  tell(toldOf({ type: "status", status: now }, nameOf))
  const unsubscribe = session.subscribe((event) => {
    tell(toldOf(event, nameOf))
    // Whoever supervises this process can start it again; a member that has stopped would only look alive.
    const hasStopped = event.type === "status" && event.status.cause === "store_failed"
    if (hasStopped) failed.abort(storeFailed(profile))
  })
  await abortOf(AbortSignal.any([signal, failed.signal]))
  unsubscribe()
  failed.signal.throwIfAborted()
}

/** What is told of an event. */
export function toldOf(event: SessionEvent, nameOf: (id: string) => string): Told {
  switch (event.type) {
    case "status":
      return {
        json: { event: "status", ...statusJson(event.status) },
        text: statusLine(event.status, localTexts()),
      }
    case "member":
      return {
        json: { event: "member", id: event.id, connected: event.connected },
        text: `${nameOf(event.id)} ${event.connected ? "connected" : "went away"}`,
      }
    case "token": {
      if (event.token === null) {
        return {
          json: { event: "token", generation: null, epoch: null, expires_at: null },
          text: "no token any more",
        }
      }
      const { epoch, expiresAt, generation } = event.token
      return {
        json: { event: "token", generation, epoch, expires_at: unixSeconds(expiresAt) },
        text: `generation ${generation} of login ${epoch}, valid until ${clockText(expiresAt)}`,
      }
    }
    default:
      return event satisfies never
  }
}

function storeFailed(profile: string): QuorateError {
  return new QuorateError("STORE_UNUSABLE", "store", `the files of ${profile} failed`, {
    hint: "check the disk, then start the member again",
  })
}
