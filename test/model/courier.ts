/** What a courier, the server and the network may do next. */

import type { Moment } from "./moment.ts"
import { dropCourier } from "./moment.ts"
import { answer, isTimed } from "./server.ts"
import { at, GHOST, idle, PHASE, REPLY, type State } from "./state.ts"

/** Between the go and the end of one courier. */
export function courierSteps(moment: Moment, index: number): void {
  switch (moment.member(index).courier.phase) {
    case PHASE.ready:
      return readySteps(moment, index)
    case PHASE.sent:
      return sentSteps(moment, index)
    case PHASE.answered:
      return answeredSteps(moment, index)
    default:
  }
}

const end =
  (index: number) =>
  (to: State): void => {
    at(to.members, index).courier = idle()
  }

/** It has its go; it takes the lock, claims the attempt, and the first byte leaves. */
function readySteps(moment: Moment, index: number): void {
  const { rules } = moment
  const { courier } = moment.member(index)
  const journal = moment.journalOf(index)
  const { turn, token, slept, again } = courier
  const name = `the courier of m${index}`
  const fenced = rules.fences && turn > 0 && journal.fenced === turn
  // One record per attempt; a holder that spends its turn again does so as a second attempt.
  const taken = rules.foundTurn !== "spent" && journal.turn === turn && turn > 0 && again === 0
  const old = rules.refusesOldGo && slept === 1
  if (fenced || taken || old) {
    const why = old ? "its go is too old" : "the attempt is fenced off"
    return moment.go(`${name} refuses: ${why}`, end(index))
  }
  moment.go(`${name} claims and sends token ${token}`, (to) => {
    const record = moment.journalOf(index, to)
    at(to.members, index).courier.phase = PHASE.sent
    if (again === 1) {
      record.resends++
      to.twice[token] = 1
    } else {
      if (rules.claims) Object.assign(record, { turn, token, answer: 0, resends: 0 })
      to.posts[token] = (to.posts[token] ?? 0) + 1
    }
    const ended = moment.end.turn !== turn && turn > 0
    if (slept === 1 && ended) to.ghost |= GHOST.lateSend
  })
  moment.pay("loss", `${name} cannot connect`, end(index))
  if (slept === 0) {
    moment.pay("sleep", `m${index} sleeps; ${name} has not claimed`, (to) => {
      at(to.members, index).courier.slept = 1
    })
  }
  crash(moment, index)
}

function sentSteps(moment: Moment, index: number): void {
  const { rules } = moment
  const { token, key, again } = moment.member(index).courier
  const name = `the courier of m${index}`
  moment.go(`the server answers token ${token} of m${index}`, (to) => {
    const reply = answer(to, rules.policy, token, key)
    Object.assign(at(to.members, index).courier, { phase: PHASE.answered, answer: reply })
  })
  moment.pay("throttle", `the server puts token ${token} of m${index} off`, (to) => {
    Object.assign(at(to.members, index).courier, { phase: PHASE.answered, answer: REPLY.later })
    if (again === 0) to.posts[token] = at(to.posts, token) - 1
  })
  const repeat = (to: State): void => void to.late.push({ token, key })
  moment.pay(
    "loss",
    `the request with token ${token} of m${index} is lost`,
    rules.repeats ? repeat : end(index),
  )
  moment.pay("loss", `${name} gives up, token ${token} still on the way`, (to) => {
    dropCourier(to, index)
  })
  crash(moment, index)
}

function answeredSteps(moment: Moment, index: number): void {
  const { rules } = moment
  const { answer: reply, token, again } = moment.member(index).courier
  const name = `the courier of m${index}`
  moment.go(`${name} records ${inWords(reply)}`, (to) => {
    const record = moment.journalOf(index, to)
    end(index)(to)
    if (!rules.claims) Object.assign(record, { turn: -1, token })
    // What a second send met says nothing of the first, unless it is an answer to both.
    const tells = reply !== REPLY.later || again === 0
    if (record.token === token && tells) record.answer = reply
    if (reply > 0) record.pair = reply
  })
  const repeat = (to: State): void => {
    Object.assign(at(to.members, index).courier, { phase: PHASE.sent, answer: 0 })
    to.posts[token] = at(to.posts, token) + 1
  }
  moment.pay("loss", `the response to m${index} is lost`, rules.repeats ? repeat : end(index))
  crash(moment, index)
}

function inWords(reply: number): string {
  if (reply > 0) return `the pair ${reply}`
  return reply === REPLY.refused ? "a refusal" : "that it was put off"
}

/** The machine goes down, and with it the courier: this is what leaves a doubt. */
export function crash(moment: Moment, index: number): void {
  moment.pay("machineCrash", `the machine of m${index} crashes`, (to) => {
    to.members.forEach((member, other) => {
      if (other !== index && moment.rules.machine === "own") return
      Object.assign(member, { up: 0, asked: [] })
      dropCourier(to, other)
    })
  })
}

/** Requests that nobody waits for arrive, and windows close. */
export function serverSteps(moment: Moment): void {
  const { rules, state } = moment
  state.late.forEach(({ token, key }, index) => {
    moment.go(`a late request with token ${token} arrives, nobody listens`, (to) => {
      to.late.splice(index, 1)
      answer(to, rules.policy, token, key)
    })
  })
  if (!isTimed(rules.policy)) return
  const resending = state.members.some(
    ({ courier }, index) =>
      (courier.phase === PHASE.ready || courier.phase === PHASE.sent) &&
      (courier.again === 1 || moment.journalOf(index).resends > 0),
  )
  if (rules.margin && (state.late.length > 0 || resending)) return
  const { current, parent, window } = state.server
  window.forEach((open, family) => {
    if (open === 0 || parent[at(current, family)] === 0) return
    const close = (to: State): void => void (to.server.window[family] = 0)
    moment.go("the server's window closes", close, true)
  })
}
