/**
 * What must hold after every step of a simulated story, whatever happened (README, "What always holds"). Each rule is a
 * function of what was seen; it returns what is wrong, in words, or null. Raft's own five are `raft-witness.ts`.
 */

import type { ReplayPolicy } from "../core/oauth/types.ts"
import type { Fallback } from "../core/refresh/alone.ts"
import type { LastResort } from "../core/refresh/doubt.ts"
import { ALONE } from "../core/refresh/types.ts"
import type { ClusterStatus, CurrentToken } from "../ports/coordinator.ts"
import { type Head, isOlder } from "../core/refresh/head.ts"
import { type LogReader, quorumPasses } from "./log-reader.ts"
import { CANARY, refreshTokenOf } from "./simulated-server.ts"
import { LATE_MS } from "./trip.ts"
import type { Sending } from "./watch.ts"
import type { SimulatedMember } from "./world.ts"

/** Why a token leaves. All but `first` and `again` are second uses, each allowed by one row of its policy. */
export type SendReason =
  | "first"
  /** The server said that it did not look at the earlier one. */
  | "again"
  | "last-resort"
  | "confirm"
  | "grace"
  | "takeover"
  /** A person, or the option that is one, accepted what it may cost. */
  | "consent"
  | "not-allowed"

/** One request that left, and what its sender learnt of it. */
export interface Sent extends Sending {
  readonly atMs: number
  fate: "unknown" | "unspent" | "refused" | "granted"
  /** Its courier has ended, with or without an answer. */
  over: boolean
}

export interface Rules {
  readonly policy: ReplayPolicy
  readonly lastResort: LastResort
  readonly fallback: Fallback
}

/**
 * A last resort comes no sooner after the first request: the 150 s of the protocol, less what a clock may be put right by
 * meanwhile that is learnt from dates of whole seconds. More than {@link LATE_MS}.
 */
const LAST_RESORT_MS = 145_000

export const nameOf = ({ at }: SimulatedMember): string => `m${at}`
export const printHead = ({ epoch, generation }: Head): string => `${epoch}.${generation}`

/** Why `now` may follow the requests `before` it of the same generation. */
export function reasonOf(
  now: Sent,
  before: readonly Sent[],
  rules: Rules,
  consented = false,
): SendReason {
  const reason = byPolicy(now, before, rules)
  return reason === "not-allowed" && consented ? "consent" : reason
}

function byPolicy(now: Sent, before: readonly Sent[], rules: Rules): SendReason {
  const open = before.filter(({ fate }) => fate !== "unspent")
  const first = open[0]
  if (first === undefined) return before.length === 0 ? "first" : "again"
  const { policy, lastResort } = rules
  const sameTurn = first.member === now.member && first.key.turn === now.key.turn
  const second = open.length === 1 && sameTurn && now.key.attempt > first.key.attempt
  switch (policy.type) {
    case "strict":
      return second && lastResort === "resend" && now.atMs - first.atMs >= LAST_RESORT_MS
        ? "last-resort"
        : "not-allowed"
    case "confirm":
      return second && now.atMs - first.atMs >= LATE_MS ? "confirm" : "not-allowed"
    case "grace":
      return second && now.atMs - first.atMs <= policy.windowSeconds * 1_000
        ? "grace"
        : "not-allowed"
    case "reject":
      return open.length === 1 ? "takeover" : "not-allowed"
    case "multi-use":
    case "idempotent":
      return "takeover"
    default:
      return policy satisfies never
  }
}

/** 2: a token is sent once, except by the row of its policy or the last resort. */
export function sentByItsRow(
  now: Sent,
  before: readonly Sent[],
  reason: SendReason,
): string | null {
  if (reason !== "not-allowed") return null
  const earlier = before.map(
    ({ member, key, atMs, fate }) =>
      `${nameOf(member)} in turn ${key.turn} at ${(atMs / 1_000).toFixed(1)} s (${fate})`,
  )
  return `${nameOf(now.member)} sends ${printHead(now.key)} again; before: ${earlier.join(", ")}`
}

/** A member's next courier waits for the one before: what that one brings may make the next request a replay. */
export function oneCourier(now: Sent, before: readonly Sent[]): string | null {
  const out = before.find(({ member, over }) => member === now.member && !over)
  return out === undefined
    ? null
    : `${nameOf(now.member)} sends ${printHead(now.key)} while its courier of turn ${out.key.turn} is out`
}

/** Alone: only where nobody else can be spending the token, or with consent. */
export function mayBeAlone(
  { member, key }: Sending,
  rules: Rules,
  consented: boolean,
): string | null {
  const own = member.coordinator?.status().holder === member.id
  const multiple = rules.policy.type === "multi-use" && rules.fallback !== "never"
  return multiple || consented || own
    ? null
    : `${nameOf(member)} carries ${printHead(key)} alone, without a turn of its own or consent`
}

export function isAlone({ key }: Sending): boolean {
  return key.turn === ALONE
}

/** 8: nobody sends without a turn of its own that a quorum has on disk. */
export function ownCommittedTurn(
  { member, key }: Sending,
  members: readonly SimulatedMember[],
  log: LogReader,
): string | null {
  const entry = log.at(member, key.turn)
  const own =
    entry === "compacted" ||
    (entry?.type === "turn" &&
      entry.holder === member.id &&
      entry.epoch === key.epoch &&
      entry.generation === key.generation)
  const name = `${nameOf(member)} carries ${printHead(key)} in turn ${key.turn}`
  if (!own) return `${name}, which is not its own`
  const committed = quorumPasses(members, member, (one) => log.at(one, key.turn) !== null)
  return committed ? null : `${name}, which no quorum holds`
}

/** 8: the record of a request is durable before its first byte. */
export function claimedFirst({ member, key }: Sending): string | null {
  const rows = [...member.disk.durable().attempts.values()]
  const claimed = rows.some(
    (row) =>
      row.key.turn === key.turn && row.key.attempt === key.attempt && row.record.type === "sending",
  )
  return claimed ? null : `${nameOf(member)} sends ${printHead(key)} without a record`
}

/** 9: a member that knows of a newer login, or of a logout, does not use an older pair. */
export function currentEpoch({ member, key }: Sending, known: number): string | null {
  return key.epoch >= known
    ? null
    : `${nameOf(member)} sends ${printHead(key)} although it knows of epoch ${known}`
}

/** 4: no member moves to an older pair. */
export function neverBack(
  member: SimulatedMember,
  before: Head | undefined,
  now: Head,
): string | null {
  return before === undefined || !isOlder(now, before)
    ? null
    : `${nameOf(member)} went back from ${printHead(before)} to ${printHead(now)}`
}

/** 9: a logout ends the login that it names, and no other: a late one must not end the login that came after. */
export function endedByName(
  member: SimulatedMember,
  { epoch, generation }: Head,
  named: ReadonlySet<number>,
): string | null {
  return generation > 0 || epoch === 0 || named.has(epoch - 1)
    ? null
    : `${nameOf(member)} ended login ${epoch - 1}, which no logout named`
}

/** 8: nobody who hears a leader uses a pair before a quorum has it on disk. */
export function committedFirst(member: SimulatedMember, head: Head): string | null {
  return member.coordinator?.status().leader === null
    ? null
    : `${nameOf(member)} uses ${printHead(head)}, which no quorum holds`
}

/** 6: a dead grant is refused once; where others take over or spend alone with consent, once for each. */
export function refusedOnce(
  key: Head,
  refusals: number,
  members: number,
  { policy: { type }, consented }: Pick<Rules, "policy"> & { readonly consented: boolean },
): string | null {
  const shared = consented || type === "reject" || type === "multi-use" || type === "idempotent"
  return refusals <= (shared ? members : 1)
    ? null
    : `${printHead(key)} was refused ${refusals} times, and recorded each time`
}

/** 7: nobody is told to log in again for a dead grant while somebody holds a living one. */
export function noFalseRelogin(
  member: SimulatedMember,
  { stage, cause }: Pick<ClusterStatus, "stage" | "cause">,
  living: string | undefined,
): string | null {
  const person = ["stuck", "logged_out", "never_logged_in"].includes(cause ?? "")
  return stage !== "relogin" || person || living === undefined
    ? null
    : `${nameOf(member)} says relogin (${cause}) while ${living} lives`
}

/** 10: no token in what anybody may read. */
export function noCanary(where: string, text: string): string | null {
  return text.includes(CANARY) ? `a token shows in ${where}` : null
}

/** 3: a pair that was recorded is in the log, or a newer one of its epoch, or its epoch is over. */
export function recordedIsKept(recorded: readonly Head[], head: Head): string | null {
  const lost = recorded.find((one) => isOlder(head, one))
  return lost === undefined
    ? null
    : `${printHead(lost)} was recorded, and the head is ${printHead(head)}`
}

/** 4: members that can talk have the same pair, and it is the one that lives. */
export function sameHead(
  tokens: readonly (CurrentToken | null)[],
  living: string | undefined,
): string | null {
  const names = tokens.map((token) => (token === null ? "-" : printHead(token)))
  if (new Set(names).size > 1) return `heads differ at the end: ${names.join(" ")}`
  const head = tokens[0]?.accessToken ?? ""
  return living === undefined || refreshTokenOf(head) === living
    ? null
    : `the living pair ${living} was recorded and is not the head`
}
