/** Events of a run in words, for whoever reads why one was refused. */

import type { AttemptKey } from "../../src/core/refresh/types.ts"
import type { TraceEvent } from "./events.ts"

const attempt = ({ epoch, generation, turn, attempt: nth }: AttemptKey): string =>
  `turn ${turn} (${epoch}.${generation}, attempt ${nth})`

export function tell(event: TraceEvent): string {
  switch (event.type) {
    case "minted":
      return `a login gave ${event.token}`
    case "started":
      return `m${event.member} starts from its snapshot at ${event.snapshotIndex}`
    case "crashed":
      return `the application of m${event.member} dies`
    case "snapshot":
      return `m${event.member} has a snapshot at ${event.index}`
    case "proposed":
      return `m${event.member} proposes ${brief(event.entry)}`
    case "applied":
      return `m${event.member} applies ${event.index}: ${brief(event.entry)}, ${JSON.stringify(event.verdict)}`
    case "go":
      return `m${event.member} lets ${event.token} go under ${attempt(event.key)}`
    case "row":
      return `m${event.member}: ${attempt(event.key)} is ${event.row}`
    case "forgotten":
      return `m${event.member} has lost the newest row, ${event.row}`
    case "gone":
      return `no request with ${event.token} is on its way any more`
    case "arrived": {
      const who = event.heard ? "" : ", nobody listens"
      return `the request of m${event.member} with ${event.token} arrives${who}: ${JSON.stringify(event.reply)}`
    }
    case "ended":
      return `the trip of m${event.member} ends: ${event.end}`
    default:
      return event satisfies never
  }
}

/** Without the boxes and keys. */
function brief(entry: object): string {
  return JSON.stringify(entry, (name, value: unknown) =>
    ["accessBox", "refreshBox", "signature", "keys", "settings"].includes(name) ? undefined : value,
  )
}
