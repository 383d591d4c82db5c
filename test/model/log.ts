/**
 * What the members agree on: the entries of the log and what each one does when it is applied. Raft itself is taken for
 * granted: the log is one, atomic and durable. `production.ts` holds these rules against the real `fold`.
 */

import type { Rules } from "./rules.ts"

/** A refresh token, numbered in the order of issue from 1; it names the pair and, with the epoch's family, the lineage. */
export type Token = number

export type Entry =
  | {
      readonly type: "turn"
      readonly turn: number
      readonly token: Token
      readonly holder: number
      /** The open turn that it replaces (takeover); 0: none. */
      readonly replaces: number
    }
  | { readonly type: "unspent"; readonly turn: number }
  /** The holder has no answer. The turn stays open; from now on only an answer of the server ends it. */
  | { readonly type: "doubt"; readonly turn: number }
  /** The server refused the token. `turn` 0: it was sent alone, without a turn. */
  | { readonly type: "rejected"; readonly turn: number; readonly token: Token }
  /** A suspect says of the refused head: nothing of mine is on its way with it, and I hold no descendant of it. */
  | { readonly type: "vouch"; readonly member: number; readonly token: Token }
  | { readonly type: "result"; readonly token: Token }
  | { readonly type: "remove"; readonly member: number }
  /** `epoch`: the one that it ends. */
  | { readonly type: "login"; readonly token: Token; readonly epoch: number }
  | { readonly type: "logout"; readonly epoch: number }

/** The replicated state. */
export interface View {
  /** The newest committed pair; 0: logged out. */
  readonly head: Token
  /** The open turn; 0: none. */
  readonly turn: number
  /** -1: no turn is open. */
  readonly holder: number
  /** The open turn replaced another one. */
  readonly tookOver: boolean
  /** Its holder told that it has no answer. */
  readonly doubt: boolean
  /** A person must log in. */
  readonly dead: boolean
  /** Refused, although somebody else may have spent it. */
  readonly refused: boolean
  /** Bits of those who may have spent the refused head and have not vouched for themselves. */
  readonly suspects: number
  readonly epoch: number
  /** The family of the epoch's login at the server; 0: logged out. */
  readonly family: number
  /** Bits of the members that are removed. */
  readonly removed: number
  /** Bits of all members there ever were. */
  readonly members: number
  /** Bits of the holders whose turn for this head ended while they may have spent it. */
  readonly spenders: number
  /** The highest turn so far. */
  readonly lastTurn: number
}

/** What the log needs to know of tokens: who descends from whom is public, as keyed hashes. */
export interface Lineages {
  /** Parent of each token; 0: a login. */
  readonly parent: readonly Token[]
  readonly family: readonly number[]
  readonly generation: readonly number[]
}

export const has = (bits: number, member: number): boolean => ((bits >> member) & 1) === 1

const CLOSED = { turn: 0, holder: -1, tookOver: false, doubt: false } as const
const FRESH = { ...CLOSED, dead: false, refused: false, suspects: 0, spenders: 0 } as const

/** Applies one entry. Every condition is here, so that a proposal may commit late, twice or never: else it is a no-op. */
export function accept(view: View, entry: Entry, lineages: Lineages, rules: Rules): View {
  switch (entry.type) {
    case "turn":
      return acceptTurn(view, entry, rules)
    case "unspent":
      // That a second send did not leave says nothing of the first.
      if (view.doubt) return view
      return view.turn !== 0 && view.turn === entry.turn ? { ...view, ...CLOSED } : view
    case "doubt":
      if (view.turn === 0 || view.turn !== entry.turn || view.doubt) return view
      return { ...view, doubt: true }
    case "rejected":
      return acceptRejected(view, entry, rules)
    case "vouch":
      if (!view.refused || view.head !== entry.token || !has(view.suspects, entry.member))
        return view
      return refusedBy(view, view.suspects & ~(1 << entry.member))
    case "result": {
      if (view.head === 0) return view
      const follows =
        rules.accepts === "parent"
          ? lineages.parent[entry.token] === view.head
          : generation(lineages, entry.token) > generation(lineages, view.head)
      return follows ? { ...view, ...FRESH, head: entry.token } : view
    }
    case "remove":
      return acceptRemove(view, entry.member)
    case "login":
      if (view.head === entry.token) return view
      if (rules.comparesEpoch && view.epoch !== entry.epoch) return view
      return {
        ...view,
        ...FRESH,
        head: entry.token,
        epoch: view.epoch + 1,
        family: lineages.family[entry.token] as number,
      }
    case "logout": {
      if (view.head === 0 || (rules.comparesEpoch && view.epoch !== entry.epoch)) return view
      const epoch = rules.comparesEpoch ? view.epoch + 1 : view.epoch
      return { ...view, ...FRESH, head: 0, epoch, family: 0 }
    }
    default:
      return entry satisfies never
  }
}

const generation = (lineages: Lineages, token: Token): number =>
  lineages.generation[token] as number

function acceptTurn(view: View, entry: Extract<Entry, { type: "turn" }>, rules: Rules): View {
  const { token, holder, replaces, turn } = entry
  if (view.head !== token || view.dead || has(view.removed, holder)) return view
  if (view.turn !== replaces || (rules.refusalCloses && view.refused)) return view
  if (replaces !== 0 && rules.takeover === "never") return view
  return {
    ...view,
    turn,
    holder,
    tookOver: replaces !== 0,
    doubt: false,
    spenders: replaces === 0 ? view.spenders : view.spenders | (1 << view.holder),
    lastTurn: Math.max(view.lastTurn, turn),
  }
}

function acceptRejected(
  view: View,
  entry: Extract<Entry, { type: "rejected" }>,
  rules: Rules,
): View {
  if (view.dead || view.head !== entry.token) return view
  if (entry.turn !== 0 && view.turn !== entry.turn) return view
  return refusedBy({ ...view, ...CLOSED }, suspectsOf(view, rules))
}

/**
 * Who may have spent the head besides the holder that was refused: earlier holders; and where a second use is refused and the
 * winner lives, anybody, alone.
 */
function suspectsOf(view: View, { latch, policy }: Rules): number {
  if (latch === "refusal") return 0
  const anybody = latch === "vouched" && policy === "reject" ? view.members & ~view.removed : 0
  const suspects = view.spenders | anybody
  return view.holder < 0 ? suspects : suspects & ~(1 << view.holder)
}

/** A refusal is a proof once nobody is left who may have spent the token. */
function refusedBy(view: View, suspects: number): View {
  if (suspects !== 0) return { ...view, refused: true, suspects }
  return { ...view, refused: false, suspects, dead: true }
}

function acceptRemove(view: View, member: number): View {
  if (has(view.removed, member)) return view
  const removed = view.removed | (1 << member)
  if (view.holder !== member) return { ...view, removed }
  return { ...view, ...CLOSED, removed, spenders: view.spenders | (1 << member) }
}

/** An entry in words. */
export function words(entry: Entry): string {
  switch (entry.type) {
    case "turn": {
      const instead = entry.replaces === 0 ? "" : ` instead of turn ${entry.replaces}`
      return `turn ${entry.turn} on token ${entry.token} for m${entry.holder}${instead}`
    }
    case "unspent":
      return `turn ${entry.turn} unspent`
    case "doubt":
      return `turn ${entry.turn} in doubt`
    case "vouch":
      return `m${entry.member} did not spend token ${entry.token}`
    case "rejected":
      return `token ${entry.token} refused${entry.turn === 0 ? "" : ` in turn ${entry.turn}`}`
    case "result":
      return `the pair ${entry.token}`
    case "remove":
      return `the removal of m${entry.member}`
    case "login":
      return `the login ${entry.token} after epoch ${entry.epoch}`
    case "logout":
      return `the logout of epoch ${entry.epoch}`
    default:
      return entry satisfies never
  }
}
