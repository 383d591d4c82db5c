/** What a member that is up may do next: take a turn, have its token carried, judge, report, resend, spend alone. */

import { has } from "./log.ts"
import type { Moment } from "./moment.ts"
import { spend } from "./moment.ts"
import type { Rules } from "./rules.ts"
import { handOver, resend, spendAlone, useToken } from "./solitude.ts"
import { at, PHASE, REPLY, type State } from "./state.ts"

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
  vouch(moment, index)
  publish(moment, index)
  resend(moment, index)
  spendAlone(moment, index)
  useToken(moment, index)
}

function catchUp(moment: Moment, index: number): void {
  const { stale, applied, saved } = moment.member(index)
  if (moment.rules.restart === "knows-snapshot" && saved < applied) {
    moment.go(`m${index} writes its snapshot`, (to) => {
      at(to.members, index).saved = applied
    })
  }
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
    if (end.holder !== index || rules.rollback === "unspent" || isIntentKept(rules)) return
    const record = moment.journalOf(index, to)
    Object.assign(record, { turn: end.turn, token: end.head, answer: 0, resends: 1, fenced: 0 })
  })
}

const isIntentKept = ({ rollback }: Rules): boolean =>
  rollback === "intent" || rollback === "intent-idle"

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

/** Its journal holds a descendant of the head: whoever spent the head again would replay it. */
function hasDescendant(moment: Moment, index: number): boolean {
  return moment.isBelow(moment.journalOf(index).pair, moment.viewOf(index).head)
}

/** It sent the head without a turn: no turn will tell what came of it. */
function hasSentAlone(moment: Moment, index: number): boolean {
  const { turn } = moment.journalOf(index)
  return turn < 0 && moment.hasSent(index, moment.viewOf(index).head)
}

/** No descendant in the journal, and the head was not sent from here where a second use can cost the account. */
function isClean(moment: Moment, index: number): boolean {
  const { head } = moment.viewOf(index)
  if (hasDescendant(moment, index) || moment.isBusy(index)) return false
  return moment.rules.takeover === "policy" || !moment.hasSent(index, head)
}

function take(moment: Moment, index: number): void {
  const { rules, state } = moment
  const { head, turn, holder, doubt, refused } = moment.viewOf(index)
  if (!moment.isConnected(index) || !moment.isMember(index) || refused) return
  if (!isFree(moment, index) || hasDescendant(moment, index)) return
  if (rules.takeover !== "policy" && hasSentAlone(moment, index)) return
  const waiting = state.delayed.map((entry) => (entry.type === "turn" ? entry.turn : 0))
  const entry = {
    type: "turn",
    turn: Math.max(moment.end.lastTurn, ...waiting) + 1,
    token: head,
    holder: index,
    replaces: turn,
  } as const
  const ask = (to: State): void => {
    if (isIntentKept(rules)) moment.journalOf(index, to).intent = entry.turn
    at(to.members, index).asked = [...moment.member(index).asked, entry.turn]
  }
  if (turn === 0) return moment.propose(`m${index}`, entry, ask)
  const may =
    rules.takeover === "expiry" || (rules.takeover === "policy" && moment.isInWindow(head))
  // Also the holder itself, whose first attempt is in doubt: it sends again under another turn of its own. A silent one of its
  // own it waits for.
  if (!may || (holder === index && !doubt) || moment.left("takeover") === 0) return
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
  if (!asked.includes(view.turn) || journal.fenced === view.turn || !isClean(moment, index)) return
  handOver(moment, index, label, view.head, view.turn)
}

/** An own turn without a record: fenced off first, and never spent after that. */
function judge(moment: Moment, index: number): void {
  const { asked, courier } = moment.member(index)
  const { holder, turn } = moment.viewOf(index)
  const journal = moment.journalOf(index)
  if (holder !== index || journal.turn === turn || journal.fenced === turn) return
  if (moment.isSending(index)) return
  // A run that still has its own go under way does not judge it out of impatience more often than the bounds say.
  const hurried = asked.includes(turn) || (courier.phase === PHASE.ready && courier.slept === 0)
  const fence = (to: State): void => {
    at(to.members, index).asked = asked.filter((each) => each !== turn)
    moment.journalOf(index, to).fenced = turn
  }
  if (isIntentKept(moment.rules) && journal.intent !== turn) {
    return moment.go(`m${index} finds no intent of turn ${turn}`, (to) => {
      const { head: token } = moment.viewOf(index)
      Object.assign(moment.journalOf(index, to), { turn, token, answer: 0, resends: 1 })
    })
  }
  const label = `m${index} finds no record of turn ${turn}`
  if (hurried) moment.pay("unspent", `${label} yet`, fence)
  else moment.go(label, fence)
}

function report(moment: Moment, index: number): void {
  const { holder, turn, head, dead, doubt } = moment.viewOf(index)
  if (!moment.isConnected(index) || !moment.isMember(index)) return
  const journal = moment.journalOf(index)
  const recorded = turn !== 0 && journal.turn === turn
  const unspent = recorded ? journal.answer === REPLY.later : journal.fenced === turn
  if (holder === index && turn !== 0 && unspent) {
    moment.propose(`m${index}`, { type: "unspent", turn })
  }
  if (holder === index && recorded && !doubt && moment.isInDoubt(index, head)) {
    moment.propose(`m${index}`, { type: "doubt", turn })
  }
  // A refusal that was met alone is remembered here and nowhere else: the token is not sent again.
  const told = journal.turn > 0 || (journal.turn < 0 && moment.rules.machine !== "own")
  const refused = told && journal.answer === REPLY.refused && journal.token === head
  if (!refused || dead) return
  moment.propose(`m${index}`, { type: "rejected", turn: Math.max(journal.turn, 0), token: head })
}

/** Says that it did not spend the refused head, when it can know that. */
function vouch(moment: Moment, index: number): void {
  const { head, refused, suspects } = moment.viewOf(index)
  if (!refused || !has(suspects, index) || !moment.isConnected(index)) return
  const clean = !moment.isBusy(index) && !hasDescendant(moment, index)
  if (!moment.isMember(index) || (moment.rules.vouches === "when-clean" && !clean)) return
  moment.propose(`m${index}`, { type: "vouch", member: index, token: head })
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
