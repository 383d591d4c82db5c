/** What people do to the cluster, and what befalls a member without its courier's doing. */

import { has } from "./log.ts"
import type { Moment } from "./moment.ts"
import { dropCourier, spend } from "./moment.ts"
import { crash } from "./courier.ts"
import { issue } from "./server.ts"
import { at, PHASE, type State } from "./state.ts"

/** Logins, logouts and removals at a member that is up. */
export function peopleSteps(moment: Moment, index: number): void {
  login(moment, index)
  const view = moment.viewOf(index)
  const reached = moment.isConnected(index) && moment.isMember(index)
  if (!reached) return
  if (view.head !== 0 && moment.left("logout") > 0) {
    const pay = (to: State): void => spend(to, "logout")
    moment.propose(`a person at m${index}`, { type: "logout", epoch: view.epoch }, pay, true)
  }
  const { removed } = moment.end
  moment.state.members.forEach((_, other) => {
    const voters = moment.bounds.voters & ~removed & ~(1 << other)
    if (other === index || has(removed, other) || voters === 0) return
    moment.pay("remove", `a person removes m${other} for good`, (to) => {
      moment.commit(to, { type: "remove", member: other })
    })
  })
}

function login(moment: Moment, index: number): void {
  const journal = moment.journalOf(index)
  const view = moment.viewOf(index)
  const { login: token, loginEnds } = journal
  if (token !== 0) {
    if (loginEnds === view.epoch && moment.isConnected(index) && moment.isMember(index)) {
      moment.propose(`m${index}`, { type: "login", token, epoch: loginEnds })
    }
    const late = moment.rules.comparesEpoch && loginEnds !== view.epoch
    if (view.head === token || late) {
      moment.go(`m${index} lets its login ${token} go`, (to) => {
        moment.journalOf(index, to).login = 0
      })
    }
    return
  }
  if (has(view.removed, index)) return
  moment.pay("login", `a person logs in at m${index}`, (to) => {
    const family = to.server.current.length
    const record = moment.journalOf(index, to)
    record.login = issue(to, family, 0)
    record.loginEnds = view.epoch
    to.logouts[family] = at(to.logouts, 0)
  })
}

/** Crashes, restarts, partitions, and disks that go back. */
export function fateSteps(moment: Moment, index: number): void {
  const { up, isolated, courier, image } = moment.member(index)
  const name = `m${index}`
  if (up === 1) {
    moment.pay("appCrash", `the application of ${name} crashes`, (to) => {
      Object.assign(at(to.members, index), { up: 0, asked: [] })
      if (moment.rules.sender === "application") dropCourier(to, index)
    })
  } else {
    moment.go(`${name} restarts`, (to) => {
      const member = at(to.members, index)
      member.up = 1
      if (moment.rules.restart === "knows-snapshot") member.applied = member.saved
    })
  }
  if (courier.phase === PHASE.idle) crash(moment, index)
  if (isolated === 1) {
    moment.go(`${name} is connected again`, (to) => void (at(to.members, index).isolated = 0))
  } else {
    moment.pay("partition", `${name} is cut off`, (to) => void (at(to.members, index).isolated = 1))
  }
  // A lone voter whose disk goes back takes the log with it: that is Raft's matter, not the refresh protocol's.
  if (moment.bounds.voters === 1 << index) return
  // Between the intent and the claim an image would know of the one and not of the other.
  const busy = moment.member(index).asked.length > 0 || courier.phase !== PHASE.idle
  if (busy && moment.rules.rollback === "intent-idle") return
  if (image === null) {
    moment.pay("image", `an image of ${name}'s disk is taken`, (to) => {
      const journal = { ...moment.journalOf(index) }
      at(to.members, index).image = { journal, view: moment.viewOf(index) }
    })
  } else {
    const back = (to: State): void => {
      dropCourier(to, index)
      const member = at(to.members, index)
      const { journal, view } = image
      Object.assign(member, { up: 0, asked: [], image: null, stale: view, journal: { ...journal } })
      member.applied = 0
    }
    moment.go(`${name}'s disk goes back to its image`, back, true)
  }
}
