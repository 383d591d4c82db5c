/**
 * The rules of acceptance: what each committed entry does to the replicated state.
 *
 * Every member folds the same entries in the same order and gets the same state, so nothing here may depend on a clock, a
 * peer or chance. A proposal may commit late, twice, or after the world moved on: an entry whose condition does not hold
 * is a recorded no-op. That is the whole fence against old holders, old logins and duplicates.
 */

import type { NodeId } from "../raft/types.ts"
import { allowsTakeover } from "./policy.ts"
import type {
  ClusterState,
  Doubt,
  Epoch,
  KeySet,
  LogEntry,
  MemberId,
  MemberInfo,
  Pair,
  Proof,
  Refusal,
  Report,
  Turn,
  Verdict,
} from "./types.ts"

export interface Folded {
  readonly state: ClusterState
  readonly verdict: Verdict
}

/** What `fold` cannot see in the entry itself. */
export interface FoldContext {
  /** Log index of the entry; a turn is named by it. */
  readonly index: number
  /** The name under which the entry was proposed. */
  readonly proposal?: string | undefined
  /** A Result: its signature is the holder's. The same on every member, since it depends on the entry alone. */
  readonly signed: boolean
}

type Of<T extends LogEntry["type"]> = Extract<LogEntry, { type: T }>

/** Most key sets and removed members of a state. Readers of a snapshot refuse more, so a state with more is never made. */
export const KEY_SETS_MAX = 256
export const REMOVED_MAX = 1_024

const APPLIED: Verdict = { type: "applied" }

/** The state before the first entry. */
export function genesis(clusterId: string, members: readonly MemberInfo[]): ClusterState {
  return {
    clusterId,
    members,
    removed: [],
    provider: null,
    keys: [],
    epoch: 0,
    pair: null,
    proof: null,
    turn: null,
    dead: null,
    retry: null,
    misconfigured: null,
    refused: null,
    spenders: [],
    askedAtMs: null,
    resentAtMs: null,
    failures: 0,
    lastFailure: null,
  }
}

/** Applies one committed entry. */
export function fold(state: ClusterState, entry: LogEntry, context: FoldContext): Folded {
  const next = apply(state, entry, context)
  return typeof next === "string"
    ? { state, verdict: { type: "ignored", refusal: next } }
    : { state: next, verdict: APPLIED }
}

function apply(state: ClusterState, entry: LogEntry, context: FoldContext): ClusterState | Refusal {
  switch (entry.type) {
    case "provider":
      return applyProvider(state, entry)
    case "keys":
      return applyKeys(state, entry.keys)
    case "login":
      return applyLogin(state, entry.pair)
    case "logout":
      return applyLogout(state, entry.epoch)
    case "turn":
      return applyTurn(state, entry, context)
    case "result":
      return applyResult(state, entry, context.signed)
    case "report":
      return applyReport(state, entry)
    case "remove":
      return applyRemove(state, entry)
    case "vouch":
      return applyVouch(state, entry)
    default:
      return entry satisfies never
  }
}

function memberOf(state: ClusterState, id: NodeId): MemberInfo | undefined {
  return state.members.find((member) => member.id === id)
}

/** A new head: whatever was said about the old one is history. */
function withHead(
  state: ClusterState,
  pair: Pair | null,
  proof: Proof | null,
  epoch: Epoch,
): ClusterState {
  return {
    ...state,
    epoch,
    pair,
    proof,
    turn: null,
    dead: null,
    retry: null,
    misconfigured: null,
    refused: null,
    spenders: [],
    askedAtMs: null,
    resentAtMs: null,
    failures: 0,
    lastFailure: null,
  }
}

function applyProvider(state: ClusterState, entry: Of<"provider">): ClusterState | Refusal {
  const known = state.provider?.settings
  const { settings } = entry
  // Another server or client is another account: that is a new cluster, never an update of this one.
  const other =
    known !== undefined &&
    (known.issuer !== settings.issuer ||
      known.tokenEndpoint !== settings.tokenEndpoint ||
      known.clientId !== settings.clientId)
  if (other) return "not-allowed"
  return { ...state, provider: { settings, secretBox: entry.secretBox }, misconfigured: null }
}

function applyKeys(state: ClusterState, keys: KeySet): ClusterState | Refusal {
  const last = state.keys.at(-1)?.number ?? 0
  if (keys.number !== last + 1) return "stale-keys"
  if (state.keys.length >= KEY_SETS_MAX) return "too-many"
  return { ...state, keys: [...state.keys, keys] }
}

function applyLogin(state: ClusterState, pair: Pair): ClusterState | Refusal {
  // Compare-and-set: of two logins at once the second names an epoch that is gone, and keeps its grant unused.
  if (pair.epoch !== state.epoch + 1) return "wrong-epoch"
  if (pair.generation !== 1) return "wrong-generation"
  if (pair.parent !== null) return "wrong-parent"
  if (memberOf(state, pair.by) === undefined) return "not-a-member"
  return withHead(state, pair, null, pair.epoch)
}

function applyLogout(state: ClusterState, epoch: Epoch): ClusterState | Refusal {
  if (state.pair === null) return "no-pair"
  if (epoch !== state.epoch) return "wrong-epoch"
  return withHead(state, null, null, epoch + 1)
}

function applyTurn(
  state: ClusterState,
  entry: Of<"turn">,
  { index, proposal = "" }: FoldContext,
): ClusterState | Refusal {
  if (state.pair === null) return "no-pair"
  if (entry.epoch !== state.epoch) return "wrong-epoch"
  if (entry.generation !== state.pair.generation) return "wrong-generation"
  if (memberOf(state, entry.holder)?.capability !== "full") return "not-a-full-member"
  if (state.dead !== null) return "dead"
  // A refused head that somebody else may have spent: another refusal would only look like a proof that it is dead.
  if (state.refused !== null) return "not-allowed"
  // Asked for before the server was known to be busy, and late: it would send at once. By name and not by time: clocks differ.
  const { retry } = state
  if (retry !== null && retry.notBeforeMs !== entry.waitedMs && !entry.consent) return "too-early"
  const open = state.turn
  if (open !== null) {
    if (entry.replaces !== open.number) return "turn-open"
    const policy = state.provider?.settings.replayPolicy
    const may = entry.consent || (policy !== undefined && allowsTakeover(policy))
    if (!may) return "not-allowed"
  } else if (entry.replaces !== null) {
    return "not-this-turn"
  }
  const turn: Turn = {
    number: index,
    epoch: entry.epoch,
    generation: entry.generation,
    holder: entry.holder,
    proposal,
    replaces: entry.replaces,
    doubt: null,
  }
  const spenders = open === null ? state.spenders : withSpender(state.spenders, open.holder)
  const { atMs: askedAtMs } = entry
  return { ...state, turn, spenders, askedAtMs, retry: null, misconfigured: null }
}

function withSpender(spenders: readonly NodeId[], id: NodeId): readonly NodeId[] {
  return spenders.includes(id) ? spenders : [...spenders, id]
}

function applyResult(
  state: ClusterState,
  entry: Of<"result">,
  signed: boolean,
): ClusterState | Refusal {
  const { pair } = entry
  const head = state.pair
  if (head === null) return "no-pair"
  if (pair.epoch !== state.epoch) return "wrong-epoch"
  if (pair.generation !== head.generation + 1) return "wrong-generation"
  // By parent and not by turn: a pair that was received is never thrown away, however late it comes.
  if (pair.parent !== head.lineage) return "wrong-parent"
  // Removed members may surrender a pair they received; strangers have none to give.
  if (memberOf(state, pair.by) === undefined && !state.removed.includes(pair.by)) {
    return "not-a-member"
  }
  if (!signed) return "bad-signature"
  // Where the login named its account every pair does: a holder that was told no subject repeats the head's.
  if (head.subject !== null && head.subject !== pair.subject) return "wrong-identity"
  const proof = { turn: entry.turn, signature: entry.signature }
  // The holder does not know of a turn that replaced its own, nor of one that was replaced before: the log does. Whichever
  // answer came first, the other request may have left as late as the newest turn was asked for.
  const resent = pair.resent || state.spenders.length > 0
  const resentAtMs = resent ? Math.max(pair.issuedAtMs, state.askedAtMs ?? 0) : null
  return { ...withHead(state, pair, proof, state.epoch), resentAtMs }
}

function applyReport(state: ClusterState, entry: Of<"report">): ClusterState | Refusal {
  const { turn } = state
  if (turn === null || turn.number !== entry.turn) return "not-this-turn"
  if (turn.holder !== entry.holder) return "not-the-holder"
  return report(state, turn, entry.report)
}

function report(state: ClusterState, turn: Turn, told: Report): ClusterState | Refusal {
  const { cause } = told
  const failed: ClusterState = { ...state, failures: state.failures + 1, lastFailure: cause }
  const closed: ClusterState = { ...failed, turn: null }
  // A doubt is ended by an answer. That a second send did not leave says nothing of the first.
  const isAnswer = told.type === "in-doubt" || told.type === "rejected"
  if (turn.doubt !== null && !isAnswer) return "not-allowed"
  switch (told.type) {
    case "unspent":
      return closed
    case "retry-later":
      return { ...closed, retry: { notBeforeMs: told.notBeforeMs, delayMs: told.delayMs, cause } }
    case "misconfigured":
      return { ...closed, misconfigured: { cause, atMs: told.atMs } }
    case "in-doubt":
      // The turn stays open: only its holder knows more, and only its record may end the doubt.
      return {
        ...failed,
        turn: { ...turn, doubt: doubtOf(turn, told) },
      }
    case "rejected": {
      return refusedBy(closed, suspectsOf(state, turn), cause, told.atMs)
    }
    default:
      return told satisfies never
  }
}

/**
 * Who may have spent the head besides the holder that was refused. Where a second use is refused and the winner lives, that
 * is anybody who may have spent it alone; elsewhere a second use would have ended the family for all, so only earlier
 * holders count, whose living pair may be on its way to the log.
 */
function suspectsOf(state: ClusterState, turn: Turn): readonly MemberId[] {
  const others = (ids: readonly MemberId[]): readonly MemberId[] =>
    ids.filter((id) => id !== turn.holder)
  if (state.provider?.settings.replayPolicy.type !== "reject") return others(state.spenders)
  const full = state.members.filter(({ capability }) => capability === "full").map(({ id }) => id)
  return others([...new Set([...full, ...state.spenders])])
}

/** A refusal is a proof once nobody is left who may have spent the token. */
function refusedBy(
  state: ClusterState,
  suspects: readonly MemberId[],
  cause: string,
  atMs: number,
): ClusterState {
  if (suspects.length > 0) return { ...state, refused: { cause, atMs, suspects } }
  const { epoch, pair } = state
  const dead = { epoch, generation: pair?.generation ?? 0, cause, atMs }
  return { ...state, refused: null, dead }
}

function applyVouch(state: ClusterState, entry: Of<"vouch">): ClusterState | Refusal {
  const { refused, pair } = state
  if (refused === null || pair === null) return "not-allowed"
  if (entry.epoch !== state.epoch) return "wrong-epoch"
  if (entry.generation !== pair.generation) return "wrong-generation"
  if (!refused.suspects.includes(entry.member)) return "not-a-member"
  const left = refused.suspects.filter((id) => id !== entry.member)
  return refusedBy(state, left, refused.cause, refused.atMs)
}

/** Another doubt about the same turn counts sends and keeps the times of the first. */
function doubtOf(turn: Turn, told: Extract<Report, { type: "in-doubt" }>): Doubt {
  const { cause, spent, atMs, sentAtMs, sends } = told
  const before = turn.doubt
  if (before === null) return { cause, spent, sinceMs: atMs, sentAtMs, sends }
  return {
    ...before,
    cause,
    spent: before.spent || spent,
    sends: Math.max(before.sends, sends),
  }
}

/** It holds an open turn, and may send after its removal what others then send as well. */
export function removalRisks({ turn, provider }: ClusterState, id: NodeId): boolean {
  const policy = provider?.settings.replayPolicy
  const harmless = policy !== undefined && allowsTakeover(policy)
  return turn?.holder === id && !harmless
}

function applyRemove(
  state: ClusterState,
  { member: id, holderIsGone }: Of<"remove">,
): ClusterState | Refusal {
  if (memberOf(state, id) === undefined) return "not-a-member"
  // Also a turn that was taken between the person's look and the entry: the consent must be for what is there.
  if (removalRisks(state, id) && !holderIsGone) return "holds-turn"
  if (state.removed.length >= REMOVED_MAX) return "too-many"
  const members = state.members.filter((member) => member.id !== id)
  const removed = [...state.removed, id]
  if (state.turn?.holder !== id) return { ...state, members, removed }
  return { ...state, members, removed, turn: null, spenders: withSpender(state.spenders, id) }
}
