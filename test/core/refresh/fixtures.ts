/** A cluster of three full members with a login, for tests of the rules of acceptance and of the agent. */

import { fold, type FoldContext, genesis } from "../../../src/core/refresh/fold.ts"
import type { StageStatus } from "../../../src/core/refresh/describe.ts"
import type { Stage } from "../../../src/core/refresh/status.ts"
import type {
  Capability,
  ClusterState,
  Doubt,
  LogEntry,
  MemberInfo,
  Pair,
  Refusal,
  Turn,
} from "../../../src/core/refresh/types.ts"
import type { ReplayPolicy } from "../../../src/core/oauth/types.ts"

const bytes = new Uint8Array([1])

export function member(id: string, capability: Capability = "full"): MemberInfo {
  return { id, name: id, capability, encryptionKey: bytes }
}

export const MEMBERS: readonly MemberInfo[] = [member("a"), member("b"), member("c")]

/** The pair of a generation; its refresh token is named by epoch and generation. */
export function pair(generation: number, changes: Partial<Pair> = {}): Pair {
  const epoch = changes.epoch ?? 1
  return {
    epoch,
    generation,
    lineage: `${epoch}.${generation}`,
    parent: generation === 1 ? null : `${epoch}.${generation - 1}`,
    accessBox: { algorithm: "none", key: 1, bytes },
    refreshBox: { algorithm: "none", key: 1, bytes },
    issuedAtMs: 1_000_000,
    lifetimeMs: 600_000,
    refreshLifetimeMs: null,
    scope: null,
    subject: null,
    resent: false,
    by: "a",
    ...changes,
  }
}

export function provider(replayPolicy: ReplayPolicy, clientId = "client"): LogEntry {
  return {
    type: "provider",
    secretBox: null,
    settings: {
      issuer: "https://as.example",
      tokenEndpoint: null,
      clientId,
      clientAuthentication: "none",
      scope: null,
      replayPolicy,
    },
  }
}

/** When every turn was asked for: when the pairs were issued. */
export const ASKED_MS = 1_000_000

export const LOGIN: LogEntry = { type: "login", pair: pair(1) }

export function turn(
  holder = "a",
  generation = 1,
  replaces: number | null = null,
  consent = false,
  waitedMs: number | null = null,
): LogEntry {
  return { type: "turn", epoch: 1, generation, holder, replaces, atMs: ASKED_MS, waitedMs, consent }
}

export function result(generation: number, changes: Partial<Pair> = {}): LogEntry {
  return { type: "result", pair: pair(generation, changes), turn: null, signature: bytes }
}

export type ReportOf = Extract<LogEntry, { type: "report" }>["report"]

export function report(number: number, told: ReportOf, holder = "a"): LogEntry {
  return { type: "report", turn: number, holder, report: told }
}

export const UNSPENT: ReportOf = { type: "unspent", cause: "ECONNREFUSED" }
export const REJECTED: ReportOf = { type: "rejected", cause: "invalid_grant", atMs: 5 }
export const DOUBT: Extract<ReportOf, { type: "in-doubt" }> = {
  type: "in-doubt",
  cause: "TIMEOUT",
  spent: false,
  atMs: 5,
  sentAtMs: 4,
  sends: 1,
}

/** A turn of `a`, whose first send brought no answer. */
export function doubtful(changes: Partial<Doubt> = {}): Turn {
  const doubt: Doubt = {
    cause: "TIMEOUT",
    spent: false,
    sinceMs: 1_000,
    sentAtMs: 500,
    sends: 1,
    ...changes,
  }
  return {
    number: 7,
    epoch: 1,
    generation: 1,
    holder: "a",
    proposal: "run.1",
    replaces: null,
    doubt,
  }
}

/** Folds entries from index 1 on and fails on one that is ignored. */
export function state(...entries: readonly LogEntry[]): ClusterState {
  return entries.reduce(
    (before, entry, at) => {
      const { state: after, verdict } = fold(before, entry, { index: at + 1, signed: true })
      if (verdict.type === "ignored")
        throw new Error(`entry ${at + 1} was ignored: ${verdict.refusal}`)
      return after
    },
    genesis("cluster", MEMBERS),
  )
}

/** Why the state ignores an entry; null: it does not. */
export function refusal(
  before: ClusterState,
  entry: LogEntry,
  context: Partial<FoldContext> = {},
): Refusal | null {
  const folded = fold(before, entry, { index: 99, signed: true, ...context })
  if (folded.verdict.type === "applied") return null
  if (folded.state !== before) throw new Error("an ignored entry changed the state")
  return folded.verdict.refusal
}

export const STAGES: readonly Stage[] = ["ready", "refreshing", "retrying", "connecting", "relogin"]

const seen = (name: string, connected: boolean, self = false) => ({
  id: `${name}.1`,
  name,
  connected,
  self,
})

/** A stage as a laptop sees it that reaches neither the desk nor the phone. */
export function told(
  stage: Stage,
  cause: string | null,
  suspects: readonly string[] = [],
): StageStatus {
  const members = [seen("laptop", true, true), seen("desk", false), seen("phone", false)]
  return { stage, cause, suspects: suspects.map((name) => `${name}.1`), members }
}
