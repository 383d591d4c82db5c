/**
 * One state looked at closely: what each member knows in it, who can talk, and how a step is made from it. Holds the
 * questions that several rules ask; the rules themselves are in `member.ts`, `courier.ts` and `people.ts`.
 */

import type { Step } from "./checker.ts"
import { accept, type Entry, has, type Token, type View, words } from "./log.ts"
import { type Bounds, EVENTS, type Happening, type Rules } from "./rules.ts"
import { isTimed } from "./server.ts"
import { compact, descends, foldTo } from "./compact.ts"
import {
  at,
  copy,
  GHOST,
  idle,
  type Journal,
  type Member,
  PHASE,
  REPLY,
  type State,
} from "./state.ts"

export interface Setting {
  readonly rules: Rules
  readonly bounds: Bounds
}

type Change = (to: State) => void
type Wanted = (label: string) => boolean
const ANY: Wanted = () => true
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

  /** Steps with other labels are not made. */
  readonly #wanted: Wanted

  constructor({ rules, bounds }: Setting, state: State, wanted: Wanted = ANY) {
    this.rules = rules
    this.bounds = bounds
    this.#wanted = wanted
    this.state = state
    this.end = foldTo(state, state.log.length, rules)
    const voters = bounds.voters & ~this.end.removed
    const able = state.members.filter(
      (member, index) => has(voters, index) && member.up === 1 && member.isolated === 0,
    )
    this.quorum = rules.connections === "unseen" || able.length * 2 > countBits(voters)
  }

  // -- steps -----------------------------------------------------------------------------------------------------------

  go(label: string, change: Change, fault = false): void {
    if (!this.#wanted(label)) return
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

  /** Decides for itself: it reaches no quorum, or is a member no more. */
  isAlone(index: number): boolean {
    if (this.rules.connections === "unseen") return this.member(index).up === 1
    return !this.isConnected(index) || !this.isMember(index)
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

  /** Its record says that this token was sent from here, and does not say that the server did not look at it. */
  hasSent(index: number, token: Token): boolean {
    const { turn, token: recorded, answer } = this.journalOf(index)
    return turn !== 0 && recorded === token && answer !== REPLY.later
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
        ({ courier }) =>
          courier.token === token &&
          // A go that is not too old may still become a POST.
          (courier.phase === PHASE.sent || courier.phase === PHASE.ready),
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

function countBits(value: number): number {
  return value === 0 ? 0 : (value & 1) + countBits(value >> 1)
}
