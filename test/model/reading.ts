/** Reads states of the model against what a run told: whether its server said the same, and how it looks to people. */

import { foldTo } from "./compact.ts"
import type { Reply } from "./events.ts"
import { words } from "./log.ts"
import { Moment, type Setting } from "./moment.ts"
import { at, type Member, type State } from "./state.ts"

/** The model's server said the same. */
export function isReply(reply: Reply, to: State, from: State, member: number | null): boolean {
  const issued = to.server.parent.length > from.server.parent.length
  const answer = member === null ? null : at(to.members, member).courier.answer
  switch (reply.type) {
    case "issued":
      return issued
    case "again":
      return !issued && (answer === null || answer > 0)
    case "refused":
      return !issued && (answer === null || answer < 0)
    case "later":
      return true
    default:
      return reply satisfies never
  }
}

/** A state for people. */
export function describe(setting: Setting, state: State): string {
  const view = foldTo(state, state.log.length, setting.rules)
  const members = state.members.map(
    (member, index) =>
      `  m${index}: ${JSON.stringify(inWords(member))} sees ${JSON.stringify(new Moment(setting, state).viewOf(index))}`,
  )
  return [
    `state: ${JSON.stringify(view)}`,
    `  delayed: ${state.delayed.map(words).join("; ")}`,
    ...members,
  ].join("\n")
}

function inWords({ up, applied, saved, asked, journal, courier }: Member): object {
  return { up, applied, saved, asked, journal, courier }
}
