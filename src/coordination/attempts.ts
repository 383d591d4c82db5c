/**
 * One attempt at the token endpoint, from a turn to the entry that reports it: prepare, carry, interpret, seal, sign. Also
 * reads what an earlier run left in the journal. Decides what a recorded exchange becomes in the log; leaves sending and
 * recording to the courier, and when to try to the agent.
 */

import type {
  CauseCode,
  Exchange,
  Outcome,
  PreparedRequest,
  TokenResponse,
} from "../core/oauth/types.ts"
import { clockOffsetOf } from "../core/oauth/clock-offset.ts"
import type { AloneEnd } from "../core/refresh/alone.ts"
import { allowsTakeover } from "../core/refresh/policy.ts"
import { resultStatement } from "../core/refresh/statement.ts"
import {
  ALONE,
  type AttemptKey,
  type Lineage,
  type MemberId,
  type Pair,
  type Report,
  type ReportEntry,
  type ResultEntry,
  type Turn,
} from "../core/refresh/types.ts"
import type { Courier } from "../ports/courier.ts"
import type { Crypto, Identity } from "../ports/sealer.ts"
import type { TokenEndpoint } from "../ports/token-endpoint.ts"
import { sealPair } from "./pairs.ts"
import type { Replica } from "./replica.ts"
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

/** `busy`: the courier still works. `unsent`: this send did not leave; what an earlier one did is still unknown. */
export type Attempted =
  | ResultEntry
  | ReportEntry
  | "busy"
  | { readonly type: "unsent"; readonly cause: CauseCode }

/** How an attempt without the log ended. */
export interface AloneAttempt {
  readonly end: AloneEnd | null
  readonly result: ResultEntry | null
}

/** What the journal holds that the log may lack: pairs, and tokens that the server refused. */
export interface Found {
  readonly results: readonly ResultEntry[]
  readonly refused: readonly { readonly lineage: Lineage; readonly cause: CauseCode }[]
}

/** A pair is named by its place: which token it came from, at which point of the lineage. */
const keyOf = (pair: Pair, turn: number, attempt: number): AttemptKey => ({
  epoch: pair.epoch,
  generation: pair.generation,
  parent: pair.lineage,
  turn,
  attempt,
})

export class Attempts {
  readonly #parts: AttemptParts
  #prepared: { readonly of: Pair; readonly request: Promise<PreparedRequest> } | null = null

  constructor(parts: AttemptParts) {
    this.#parts = parts
  }

  /** Notes that a turn for the head is about to be asked for: so the journal can be written. @throws QuorateError kind `store`. */
  intend(proposal: string): void {
    const { pair } = this.#parts.replica.state
    if (pair !== null) this.#parts.courier.intend(pair.lineage, proposal)
  }

  /** A refresh may come soon. Sends nothing. */
  foresee(): void {
    const { courier, replica, self } = this.#parts
    const { members, pair, turn } = replica.state
    const mayHold = members.some(({ id, capability }) => id === self && capability === "full")
    if (pair !== null && turn === null && mayHold) courier.standBy()
  }

  /** Prepares the request for the head, and connects, while the log agrees on the turn. Sends nothing. */
  warm(): void {
    const { pair } = this.#parts.replica.state
    if (pair === null) return
    const endpoint = this.#parts.endpoint()
    if (endpoint === null || this.#prepared?.of === pair) return
    const request = this.#prepare(endpoint, pair)
    this.#prepared = { of: pair, request }
    request.then(
      ({ url }) => this.#parts.courier.dial(url),
      // It is met again, and reported, by whoever carries.
      () => (this.#prepared = null),
    )
  }

  async #prepare(endpoint: TokenEndpoint, pair: Pair): Promise<PreparedRequest> {
    return endpoint.prepare(this.#parts.replica.refreshToken(pair))
  }

  /**
   * Spends the head's refresh token under a turn that is ours, committed and applied; again when it is in doubt.
   *
   * @param consent a person accepted that it may have been sent before; what is known of that send counts all the same.
   */
  async carry(turn: Turn, consent: boolean): Promise<Attempted> {
    const { courier, replica } = this.#parts
    const head = replica.state.pair
    const endpoint = this.#parts.endpoint()
    if (head === null || head.generation !== turn.generation || endpoint === null) {
      return this.judge(turn)
    }
    const again = turn.doubt !== null
    const before = again
      ? await this.#newest(turn, head, endpoint)
      : await this.#before(turn, head, endpoint, consent)
    if (before !== null) return before
    const key = keyOf(head, turn.number, again ? this.#latest(head, turn) + 1 : 1)
    let request
    try {
      const prepared = this.#prepared?.of === head ? this.#prepared.request : null
      this.#prepared = null
      request = await (prepared ?? this.#prepare(endpoint, head))
    } catch {
      return { type: "unsent", cause: "prepare_failed" }
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
        return result
      case "in-doubt": {
        // The courier may have died behind its record: then the pair is here, and sending again would revoke it.
        const answer = this.#answerOf(key)
        if (answer !== null)
          return this.#judged(turn, head, { exchange: answer, went }, key.attempt)
        return this.#report(turn, this.#doubt(result.cause, { sends: sendsOf(key.attempt) }))
      }
      default:
        return result satisfies never
    }
  }

  /** The recorded answer to exactly this attempt. */
  #answerOf({ parent, turn, attempt }: AttemptKey): Exchange | null {
    const kept = this.#parts.courier
      .kept()
      .find(({ key }) => key.parent === parent && key.turn === turn && key.attempt === attempt)
    return kept?.exchange ?? null
  }

  /** Nobody sends again while a courier works, or when the newest attempt has brought a pair. Null: it may be sent. */
  async #newest(turn: Turn, head: Pair, endpoint: TokenEndpoint): Promise<Attempted | null> {
    if (this.#parts.courier.sends(keyOf(head, ALONE, 1)) === null) return "busy"
    const key = keyOf(head, turn.number, this.#latest(head, turn))
    const exchange = this.#answerOf(key)
    if (exchange === null) return null
    const outcome = await endpoint.interpret(exchange)
    if (outcome.type !== "granted") return null
    return this.#granted(turn, head, { exchange, went: null }, outcome, key)
  }

  #latest(head: Pair, turn: Turn): number {
    return this.#parts.courier.latest(keyOf(head, turn.number, 1))
  }

  /**
   * What this profile did with the token before it had this turn, alone or under an earlier one; null: nothing that matters.
   * Counter-example: spent alone by consent, the answer lost; a turn that knows nothing of it would spend the token again.
   */
  async #before(
    turn: Turn,
    head: Pair,
    endpoint: TokenEndpoint,
    consent: boolean,
  ): Promise<Attempted | null> {
    const { courier, replica } = this.#parts
    const sends = courier.sends(keyOf(head, ALONE, 1))
    if (sends === null) return "busy"
    if (sends === 0) return null
    let open = sends
    for (const { key, exchange } of courier.kept()) {
      if (key.parent !== head.lineage || key.generation !== head.generation) continue
      const outcome = await endpoint.interpret(exchange)
      const trip = { exchange, went: null }
      const sent = { sends: sendsOf(key.attempt), sentAtMs: sentAtMs(this.#parts.server, trip) }
      if (outcome.type === "granted") return this.#granted(turn, head, trip, outcome, key)
      if (outcome.type === "rejected") return this.#report(turn, this.#told(outcome, sent))
      if (!maybeSpent(outcome)) open -= 1
    }
    const policy = replica.state.provider?.settings.replayPolicy
    if (open === 0 || consent || (policy !== undefined && allowsTakeover(policy))) return null
    return this.#report(turn, this.#doubt("sent_before", { sends: Math.min(open, 2) }))
  }

  /** What the records say about a turn that we hold; the first attempt is fenced off where nothing is said. */
  async judge(turn: Turn, cause: CauseCode = "found_unsent"): Promise<Attempted> {
    const { courier, replica } = this.#parts
    const head = replica.state.pair
    if (head === null || head.generation !== turn.generation) {
      return { type: "unsent", cause: "too_late" }
    }
    // From the newest down: an attempt that did not leave says nothing of the one before it.
    for (let attempt = Math.max(1, this.#latest(head, turn)); attempt >= 1; attempt -= 1) {
      const key = keyOf(head, turn.number, attempt)
      const judgement = courier.judge(key, turn.proposal)
      if (judgement.type === "busy") return "busy"
      const { record } = judgement
      if (record.type === "sending") {
        return this.#report(turn, this.#doubt("courier_died", { sends: sendsOf(attempt) }))
      }
      if (record.type === "answered") return this.#answered(turn, head, key)
    }
    return this.#report(turn, { type: "unspent", cause })
  }

  async #answered(turn: Turn, head: Pair, key: AttemptKey): Promise<Attempted> {
    const exchange = this.#answerOf(key)
    if (exchange === null) {
      const sends = sendsOf(key.attempt)
      return this.#report(turn, this.#doubt("record_unreadable", { spent: true, sends }))
    }
    return this.#judged(turn, head, { exchange, went: null }, key.attempt)
  }

  /** Spends a pair's refresh token without a turn. Resolves always. */
  async alone(pair: Pair, consent: boolean): Promise<AloneAttempt> {
    const { courier } = this.#parts
    const endpoint = this.#parts.endpoint()
    const ended = (end: AloneEnd): AloneAttempt => ({ end, result: null })
    if (endpoint === null) return ended({ type: "unsent", cause: "no_provider" })
    const first = keyOf(pair, ALONE, 1)
    const sends = courier.sends(keyOf(pair, ALONE, 1))
    if (sends === null) return ended({ type: "unsent", cause: "courier_busy" })
    const policy = this.#parts.replica.state.provider?.settings.replayPolicy.type
    if (sends > 0 && !consent && policy !== "multi-use") {
      return ended({ type: "in-doubt", cause: "sent_before" })
    }
    let request
    try {
      request = await this.#prepare(endpoint, pair)
    } catch {
      return ended({ type: "unsent", cause: "prepare_failed" })
    }
    // Meanwhile a leader may have told of a newer pair, or of another login.
    if (this.#isOver(pair)) return ended({ type: "unsent", cause: "not_claimed" })
    const key = { ...first, attempt: courier.latest(first) + 1 }
    const went = this.#parts.server.read()
    const carried = await courier.carry(key, request)
    let exchange = null
    if (carried.type === "answered") exchange = carried.exchange
    else {
      // The courier may have died behind its record.
      exchange = this.#answerOf(key)
      if (exchange === null) return ended(carried)
    }
    const outcome = await endpoint.interpret(exchange)
    if (outcome.type === "granted") {
      if (isForeign(pair, outcome.tokens))
        return ended({ type: "rejected", cause: "wrong_identity" })
      return {
        end: null,
        result: this.#result(pair, { exchange, went }, outcome.tokens, key, sends > 0),
      }
    }
    const atMs = this.#parts.server.nowMs()
    const { cause } = outcome
    if (outcome.type !== "retry-later") return ended({ type: endOf(outcome), cause })
    if (outcome.maybeSpent) return ended({ type: "in-doubt", cause })
    return ended({ type: "retry-later", cause, ...later(outcome, atMs) })
  }

  /** The log has another login, a newer pair, or a sibling of this one. */
  #isOver({ epoch, generation, lineage }: Pair): boolean {
    const head = this.#parts.replica.state.pair
    if (head === null || head.epoch !== epoch) return true
    return head.generation === generation ? head.lineage !== lineage : head.generation > generation
  }

  /** Nothing of ours is on its way with this token: what we received of it is offered as a pair. */
  isQuiet(pair: Pair): boolean {
    return this.#parts.courier.sends(keyOf(pair, ALONE, 1)) !== null
  }

  /**
   * What the journal says beyond the head: the chain of pairs that hangs on it, received once and perhaps never committed,
   * and the tokens of that chain that were refused.
   */
  async found(): Promise<Found> {
    const { courier, replica } = this.#parts
    const { pair: head, provider } = replica.state
    const endpoint = this.#parts.endpoint()
    const results: ResultEntry[] = []
    const refused: Found["refused"][number][] = []
    if (head === null || endpoint === null) return { results, refused }
    const kept = courier.kept()
    // Whether a turn had replaced another is not in the record; where that is possible it is assumed.
    const replaced = provider !== null && allowsTakeover(provider.settings.replayPolicy)
    for (let tail: Pair | null = head; tail !== null;) {
      const from: Pair = tail
      tail = null
      // Of several answers about one token the newest counts.
      for (const { key, exchange } of kept.toReversed()) {
        if (key.parent !== from.lineage || key.generation !== from.generation) continue
        const outcome = await endpoint.interpret(exchange)
        if (outcome.type === "rejected")
          refused.push({ lineage: from.lineage, cause: outcome.cause })
        if (outcome.type !== "granted" || isForeign(from, outcome.tokens)) continue
        const result = this.#result(from, { exchange, went: null }, outcome.tokens, key, replaced)
        results.push(result)
        tail = result.pair
        break
      }
    }
    return { results, refused }
  }

  async #judged(turn: Turn, head: Pair, trip: Trip, attempt: number): Promise<Attempted> {
    const endpoint = this.#parts.endpoint()
    const { exchange } = trip
    const sent = { sends: sendsOf(attempt), sentAtMs: sentAtMs(this.#parts.server, trip) }
    if (endpoint === null) {
      return this.#report(turn, this.#doubt("no_provider", { ...sent, spent: true }))
    }
    const outcome = await endpoint.interpret(exchange)
    if (outcome.type !== "granted") return this.#report(turn, this.#told(outcome, sent))
    return this.#granted(turn, head, trip, outcome, keyOf(head, turn.number, attempt))
  }

  /** Another account's pair is never stored: the token is spent all the same. */
  #granted(
    turn: Turn,
    head: Pair,
    trip: Trip,
    { tokens }: Extract<Outcome, { type: "granted" }>,
    key: AttemptKey,
  ): Attempted {
    if (isForeign(head, tokens)) {
      const sends = sendsOf(key.attempt)
      const known = { spent: true, sends, sentAtMs: sentAtMs(this.#parts.server, trip) }
      return this.#report(turn, this.#doubt("wrong_identity", known))
    }
    return this.#result(head, trip, tokens, key, turn.replaces !== null)
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
          : { type: "retry-later", cause, ...later(outcome, atMs) }
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
    replaced: boolean,
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
      tokens: {
        ...tokens,
        scope: tokens.scope ?? head.scope,
        subject: tokens.subject ?? head.subject,
      },
      issuedAtMs: issuedAtMs(server, trip),
      resent: key.attempt > 1 || replaced,
      by: self,
    })
    const turn = key.turn === ALONE ? null : key.turn
    const statement = Buffer.from(resultStatement(clusterId, pair, turn), "utf8")
    return { type: "result", pair, turn, signature: identity.sign(statement) }
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

/** The server answered for another account than the one that logged in. */
function isForeign(pair: Pair, { subject }: TokenResponse): boolean {
  return pair.subject !== null && subject !== null && pair.subject !== subject
}

function maybeSpent(outcome: Outcome): boolean {
  return outcome.type === "in-doubt" || (outcome.type === "retry-later" && outcome.maybeSpent)
}

/** What a failed exchange means for a token that was sent alone. */
function endOf(
  outcome: Exclude<Outcome, { type: "granted" | "retry-later" }>,
): Exclude<AloneEnd["type"], "retry-later"> {
  return outcome.type === "unspent" ? "unsent" : outcome.type
}

function later({ delayMs }: { readonly delayMs: number }, atMs: number) {
  return { notBeforeMs: atMs + delayMs, delayMs }
}
