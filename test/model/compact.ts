/**
 * What can be forgotten without any rule noticing: entries that everybody has applied, records of spent tokens, numbers of
 * turns that nobody remembers. Equal states are then equal, and a search ends.
 */

import { accept, type Entry, type Token, type View } from "./log.ts"
import type { Rules } from "./rules.ts"
import { at, type Journal, type Member, PHASE, type State } from "./state.ts"

/** The view after the first `count` entries of the log. */
export function foldTo(state: State, count: number, rules: Rules): View {
  let view = state.base
  for (let index = 0; index < count; index++) {
    view = accept(view, at(state.log, index), state.server, rules)
  }
  return view
}

/** `token` is `ancestor` or comes from it. */
export function descends(state: State, token: Token, ancestor: Token): boolean {
  for (let each = token; each !== 0; each = at(state.server.parent, each)) {
    if (each === ancestor) return true
  }
  return false
}

/** Folds what everybody has applied and forgets what no rule can see any more, so that equal states are equal. */
export function compact(state: State, rules: Rules): void {
  const { members } = state
  const forgets = rules.restart === "knows-snapshot"
  while (
    state.log.length > 0 &&
    members.every(({ applied, saved }) => applied > 0 && (saved > 0 || !forgets))
  ) {
    state.base = accept(state.base, at(state.log, 0), state.server, rules)
    state.log.shift()
    for (const member of members) {
      member.applied--
      if (forgets) member.saved--
    }
  }
  const { head, turn } = state.base
  let settled = state.log.length === 0 && state.delayed.length === 0
  members.forEach((member) => {
    const journal = rules.machine === "own" ? member.journal : at(members, 0).journal
    const ready = member.courier.phase !== PHASE.idle
    if (journal.pair !== 0 && descends(state, head, journal.pair)) journal.pair = 0
    const past = journal.token !== head && descends(state, head, journal.token)
    if (journal.token !== 0 && past && !ready && rules.machine === "own") forget(journal)
    if (journal.fenced !== 0 && journal.fenced !== turn && settled && !ready) journal.fenced = 0
    if (member.asked.length > 0) {
      member.asked = member.asked.filter((turn) => !isOver(state, member, turn, rules))
    }
    const recalled = member.image !== null || member.stale !== null
    if (journal.turn > 0 || journal.fenced !== 0 || ready || member.asked.length > 0 || recalled) {
      settled = false
    }
  })
  // Two ways of one trace must not number the same turn differently.
  const follows = rules.connections === "unseen"
  const nameless = settled && turn === 0 && rules.key === "generation" && !follows
  if (nameless && state.base.lastTurn !== 0) {
    state.base = { ...state.base, lastTurn: 0 }
    for (const { journal } of members) journal.intent = 0
  }
}

/** The turn that it asked for has ended, or never began and never will, and the member has seen that. */
function isOver(state: State, { applied, stale }: Member, asked: number, rules: Rules): boolean {
  const opens = (entry: Entry): boolean => entry.type === "turn" && entry.turn === asked
  if (stale !== null || foldTo(state, applied, rules).turn === asked) return false
  return !state.log.slice(applied).some(opens) && !state.delayed.some(opens)
}

function forget(journal: Journal): void {
  journal.turn = 0
  journal.token = 0
  journal.answer = 0
  journal.resends = 0
}
