/** A member in doubt or without a quorum: what it may send again, spend by itself, and use. */

import { has, type Token } from "./log.ts"
import { dropCourier, type Moment, spend } from "./moment.ts"
import type { Rules } from "./rules.ts"
import { at, GHOST, idle, isDurable, PHASE, type State } from "./state.ts"

/** Gives the courier its go. */
export function handOver(
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
    member.asked = member.asked.filter((each) => each !== turn)
    member.courier = { ...idle(), phase: PHASE.ready, token, key, turn: turn || -1 }
  }
  moment.go(label, change, also !== null)
}

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

export function resend(moment: Moment, index: number): void {
  if (!mayResend(moment, index) || (moment.rules.locks && moment.isBusy(index))) return
  // Nobody resends before it has met the others: its disk may have gone back, and the doubt may be long settled.
  if (moment.member(index).stale !== null && isCareful(moment.rules)) return
  const { token, turn } = moment.journalOf(index)
  moment.go(`m${index} has token ${token} carried again`, (to) => {
    dropCourier(to, index)
    const key = moment.keyOf(token, Math.max(turn, 0))
    at(to.members, index).courier = { ...idle(), phase: PHASE.ready, token, key, turn, again: 1 }
  })
}

const isCareful = ({ rollback }: Rules): boolean =>
  rollback === "reborn" || rollback === "intent" || rollback === "intent-idle"

export function spendAlone(moment: Moment, index: number): void {
  const { rules } = moment
  const token = moment.newestOf(index)
  const view = moment.viewOf(index)
  if (token === 0 || view.dead || has(view.removed, index) || !moment.mayGoOn(token)) return
  if (moment.isBusy(index) || moment.hasSent(index, token)) return
  const holder = view.holder === index
  const may =
    rules.alone === "anybody" || rules.machine !== "own" || (rules.alone === "holder-on" && holder)
  const alone = moment.isAlone(index)
  if (alone && may) {
    handOver(moment, index, `m${index}, alone, has token ${token} carried`, token, 0)
  }
  if (moment.left("override") === 0) return
  const usesTurn = holder && token === view.head && moment.journalOf(index).fenced !== view.turn
  const turn = usesTurn ? view.turn : 0
  handOver(moment, index, `a person lets m${index} spend token ${token}`, token, turn, (to) => {
    spend(to, "override")
    if (!rules.asksAfterGamble) to.gamble = 1
  })
}

/** Uses the newest pair that it may; only `confirm` servers notice. */
export function useToken(moment: Moment, index: number): void {
  const { rules, state } = moment
  if (rules.policy !== "confirm") return
  const { phase, answer } = moment.member(index).courier
  const alone = moment.isAlone(index)
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
