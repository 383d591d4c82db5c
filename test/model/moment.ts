/**
 * One state looked at closely: what each member knows in it, who can talk, and how a step is made from it. Holds the
 * questions that several rules ask; the rules themselves are in `member.ts`, `courier.ts` and `people.ts`.
 */

import type { Step } from "./checker.ts"
import { accept, type Entry, has, type Token, type View, words } from "./log.ts"
import { type Bounds, EVENTS, type Happening, type Rules } from "./rules.ts"
import { isTimed } from "./server.ts"
import { at, copy, GHOST, idle, type Journal, type Member, PHASE, type State } from "./state.ts"

export interface Setting {
  readonly rules: Rules
  readonly bounds: Bounds
}

type Change = (to: State) => void
const NOTHING: Change = () => {}

export class Moment {
  readonly rules: Rules
  readonly bounds: Bounds
  readonly state: State
  readonly steps: Step<State>[] = []
  /** What the log says when all of it is applied. */
  readonly end: View
  /** A majority of the voters is up and connected. */
  readonly quorum: boolean

  constructor({ rules, bounds }: Setting, state: State) {
    this.rules = rules
    this.bounds = bounds
    this.state = state
    this.end = foldTo(state, state.log.length, rules)
    const voters = bounds.voters & ~this.end.removed
    const able = state.members.filter(
      (member, index) => has(voters, index) && member.up === 1 && member.isolated === 0,
    )
    this.quorum = able.length * 2 > countBits(voters)
  }

  // -- steps -----------------------------------------------------------------------------------------------------------

  go(label: string, change: Change, fault = false): void {
    const to = copy(this.state)
    change(to)
    compact(to, this.rules)
    this.steps.push({ label, fault, to })
  }

  left(event: Happening): number {
    return at(this.state.budget, EVENTS.indexOf(event))
  }

  /** A fault, or something a person does: as often as the bounds allow. */
  pay(event: Happening, label: string, change: Change): void {
    if (this.left(event) > 0) this.go(label, (to) => (spend(to, event), change(to)), true)
  }

  /** The proposal commits at once, or (from the budget) later or never. */
  propose(who: string, entry: Entry, also: Change = NOTHING, fault = false): void {
    if (this.#accepted(this.end, entry) !== this.end) {
      const change = (to: State): void => (also(to), this.commit(to, entry))
      this.go(`${who} commits ${words(entry)}`, change, fault)
    }
    const named = words(entry)
    if (this.left("delay") === 0 || this.state.delayed.some((each) => words(each) === named)) return
    const change = (to: State): void => {
      spend(to, "delay")
      also(to)
      to.delayed.push(entry)
    }
    this.go(`${who} proposes ${named}, delayed`, change, true)
  }

  /** Appends the entry; it is there for everybody to apply. A no-op leaves no trace. */
  commit(to: State, entry: Entry): void {
    const before = foldTo(to, to.log.length, this.rules)
    const after = this.#accepted(before, entry)
    if (after === before) return
    if (after.dead && !before.dead && this.#livesNearby(to, before)) to.ghost |= GHOST.wrongLogin
    if (entry.type === "rejected" && before.refused) to.ghost |= GHOST.refusedAgain
    const gambles = entry.type === "remove" && before.holder === entry.member
    if (gambles && !this.rules.asksAfterGamble) to.gamble = 1
    if (entry.type === "logout") to.logouts[0] = at(to.logouts, 0) + 1
    to.log.push(entry)
  }

  #accepted(view: View, entry: Entry): View {
    return accept(view, entry, this.state.server, this.rules)
  }

  /** The grant that is being given up for dead lives, at somebody who can be asked. */
  #livesNearby(to: State, { head }: View): boolean {
    const { server } = to
    const family = at(server.family, head)
    const current = at(server.current, family)
    if (server.revoked[family] === 1) return false
    if (current === head) return true
    return to.members.some((member, index) => {
      if (member.up === 0 || member.isolated === 1) return false
      const { phase, answer, token } = member.courier
      return (
        this.journalOf(index, to).pair === current ||
        (phase === PHASE.answered && answer === current) ||
        (phase === PHASE.sent && token === current)
      )
    })
  }

  // -- what is known ---------------------------------------------------------------------------------------------------

  member(index: number): Member {
    return at(this.state.members, index)
  }

  journalOf(index: number, state: State = this.state): Journal {
    return at(state.members, this.rules.machine === "own" ? index : 0).journal
  }

  /** What this member has applied. */
  viewOf(index: number): View {
    const { applied, stale } = this.member(index)
    return stale ?? foldTo(this.state, applied, this.rules)
  }

  /** Reaches a quorum. */
  isConnected(index: number): boolean {
    const { up, isolated } = this.member(index)
    return up === 1 && isolated === 0 && this.quorum
  }

  isMember(index: number): boolean {
    return !has(this.end.removed, index)
  }

  /** The courier's lock is taken: from go to exit, on this machine. */
  isBusy(index: number): boolean {
    const shared = this.rules.machine === "shared"
    return this.state.members.some(
      ({ courier }, other) => (shared || other === index) && courier.phase !== PHASE.idle,
    )
  }

  /** Somebody on this machine is between its claim and its record: whoever judges has to wait. */
  isSending(index: number): boolean {
    if (!this.rules.locks) return false
    const shared = this.rules.machine === "shared"
    return this.state.members.some(
      ({ courier }, other) => (shared || other === index) && courier.phase >= PHASE.sent,
    )
  }

  /** The token may be spent, and nobody here can say. */
  isInDoubt(index: number, token: Token): boolean {
    const { turn, token: recorded, answer } = this.journalOf(index)
    return turn !== 0 && recorded === token && answer === 0 && !this.isSending(index)
  }

  /** Its record says that this token was sent from here. */
  hasSent(index: number, token: Token): boolean {
    const { turn, token: recorded } = this.journalOf(index)
    return turn !== 0 && recorded === token
  }

  isBelow(token: Token, ancestor: Token): boolean {
    return token !== ancestor && descends(this.state, token, ancestor)
  }

  /** The newest pair known here: received here if it comes from the head, else the head. */
  newestOf(index: number): Token {
    const { pair } = this.journalOf(index)
    const { head } = this.viewOf(index)
    return head !== 0 && pair !== 0 && descends(this.state, pair, head) ? pair : head
  }

  /** The token may be sent once more without harm, by the server's window. */
  isInWindow(token: Token): boolean {
    if (!isTimed(this.rules.policy)) return true
    const { current, family, parent, window } = this.state.server
    const mine = at(family, token)
    const newest = at(current, mine)
    return newest === token || (parent[newest] === token && window[mine] === 1)
  }

  /** Another refresh is within the bounds of the search. */
  mayGoOn(token: Token): boolean {
    const { family, generation } = this.state.server
    const most = family[token] === 1 ? this.bounds.generations : this.bounds.later
    return at(generation, token) < most
  }

  /** An earlier POST of this token may still arrive. */
  isUnderWay(token: Token): boolean {
    return (
      this.state.late.some((each) => each.token === token) ||
      this.state.members.some(
        ({ courier }) => courier.token === token && courier.phase === PHASE.sent,
      )
    )
  }

  keyOf(token: Token, turn: number): number {
    return this.rules.key === "generation" ? token : 100 + turn
  }
}

export function spend(to: State, event: Happening): void {
  const index = EVENTS.indexOf(event)
  to.budget[index] = at(to.budget, index) - 1
}

/** The courier is gone; what it sent may still arrive. */
export function dropCourier(to: State, index: number): void {
  const member = at(to.members, index)
  const { phase, token, key } = member.courier
  if (phase === PHASE.sent) to.late.push({ token, key })
  member.courier = idle()
}

export function foldTo(state: State, count: number, rules: Rules): View {
  let view = state.base
  for (let index = 0; index < count; index++) {
    view = accept(view, at(state.log, index), state.server, rules)
  }
  return view
}

function countBits(value: number): number {
  return value === 0 ? 0 : (value & 1) + countBits(value >> 1)
}

function descends(state: State, token: Token, ancestor: Token): boolean {
  for (let each = token; each !== 0; each = at(state.server.parent, each)) {
    if (each === ancestor) return true
  }
  return false
}

/** Folds what everybody has applied and forgets what no rule can see any more, so that equal states are equal. */
function compact(state: State, rules: Rules): void {
  const { members } = state
  while (state.log.length > 0 && members.every(({ applied }) => applied > 0)) {
    state.base = accept(state.base, at(state.log, 0), state.server, rules)
    state.log.shift()
    for (const member of members) member.applied--
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
    if (member.asked !== 0 && isOver(state, member, rules)) member.asked = 0
    const recalled = member.image !== null || member.stale !== null
    if (journal.turn > 0 || journal.fenced !== 0 || ready || member.asked !== 0 || recalled) {
      settled = false
    }
  })
  const nameless = settled && turn === 0 && rules.key === "generation"
  if (nameless && state.base.lastTurn !== 0) state.base = { ...state.base, lastTurn: 0 }
}

/** The turn that it asked for has ended, or never began and never will, and the member has seen that. */
function isOver(state: State, { asked, applied, stale }: Member, rules: Rules): boolean {
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
