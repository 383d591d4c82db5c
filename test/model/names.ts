/** Names of states: equal for states that differ only by which member is which, as long as voters stay voters. */

import { type Entry, has, type View } from "./log.ts"
import type { Bounds } from "./rules.ts"
import { at, type Journal, type Member, type State } from "./state.ts"

type Renaming = readonly number[]

const bits = (value: number, to: Renaming): number =>
  to.reduce((sum, name, member) => (has(value, member) ? sum | (1 << name) : sum), 0)

function entryKey(entry: Entry, to: Renaming): string {
  switch (entry.type) {
    case "turn":
      return `T${entry.turn},${entry.token},${to[entry.holder]},${entry.replaces}`
    case "unspent":
      return `U${entry.turn}`
    case "doubt":
      return `D${entry.turn}`
    case "vouch":
      return `V${to[entry.member]},${entry.token}`
    case "rejected":
      return `J${entry.turn},${entry.token}`
    case "result":
      return `R${entry.token}`
    case "remove":
      return `X${to[entry.member]}`
    case "login":
      return `L${entry.token},${entry.epoch}`
    case "logout":
      return `O${entry.epoch}`
    default:
      return entry satisfies never
  }
}

function viewKey(view: View, to: Renaming): string {
  const flags =
    (view.tookOver ? 1 : 0) | (view.dead ? 2 : 0) | (view.refused ? 4 : 0) | (view.doubt ? 8 : 0)
  const holder = view.holder < 0 ? "" : to[view.holder]
  return `${view.head}.${view.turn}.${holder}.${flags}.${view.epoch}.${view.family}.${bits(view.removed, to)}.${bits(view.spenders, to)}.${bits(view.suspects, to)}.${view.lastTurn}`
}

const journalKey = (journal: Journal): string =>
  `${journal.turn}.${journal.token}.${journal.answer}.${journal.resends}.${journal.pair}.${journal.fenced}.${journal.intent}.${journal.login}.${journal.loginEnds}`

function memberKey(member: Member, to: Renaming): string {
  const { courier, image, stale } = member
  const back = image === null ? "" : `i${journalKey(image.journal)}v${viewKey(image.view, to)}`
  const was = stale === null ? "" : `s${viewKey(stale, to)}`
  return `${member.up}${member.isolated}${member.applied}.${member.saved}.${member.asked.join()}.${courier.phase}.${courier.token}.${courier.key}.${courier.turn}.${courier.answer}.${courier.slept}.${courier.again}.${journalKey(member.journal)}${back}${was}`
}

function keyUnder(state: State, to: Renaming): string {
  const members: string[] = []
  state.members.forEach((member, index) => (members[at(to, index)] = memberKey(member, to)))
  const entries = [...state.log, null, ...state.delayed].map((entry) =>
    entry === null ? "then" : entryKey(entry, to),
  )
  return `${viewKey(state.base, to)}|${members.join("|")}|${entries.join("/")}`
}

/** What no renaming changes. */
function namelessKey(state: State): string {
  const { current, family, key, parent, revoked, used, window } = state.server
  const late = state.late.flatMap(({ token, key: named }) => [token, named])
  return [
    [...parent, -1, ...family, -1, ...key, -1, ...late, -1, ...state.posts, -1, ...state.twice],
    [...current, -1, ...revoked, -1, ...used, -1, ...window, -1, ...state.logouts],
    [...state.budget, state.gamble, state.ghost],
  ].join("|")
}

function permutations(count: number): readonly number[][] {
  if (count === 1) return [[0]]
  return permutations(count - 1).flatMap((shorter) =>
    Array.from({ length: count }, (_, place) => shorter.toSpliced(place, 0, count - 1)),
  )
}

/** The key of a state with its members as they are. */
export function exactKey(state: State): string {
  return `${keyUnder(state, [...state.members.keys()])}|${namelessKey(state)}`
}

/** The least key of a state under all renamings of its members that keep the voters voters. */
export function canonicalKey({ members, voters }: Bounds): (state: State) => string {
  const renamings = permutations(members).filter((to) =>
    to.every((name, member) => has(voters, member) === has(voters, name)),
  )
  return (state) => {
    let least = keyUnder(state, at(renamings, 0))
    for (let each = 1; each < renamings.length; each++) {
      const key = keyUnder(state, at(renamings, each))
      if (key < least) least = key
    }
    return `${least}|${namelessKey(state)}`
  }
}
