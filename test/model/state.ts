/** One state of the model: what is replicated, what each machine has on its disk, what is on its way, and the server. */

import type { Entry, Token, View } from "./log.ts"
import { type Bounds, EVENTS } from "./rules.ts"

/** What one machine has synced to its disk. */
export interface Journal {
  /** The record: turn of the newest claimed attempt; 0: none, -1: sent without a turn. */
  turn: number
  token: Token
  /** What the record says came back: 0 nothing, above 0 the new pair, or a word of {@link REPLY}. */
  answer: number
  resends: number
  /** The newest pair received here that is not known to be committed. */
  pair: Token
  /** The turn that is fenced off (`void`): it never sends, and may be reported unspent. */
  fenced: number
  /** The newest turn that it wrote down before it asked for it (`rollback: "intent"`). */
  intent: number
  /** The pair of a login made here that is not in the log, and the epoch that it ends. */
  login: Token
  loginEnds: number
}

/** What a server says instead of a pair: the grant is refused; not now, and the token was not looked at. */
export const REPLY = { refused: -1, later: -2 } as const

/** The courier: idle; has its go (no lock yet); its request is on the way; an answer is on the way back. */
export const PHASE = { idle: 0, ready: 1, sent: 2, answered: 3 } as const

export interface Courier {
  phase: number
  token: Token
  key: number
  /** The turn of the go; -1: none. */
  turn: number
  answer: number
  /** The machine slept after the go: it is older than 5 s. */
  slept: number
  /** The token was sent before, in the same turn. */
  again: number
}

/** A member's disk as it once was. */
export interface Image {
  readonly journal: Journal
  readonly view: View
}

export interface Member {
  up: number
  isolated: number
  /** How many entries of `log` it has applied. */
  applied: number
  /** How many of them it still knows after a restart (`rules.restart`). */
  saved: number
  /** The turns that this very run proposed and has not carried yet. */
  asked: readonly number[]
  journal: Journal
  courier: Courier
  image: Image | null
  /** Its disk went back to this view, and it has not met the others since. */
  stale: View | null
}

export interface Server {
  parent: Token[]
  family: number[]
  generation: number[]
  /** By family: the newest token; revoked; the newest was used; its window is open. */
  current: Token[]
  revoked: number[]
  used: number[]
  window: number[]
  /** By token: the idempotency key of its first use. */
  key: number[]
}

export interface State {
  /** The state after everything that all members have applied. */
  base: View
  log: Entry[]
  members: Member[]
  /** Proposals that may still commit. */
  delayed: Entry[]
  /** Requests that nobody waits for and that may still arrive. */
  late: { token: Token; key: number }[]
  server: Server
  /** POSTs per token, resends not counted. */
  posts: number[]
  /** Tokens that were sent twice by a row of the policy or by a resend. */
  twice: number[]
  /** A person removed the holder of an open turn, or spent here by consent. */
  gamble: number
  ghost: number
  /** Per family: how many logouts there had been when its login began. [0]: how many there are. */
  logouts: number[]
  budget: number[]
}

/** What went wrong on the way; no rule can see it. */
export const GHOST = {
  revokedHeld: 1,
  revokedLost: 2,
  wrongLogin: 4,
  earlyUse: 8,
  lateSend: 16,
  refusedAgain: 32,
}

/** The element, which must exist. */
export function at<T>(list: readonly T[], index: number): T {
  return list[index] as T
}

const IDLE: Courier = { phase: 0, token: 0, key: 0, turn: 0, answer: 0, slept: 0, again: 0 }
export const idle = (): Courier => ({ ...IDLE })

const EMPTY: Journal = {
  turn: 0,
  token: 0,
  answer: 0,
  resends: 0,
  pair: 0,
  fenced: 0,
  intent: 0,
  login: 0,
  loginEnds: 0,
}

/** Everybody is up, logged in with token 1, and nothing is under way. */
export function start(bounds: Bounds): State {
  return {
    base: {
      head: 1,
      turn: 0,
      holder: -1,
      tookOver: false,
      doubt: false,
      dead: false,
      refused: false,
      suspects: 0,
      epoch: 1,
      family: 1,
      removed: 0,
      members: (1 << bounds.members) - 1,
      spenders: 0,
      lastTurn: 0,
    },
    log: [],
    members: Array.from({ length: bounds.members }, () => ({
      up: 1,
      isolated: 0,
      applied: 0,
      saved: 0,
      asked: [],
      journal: { ...EMPTY },
      courier: idle(),
      image: null,
      stale: null,
    })),
    delayed: [],
    late: [],
    server: {
      parent: [0, 0],
      family: [0, 1],
      generation: [0, 1],
      current: [0, 1],
      revoked: [0, 0],
      used: [0, 0],
      window: [0, 0],
      key: [0, 0],
    },
    posts: [0, 0],
    twice: [0, 0],
    gamble: 0,
    ghost: 0,
    logouts: [0, 0],
    budget: EVENTS.map((event) => bounds[event]),
  }
}

export function copy(state: State): State {
  const { server } = state
  return {
    ...state,
    log: state.log.slice(),
    members: state.members.map((member) => ({
      ...member,
      journal: { ...member.journal },
      courier: { ...member.courier },
    })),
    delayed: state.delayed.slice(),
    late: state.late.slice(),
    server: {
      parent: server.parent.slice(),
      family: server.family.slice(),
      generation: server.generation.slice(),
      current: server.current.slice(),
      revoked: server.revoked.slice(),
      used: server.used.slice(),
      window: server.window.slice(),
      key: server.key.slice(),
    },
    posts: state.posts.slice(),
    twice: state.twice.slice(),
    logouts: state.logouts.slice(),
    budget: state.budget.slice(),
  }
}

/** Committed or recorded. */
export function isDurable(state: State, token: Token): boolean {
  const told = (entry: Entry): boolean =>
    (entry.type === "result" || entry.type === "login") && entry.token === token
  return (
    state.base.head === token ||
    state.log.some(told) ||
    state.delayed.some(told) ||
    state.members.some(({ journal }) => journal.pair === token || journal.login === token)
  )
}

/** Committed, recorded, or on its way to a courier. */
export function holds(state: State, token: Token): boolean {
  const comes = ({ courier }: Member): boolean =>
    courier.phase === PHASE.answered && courier.answer === token
  return isDurable(state, token) || state.members.some(comes)
}
