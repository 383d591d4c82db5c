/** What a member that is up may do next: take a turn, have its token carried, judge, report, resend, spend alone. */

import { has, type Token } from "./log.ts"
import type { Moment } from "./moment.ts"
import { dropCourier, spend } from "./moment.ts"
import { at, GHOST, isDurable, PHASE, type State } from "./state.ts"

export function memberSteps(moment: Moment, index: number): void {
  const { rules } = moment
  const member = moment.member(index)
  if (member.stale !== null && moment.isConnected(index) && rules.rollback !== "unnoticed") {
    // The hello comes before anything else: whoever went back learns it before it can say or do something.
    return meet(moment, index)
  }
  if (moment.isConnected(index)) catchUp(moment, index)
  take(moment, index)
  carry(moment, index)
  judge(moment, index)
  report(moment, index)
  publish(moment, index)
  resend(moment, index)
  spendAlone(moment, index)
  useToken(moment, index)
}

function catchUp(moment: Moment, index: number): void {
  const { stale, applied } = moment.member(index)
  const { log } = moment.state
  if (stale !== null) {
    return moment.go(`m${index} catches up`, (to) => {
      Object.assign(at(to.members, index), { stale: null, applied: to.log.length })
    })
  }
  if (applied === log.length) return
  moment.go(`m${index} applies ${at(log, applied).type}`, (to) => {
    at(to.members, index).applied++
  })
}

/** A member whose disk went back meets the others: a new incarnation, which answers for nothing that it had open. */
function meet(moment: Moment, index: number): void {
  const { rules, end } = moment
  moment.go(`m${index} is told that its disk went back`, (to) => {
    Object.assign(at(to.members, index), { stale: null, applied: to.log.length })
    if (end.holder !== index || rules.rollback === "unspent") return
    const record = moment.journalOf(index, to)
    Object.assign(record, { turn: end.turn, token: end.head, answer: 0, resends: 1, fenced: 0 })
  })
}

// -- turns -------------------------------------------------------------------------------------------------------------

/** Nothing stands against spending the head, as far as this member knows. */
function isFree(moment: Moment, index: number): boolean {
  const { head, dead, removed } = moment.viewOf(index)
  if (head === 0 || dead || has(removed, index) || !moment.mayGoOn(head)) return false
  // Sent twice, and an earlier POST may still arrive: it would replay the parent of whatever comes next.
  const parent = at(moment.state.server.parent, head)
  const unsettled = moment.state.twice[parent] === 1 && moment.isUnderWay(parent)
  return !(moment.rules.settles && unsettled)
}

/** No descendant of the head in the journal, and the head was not sent from here where a second use can cost the account. */
function isClean(moment: Moment, index: number): boolean {
  const { head } = moment.viewOf(index)
  if (moment.isBelow(moment.journalOf(index).pair, head) || moment.isBusy(index)) return false
  return moment.rules.takeover === "policy" || !moment.hasSent(index, head)
}

function take(moment: Moment, index: number): void {
  const { rules, state } = moment
  const { head, turn, holder, refused } = moment.viewOf(index)
  if (!moment.isConnected(index) || !moment.isMember(index) || refused) return
  if (!isFree(moment, index) || !isClean(moment, index)) return
  const waiting = state.delayed.map((entry) => (entry.type === "turn" ? entry.turn : 0))
  const entry = {
    type: "turn",
    turn: Math.max(moment.end.lastTurn, ...waiting) + 1,
    token: head,
    holder: index,
    replaces: turn,
  } as const
  const ask = (to: State): void => void (at(to.members, index).asked = entry.turn)
  if (turn === 0) return moment.propose(`m${index}`, entry, ask)
  const may =
    rules.takeover === "expiry" || (rules.takeover === "policy" && moment.isInWindow(head))
  if (holder === index || !may || moment.left("takeover") === 0) return
  const over = (to: State): void => {
    spend(to, "takeover")
    to.twice[head] = 1
    ask(to)
  }
  moment.propose(`m${index} takes over:`, entry, over, true)
}

/** Hands the go to the courier. With or without quorum: its turn is committed, and nobody else may spend. */
function carry(moment: Moment, index: number): void {
  const { rules } = moment
  const { asked } = moment.member(index)
  const view = moment.viewOf(index)
  if (view.holder !== index || !isFree(moment, index)) return
  const journal = moment.journalOf(index)
  if (view.tookOver && !moment.isInWindow(view.head)) return
  const label = `m${index} has token ${view.head} carried`
  if (rules.foundTurn === "spent" && journal.answer <= 0 && !moment.isBusy(index)) {
    return handOver(moment, index, label, view.head, view.turn)
  }
  if (asked !== view.turn || journal.fenced === view.turn || !isClean(moment, index)) return
  handOver(moment, index, label, view.head, view.turn)
}

function handOver(
  moment: Moment,
  index: number,
  label: string,
  token: Token,
  turn: number,
  also: ((to: State) => void) | null = null,
): void {
  const key = moment.keyOf(token, turn)
  const change = (to: State): void => {
    also?.(to)
    const member = at(to.members, index)
    member.asked = 0
    member.courier = { phase: PHASE.ready, token, key, turn: turn || -1, answer: 0, slept: 0 }
  }
  moment.go(label, change, also !== null)
}

/** An own turn without a record: fenced off first, and never spent after that. */
function judge(moment: Moment, index: number): void {
  const { asked, courier } = moment.member(index)
  const { holder, turn } = moment.viewOf(index)
  const journal = moment.journalOf(index)
  if (holder !== index || journal.turn === turn || journal.fenced === turn) return
  if (moment.isSending(index)) return
  // A run that still has its own go under way does not judge it out of impatience more often than the bounds say.
  const hurried = asked === turn || (courier.phase === PHASE.ready && courier.slept === 0)
  const fence = (to: State): void => {
    at(to.members, index).asked = 0
    moment.journalOf(index, to).fenced = turn
  }
  const label = `m${index} finds no record of turn ${turn}`
  if (hurried) moment.pay("unspent", `${label} yet`, fence)
  else moment.go(label, fence)
}

function report(moment: Moment, index: number): void {
  const { holder, turn, head, dead } = moment.viewOf(index)
  if (!moment.isConnected(index) || !moment.isMember(index)) return
  const journal = moment.journalOf(index)
  const fenced = journal.fenced === turn && turn !== 0
  if (holder === index && fenced) {
    moment.propose(`m${index}`, { type: "unspent", turn })
  }
  const refused = journal.turn !== 0 && journal.answer === -1 && journal.token === head
  if (!refused || dead || isContradicted(moment, head)) return
  moment.propose(`m${index}`, { type: "rejected", turn: Math.max(journal.turn, 0), token: head })
}

/** Somebody reachable knows better than this refusal. */
function isContradicted(moment: Moment, head: Token): boolean {
  const { rules, state } = moment
  const someone = (what: (index: number) => boolean): boolean =>
    state.members.some(({ up, isolated }, index) => up === 1 && isolated === 0 && what(index))
  switch (rules.latch) {
    case "refusal":
    case "spenders":
      return false
    case "journals":
      return someone((index) => moment.isBelow(moment.journalOf(index).pair, head))
    case "couriers": {
      const busy = (index: number): boolean => {
        const { phase, token } = moment.member(index).courier
        return phase !== PHASE.idle && token === head
      }
      return someone((index) => busy(index) || moment.isBelow(moment.journalOf(index).pair, head))
    }
    default:
      return rules.latch satisfies never
  }
}

/** Offers the log the next link that it lacks. */
function publish(moment: Moment, index: number): void {
  const { rules, end, state } = moment
  if (!moment.isConnected(index) || (!moment.isMember(index) && !rules.surrenders)) return
  let pair = moment.journalOf(index).pair
  if (rules.keeps === "chain" && rules.accepts === "parent") {
    while (pair !== 0 && state.server.parent[pair] !== end.head)
      pair = at(state.server.parent, pair)
  }
  if (pair === 0 || pair === moment.viewOf(index).head) return
  moment.propose(`m${index}`, { type: "result", token: pair })
}

// -- doubt and solitude ------------------------------------------------------------------------------------------------

/** Its own turn, or what it sent alone while no turn was open. */
function isItsOwn(moment: Moment, index: number): boolean {
  const { holder, turn } = moment.viewOf(index)
  const recorded = moment.journalOf(index).turn
  if (recorded > 0) return holder === index && recorded === turn
  return recorded === -1 && (moment.rules.machine !== "own" || turn === 0)
}

export function mayResend(moment: Moment, index: number): boolean {
  const { rules, state } = moment
  const { token, resends } = moment.journalOf(index)
  const { dead, removed } = moment.viewOf(index)
  if (rules.resend === "never" || resends > 0 || dead || has(removed, index)) return false
  if (!isItsOwn(moment, index) || token !== moment.newestOf(index)) return false
  if (!moment.isInDoubt(index, token) || !moment.isInWindow(token)) return false
  return rules.resend === "any" || !state.late.some((each) => each.token === token)
}

function resend(moment: Moment, index: number): void {
  if (!mayResend(moment, index)) return
  // Nobody resends before it has met the others: its disk may have gone back, and the doubt may be long settled.
  if (moment.member(index).stale !== null && moment.rules.rollback === "reborn") return
  const { token, turn } = moment.journalOf(index)
  moment.go(`m${index} resends token ${token}`, (to) => {
    moment.journalOf(index, to).resends++
    to.twice[token] = 1
    dropCourier(to, index)
    const key = moment.keyOf(token, Math.max(turn, 0))
    at(to.members, index).courier = { phase: PHASE.sent, token, key, turn, answer: 0, slept: 0 }
  })
}

function spendAlone(moment: Moment, index: number): void {
  const { rules } = moment
  const token = moment.newestOf(index)
  const view = moment.viewOf(index)
  if (token === 0 || view.dead || has(view.removed, index) || !moment.mayGoOn(token)) return
  if (moment.isBusy(index) || moment.hasSent(index, token)) return
  const holder = view.holder === index
  const may =
    rules.alone === "anybody" || rules.machine !== "own" || (rules.alone === "holder-on" && holder)
  const alone = !moment.isConnected(index) || !moment.isMember(index)
  if (alone && may) {
    handOver(moment, index, `m${index}, alone, has token ${token} carried`, token, 0)
  }
  if (moment.left("override") === 0) return
  const usesTurn = holder && token === view.head && moment.journalOf(index).fenced !== view.turn
  const turn = usesTurn ? view.turn : 0
  handOver(moment, index, `a person lets m${index} spend token ${token}`, token, turn, (to) => {
    spend(to, "override")
    to.gamble = 1
  })
}

/** Uses the newest pair that it may; only `confirm` servers notice. */
function useToken(moment: Moment, index: number): void {
  const { rules, state } = moment
  if (rules.policy !== "confirm") return
  const { phase, answer } = moment.member(index).courier
  const alone = !moment.isConnected(index) || !moment.isMember(index)
  const early = rules.use === "at-once" || (rules.use === "recorded-alone" && alone)
  const raw = rules.use === "at-once" && phase === PHASE.answered && answer > 0
  const token = raw ? answer : early ? moment.newestOf(index) : moment.viewOf(index).head
  const family = at(state.server.family, token)
  if (token === 0 || state.server.current[family] !== token) return
  if (state.server.used[family] === 1) return
  moment.go(`m${index} uses token ${token}`, (to) => {
    to.server.used[family] = 1
    if (!isDurable(to, token)) to.ghost |= GHOST.earlyUse
  })
}
