/**
 * One attempt at the token endpoint, from a turn to the entry that reports it: prepare, carry, interpret, seal, sign. Also
 * reads what an earlier run left in the journal. Decides what a recorded exchange becomes in the log; leaves sending and
 * recording to the courier, and when to try to the agent.
 */

import { clockOffsetOf } from "../core/oauth/clock-offset.ts"
import type { Exchange, Outcome, PreparedRequest, TokenResponse } from "../core/oauth/types.ts"
import { allowsTakeover } from "../core/refresh/policy.ts"
import { resultStatement } from "../core/refresh/statement.ts"
import type {
  AttemptKey,
  MemberId,
  Pair,
  Report,
  ReportEntry,
  ResultEntry,
  Turn,
} from "../core/refresh/types.ts"
import type { Courier } from "../ports/courier.ts"
import type { Crypto, Identity, Keyring } from "../ports/sealer.ts"
import type { TokenEndpoint } from "../ports/token-endpoint.ts"
import { boxContext, type Replica } from "./replica.ts"
import type { Reading, ServerClock } from "./server-clock.ts"

export interface AttemptParts {
  readonly self: MemberId
  readonly server: ServerClock
  readonly courier: Courier
  readonly crypto: Crypto
  readonly identity: Identity
  readonly replica: Replica
  /** The endpoint of the provider that the cluster agreed on; null before it did. */
  readonly endpoint: () => TokenEndpoint | null
}

/** Assumed when the server does not say: the most common value, and refreshed well before it ends. */
export const ASSUMED_LIFETIME_MS = 3_600_000

/** `busy`: the courier still works. `unsent`: a second send did not leave; what the first one did is still unknown. */
export type Attempted = ResultEntry | ReportEntry | "busy" | "unsent"

const keyOf = (turn: Turn, attempt: number): AttemptKey => ({
  epoch: turn.epoch,
  generation: turn.generation,
  turn: turn.number,
  attempt,
})

export class Attempts {
  readonly #parts: AttemptParts
  #prepared: { readonly of: Pair; readonly request: Promise<PreparedRequest> } | null = null

  constructor(parts: AttemptParts) {
    this.#parts = parts
  }

  /** Prepares the request for the head while the log still agrees on the turn. Sends nothing. */
  warm(): void {
    const { pair } = this.#parts.replica.state
    const endpoint = this.#parts.endpoint()
    if (pair === null || endpoint === null || this.#prepared?.of === pair) return
    const request = this.#prepare(endpoint, pair)
    this.#prepared = { of: pair, request }
    // A failure is met again, and reported, by whoever carries.
    request.catch(() => (this.#prepared = null))
  }

  async #prepare(endpoint: TokenEndpoint, head: Pair): Promise<PreparedRequest> {
    return endpoint.prepare(this.#parts.replica.refreshToken(head))
  }

  /** Spends the head's refresh token under a turn that is ours, committed and applied; again when it is in doubt. */
  async carry(turn: Turn): Promise<Attempted> {
    const { courier, replica } = this.#parts
    const head = replica.state.pair
    const endpoint = this.#parts.endpoint()
    if (head === null || head.generation !== turn.generation || endpoint === null) {
      return this.judge(turn)
    }
    const again = turn.doubt !== null
    const key = keyOf(turn, again ? courier.latest(keyOf(turn, 1)) + 1 : 1)
    let request
    try {
      const prepared = this.#prepared?.of === head ? this.#prepared.request : null
      this.#prepared = null
      request = await (prepared ?? this.#prepare(endpoint, head))
    } catch {
      // Nothing was sent. The record says so before the log does: a void, then the report.
      return again ? "unsent" : this.judge(turn, "prepare_failed")
    }
    // Discovery takes its time, and a logout or another's pair may have come meanwhile.
    const { state } = replica
    if (state.turn?.number !== turn.number || state.pair !== head) return this.judge(turn)
    const went = this.#parts.server.read()
    const result = await courier.carry(key, request)
    switch (result.type) {
      case "answered":
        return this.#judged(turn, head, { exchange: result.exchange, went }, key.attempt)
      case "unsent":
        return again ? "unsent" : this.judge(turn, result.cause)
      case "in-doubt":
        return this.#report(turn, this.#doubt(result.cause, { sends: sendsOf(key.attempt) }))
      default:
        return result satisfies never
    }
  }

  /** What the records say about a turn that we hold; the first attempt is fenced off where nothing is said. */
  async judge(turn: Turn, cause = "found_unsent"): Promise<Attempted> {
    const { courier } = this.#parts
    // From the newest down: an attempt that did not leave says nothing of the one before it.
    for (let attempt = Math.max(1, courier.latest(keyOf(turn, 1))); attempt >= 1; attempt -= 1) {
      const judgement = courier.judge(keyOf(turn, attempt))
      if (judgement.type === "busy") return "busy"
      const { record } = judgement
      if (record.type === "sending") {
        return this.#report(turn, this.#doubt("courier_died", { sends: sendsOf(attempt) }))
      }
      if (record.type === "answered") return this.#answered(turn, attempt)
    }
    return this.#report(turn, { type: "unspent", cause })
  }

  async #answered(turn: Turn, attempt: number): Promise<Attempted> {
    const { courier, replica } = this.#parts
    const head = replica.state.pair
    const kept = courier
      .kept()
      .find(({ key }) => key.turn === turn.number && key.attempt === attempt)
    if (head === null || kept === undefined) {
      const sends = sendsOf(attempt)
      return this.#report(turn, this.#doubt("record_unreadable", { spent: true, sends }))
    }
    return this.#judged(turn, head, { exchange: kept.exchange, went: null }, attempt)
  }

  /** Pairs in the journal that follow the head: received once, and perhaps never committed. */
  async kept(): Promise<readonly ResultEntry[]> {
    const { courier, replica } = this.#parts
    const head = replica.state.pair
    const endpoint = this.#parts.endpoint()
    if (head === null || endpoint === null) return []
    const results: ResultEntry[] = []
    for (const { key, exchange } of courier.kept()) {
      if (key.epoch !== head.epoch || key.generation !== head.generation) continue
      const outcome = await endpoint.interpret(exchange)
      if (outcome.type === "granted") {
        const policy = replica.state.provider?.settings.replayPolicy
        // Whether the turn had replaced another is not in the record; where that is possible it is assumed.
        const replaced = policy !== undefined && allowsTakeover(policy)
        results.push(this.#result(head, { exchange, went: null }, outcome.tokens, key, replaced))
      }
    }
    return results
  }

  async #judged(turn: Turn, head: Pair, trip: Trip, attempt: number): Promise<Attempted> {
    const endpoint = this.#parts.endpoint()
    const { exchange } = trip
    const sent = { sends: sendsOf(attempt), sentAtMs: sentAtMs(this.#parts.server, trip) }
    if (endpoint === null) {
      return this.#report(turn, this.#doubt("no_provider", { ...sent, spent: true }))
    }
    const outcome = await endpoint.interpret(exchange)
    if (outcome.type === "granted") {
      const replaced = turn.replaces !== null
      return this.#result(head, trip, outcome.tokens, keyOf(turn, attempt), replaced)
    }
    return this.#report(turn, this.#told(outcome, sent))
  }

  #told(
    outcome: Exclude<Outcome, { type: "granted" }>,
    sent: { readonly sends: number; readonly sentAtMs: number | null },
  ): Report {
    const { cause } = outcome
    const atMs = this.#parts.server.nowMs()
    // What a second send met says nothing of the first; only a refusal does, since nobody else can have spent the token.
    if (sent.sends > 1 && outcome.type !== "rejected") return this.#doubt(cause, sent)
    switch (outcome.type) {
      case "unspent":
        return { type: "unspent", cause }
      case "retry-later":
        return outcome.maybeSpent
          ? this.#doubt(cause, sent)
          : { type: "retry-later", cause, notBeforeMs: atMs + outcome.delayMs }
      case "rejected":
        return { type: "rejected", cause, atMs }
      case "in-doubt":
        return this.#doubt(cause, { ...sent, spent: outcome.spent })
      case "misconfigured":
        return { type: "misconfigured", cause, atMs }
      default:
        return outcome satisfies never
    }
  }

  #doubt(
    cause: string,
    known: {
      readonly sends: number
      readonly spent?: boolean
      readonly sentAtMs?: number | null
    },
  ): Report {
    const { sends, spent = false, sentAtMs = null } = known
    return { type: "in-doubt", cause, spent, atMs: this.#parts.server.nowMs(), sentAtMs, sends }
  }

  #report(turn: Turn, report: Report): ReportEntry {
    return { type: "report", turn: turn.number, holder: this.#parts.self, report }
  }

  #result(
    head: Pair,
    trip: Trip,
    tokens: TokenResponse,
    key: AttemptKey,
    replaced = false,
  ): ResultEntry {
    const { crypto, identity, replica, self, server } = this.#parts
    // A grant only: with its pair the times of the old one, told by the old clock, are gone as well.
    server.learn(trip.exchange, trip.went)
    const { clusterId } = replica.state
    // Omitted means kept (RFC 6749 §5.1, §6): the same refresh token, the same scope.
    const refreshToken = tokens.refreshToken ?? replica.refreshToken(head)
    const pair = sealPair(clusterId, replica.keyring, crypto, {
      epoch: head.epoch,
      generation: head.generation + 1,
      parent: head.lineage,
      refreshToken,
      tokens: { ...tokens, scope: tokens.scope ?? head.scope },
      issuedAtMs: issuedAtMs(server, trip),
      resent: key.attempt > 1 || replaced,
      by: self,
    })
    const statement = Buffer.from(resultStatement(clusterId, pair, key.turn), "utf8")
    return { type: "result", pair, turn: key.turn, signature: identity.sign(statement) }
  }
}

/** An exchange, and when it was begun if that was in this run; otherwise only its own wall-clock times are known. */
interface Trip {
  readonly exchange: Exchange
  readonly went: Reading | null
}

/** When its request may have left, by the server's clock; null: nobody knows. */
function sentAtMs(server: ServerClock, { exchange, went }: Trip): number | null {
  return went === null
    ? server.fromWall(exchange.startedAtMs)
    : Math.round(server.at(went.uptimeMs))
}

/** What its pair's life counts from. A record whose times mean nothing any more has only the server's own Date. */
function issuedAtMs(server: ServerClock, trip: Trip): number {
  const { startedAtMs } = trip.exchange
  const known = sentAtMs(server, trip)
  if (known !== null) return known
  const told = clockOffsetOf(trip.exchange)
  const { wallMs } = server.read()
  const offsetMs = told === null ? server.nowMs() - wallMs : told.offsetMs
  return Math.max(0, Math.min(Math.round(startedAtMs + offsetMs), server.nowMs()))
}

/** The first attempt is one send, any later one that left is the second: a third is never made. */
function sendsOf(attempt: number): number {
  return Math.min(attempt, 2)
}

export interface PairParts {
  readonly epoch: number
  readonly generation: number
  readonly parent: string | null
  readonly refreshToken: string
  readonly tokens: TokenResponse
  readonly issuedAtMs: number
  readonly resent: boolean
  readonly by: MemberId
}

/** A pair as the log holds it: two boxes, and what may be known without opening them. */
export function sealPair(
  clusterId: string,
  keyring: Keyring,
  crypto: Crypto,
  parts: PairParts,
): Pair {
  const { tokens } = parts
  const access = JSON.stringify({ accessToken: tokens.accessToken, tokenType: tokens.tokenType })
  const bytes = (text: string): Uint8Array => Buffer.from(text, "utf8")
  return {
    epoch: parts.epoch,
    generation: parts.generation,
    parent: parts.parent,
    lineage: crypto.lineage(clusterId, parts.refreshToken),
    accessBox: keyring.seal(bytes(access), boxContext(clusterId, parts, "access")),
    refreshBox: keyring.seal(bytes(parts.refreshToken), boxContext(clusterId, parts, "refresh")),
    issuedAtMs: parts.issuedAtMs,
    lifetimeMs:
      tokens.expiresInSeconds === null ? ASSUMED_LIFETIME_MS : tokens.expiresInSeconds * 1_000,
    refreshLifetimeMs:
      tokens.refreshExpiresInSeconds === null ? null : tokens.refreshExpiresInSeconds * 1_000,
    scope: tokens.scope,
    subject: tokens.subject,
    resent: parts.resent,
    by: parts.by,
  }
}
