/** The protocol of DESIGN sections 4 to 6 as a model: the steps of everybody, the invariants, and the ends that are owed. */

import type { Model } from "./checker.ts"
import { courierSteps, serverSteps } from "./courier.ts"
import { has, type View, words } from "./log.ts"
import { memberSteps } from "./member.ts"
import { mayResend } from "./solitude.ts"
import { foldTo } from "./compact.ts"
import { Moment, type Setting } from "./moment.ts"
import { fateSteps, peopleSteps } from "./people.ts"
import { canonicalKey } from "./names.ts"
import { at, GHOST, PHASE, start, type State } from "./state.ts"

export function protocol(setting: Setting): Model<State> {
  const moment = (state: State): Moment => new Moment(setting, state)
  const inDoubt = (state: State): boolean => {
    const now = moment(state)
    return state.members.some((_, index) => now.isInDoubt(index, now.end.head))
  }
  return {
    start: start(setting.bounds),
    key: canonicalKey(setting.bounds),
    next: (state) => allSteps(moment(state)),
    invariants: invariants(setting, inDoubt),
    good: (state) => isStill(state) && isGoodEnd(moment(state)),
    sights: {
      "all refreshed": (state) => {
        const { head } = foldTo(state, state.log.length, setting.rules)
        return state.server.generation[head] === setting.bounds.generations
      },
      "in doubt": inDoubt,
      dead: (state) => foldTo(state, state.log.length, setting.rules).dead,
      revoked: (state) => state.server.revoked.includes(1),
    },
  }
}

/** What anybody may do next, as far as the moment wants to know. */
export function allSteps(moment: Moment): Moment["steps"] {
  delayedSteps(moment)
  moment.state.members.forEach(({ up, stale }, index) => {
    courierSteps(moment, index)
    fateSteps(moment, index)
    if (up === 0) return
    memberSteps(moment, index)
    if (stale === null) peopleSteps(moment, index)
  })
  serverSteps(moment)
  return moment.steps
}

function delayedSteps(moment: Moment): void {
  moment.state.delayed.forEach((entry, index) => {
    if (moment.quorum) {
      moment.go(`late, there commits ${words(entry)}`, (to) => {
        to.delayed.splice(index, 1)
        moment.commit(to, entry)
      })
    }
    moment.go(`the proposal of ${words(entry)} is lost`, (to) => void to.delayed.splice(index, 1))
  })
}

/** Short name to rule; the README has the sentences. */
function invariants(
  { rules, bounds }: Setting,
  inDoubt: (state: State) => boolean,
): Model<State>["invariants"] {
  const strict = rules.policy === "strict"
  const lastResort = strict && rules.resend === "gone"
  const harmless = bounds.machineCrash + bounds.loss + bounds.image === 0
  const revoked = GHOST.revokedHeld | GHOST.revokedLost
  const last = (state: State): View => foldTo(state, state.log.length, rules)
  return {
    S1: (state) => !strict || state.gamble > 0 || !state.posts.some((count) => count > 1),
    S1b: (state) => state.gamble > 0 || (state.ghost & GHOST.revokedHeld) === 0,
    S1c: (state) => state.gamble > 0 || lastResort || (state.ghost & revoked) === 0,
    S2: (state) => (state.ghost & GHOST.wrongLogin) === 0,
    E: (state) => {
      const { head, family } = last(state)
      if (head === 0) return true
      const begun = at(state.logouts, family) >= at(state.logouts, 0)
      return state.server.family[head] === family && begun
    },
    C: (state) => (state.ghost & GHOST.earlyUse) === 0,
    D: (state) => !harmless || !inDoubt(state),
    R: (state) => (state.ghost & GHOST.refusedAgain) === 0,
    L: (state) => (state.ghost & GHOST.lateSend) === 0,
  }
}

/** Nothing is under way and nobody is away. */
function isStill({ members, log, delayed, late }: State): boolean {
  if (log.length + delayed.length + late.length > 0) return false
  return members.every(
    ({ up, isolated, courier, asked, stale }) =>
      up === 1 &&
      isolated === 0 &&
      courier.phase === PHASE.idle &&
      asked.length === 0 &&
      stale === null,
  )
}

/** Converged, logged out, agreed to be dead, or in a doubt that only its holder or a person can end. */
function isGoodEnd(moment: Moment): boolean {
  const { state, end } = moment
  const { members, server } = state
  if (end.head === 0) return true
  const counts = (index: number): boolean => !has(end.removed, index)
  const loginWaits = members.some((_, index) => {
    const { login, loginEnds } = moment.journalOf(index)
    return counts(index) && login !== 0 && loginEnds === end.epoch
  })
  if (loginWaits) return false
  const family = at(server.family, end.head)
  const current = at(server.current, family)
  const alive = server.revoked[family] === 0
  if (alive && current === end.head && !end.dead && !end.refused && end.turn === 0) return true
  const kept = members.some((_, index) => moment.journalOf(index).pair === current)
  // A living pair lies on a disk that can be reached, be its member removed or not: it has to be adopted.
  if (alive && kept && current !== end.head) return false
  if (end.dead || end.refused || !moment.mayGoOn(end.head)) return true
  return members.some((_, index) => moment.isInDoubt(index, end.head) && !mayResend(moment, index))
}
