/**
 * One attempt at the token endpoint, from a turn to the entry that reports it: prepare, carry, interpret, seal, sign. Also
 * reads what an earlier run left in the journal. Decides what a recorded exchange becomes in the log; leaves sending and
 * recording to the courier, and when to try to the agent.
 */

import type { Exchange, Outcome, TokenResponse } from "../core/oauth/types.ts"
import type { ReportEntry, ResultEntry } from "../core/refresh/agent.ts"
import { resultStatement } from "../core/refresh/statement.ts"
import type { AttemptKey, MemberId, Pair, Report, Turn, TurnNumber } from "../core/refresh/types.ts"
import type { Clock } from "../ports/clock.ts"
import type { Courier } from "../ports/courier.ts"
import type { Crypto, Identity, Keyring } from "../ports/sealer.ts"
import type { TokenEndpoint } from "../ports/token-endpoint.ts"
import { boxContext, type Replica } from "./replica.ts"

export interface AttemptParts {
  readonly self: MemberId
  readonly clock: Clock
  readonly courier: Courier
  readonly crypto: Crypto
  readonly identity: Identity
  readonly replica: Replica
  /** The endpoint of the provider that the cluster agreed on; null before it did. */
  readonly endpoint: () => TokenEndpoint | null
}

/** Assumed when the server does not say: the most common value, and refreshed well before it ends. */
export const ASSUMED_LIFETIME_MS = 3_600_000

export type Attempted = ResultEntry | ReportEntry | "busy"

const keyOfTurn = (turn: Turn): AttemptKey => ({
  epoch: turn.epoch,
  generation: turn.generation,
  turn: turn.number,
  attempt: 1,
})

export class Attempts {
  readonly #parts: AttemptParts

  constructor(parts: AttemptParts) {
    this.#parts = parts
  }

  /** Spends the head's refresh token under a turn that is ours, committed and applied. */
  async carry(turn: Turn): Promise<Attempted> {
    const { courier, replica } = this.#parts
    const head = replica.state.pair
    const endpoint = this.#parts.endpoint()
    if (head === null || head.generation !== turn.generation || endpoint === null) {
      return this.judge(turn)
    }
    let request
    try {
      request = await endpoint.prepare(replica.refreshToken(head))
    } catch {
      // Nothing was sent. The record says so before the log does: a void, then the report.
      return this.judge(turn, "prepare_failed")
    }
    const result = await courier.carry(keyOfTurn(turn), request)
    switch (result.type) {
      case "answered":
        return this.#judged(turn, head, result.exchange)
      case "unsent":
        return this.judge(turn, result.cause)
      case "in-doubt":
        return this.#report(turn, this.#doubt(result.cause, false))
      default:
        return result satisfies never
    }
  }

  /** What the record says about a turn that we hold, and fences it off where it says nothing. */
  async judge(turn: Turn, cause = "found_unsent"): Promise<Attempted> {
    const { courier, replica } = this.#parts
    const judgement = courier.judge(keyOfTurn(turn))
    if (judgement.type === "busy") return "busy"
    const { record } = judgement
    switch (record.type) {
      case "none":
      case "void":
        return this.#report(turn, { type: "unspent", cause })
      case "sending":
        return this.#report(turn, this.#doubt("courier_died", false))
      case "answered": {
        const head = replica.state.pair
        const kept = courier.kept().find(({ key }) => key.turn === turn.number)
        if (head === null || kept === undefined) {
          return this.#report(turn, this.#doubt("record_unreadable", true))
        }
        return this.#judged(turn, head, kept.exchange)
      }
      default:
        return record satisfies never
    }
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
        results.push(this.#result(head, exchange, outcome.tokens, key.turn))
      }
    }
    return results
  }

  async #judged(turn: Turn, head: Pair, exchange: Exchange): Promise<Attempted> {
    const endpoint = this.#parts.endpoint()
    if (endpoint === null) return this.#report(turn, this.#doubt("no_provider", true))
    const outcome = await endpoint.interpret(exchange)
    if (outcome.type === "granted") return this.#result(head, exchange, outcome.tokens, turn.number)
    return this.#report(turn, this.#told(outcome))
  }

  #told(outcome: Exclude<Outcome, { type: "granted" }>): Report {
    const { cause } = outcome
    const atMs = this.#parts.clock.wallMs()
    switch (outcome.type) {
      case "unspent":
        return { type: "unspent", cause }
      case "retry-later":
        return outcome.maybeSpent
          ? this.#doubt(cause, false)
          : { type: "retry-later", cause, notBeforeMs: atMs + outcome.delayMs }
      case "rejected":
        return { type: "rejected", cause, atMs }
      case "in-doubt":
        return this.#doubt(cause, outcome.spent)
      case "misconfigured":
        return { type: "misconfigured", cause, atMs }
      default:
        return outcome satisfies never
    }
  }

  #doubt(cause: string, spent: boolean): Report {
    return { type: "in-doubt", cause, spent, atMs: this.#parts.clock.wallMs() }
  }

  #report(turn: Turn, report: Report): ReportEntry {
    return { type: "report", turn: turn.number, holder: this.#parts.self, report }
  }

  #result(head: Pair, exchange: Exchange, tokens: TokenResponse, turn: TurnNumber): ResultEntry {
    const { crypto, identity, replica, self } = this.#parts
    const { clusterId } = replica.state
    // Omitted means kept (RFC 6749 §5.1, §6): the same refresh token, the same scope.
    const refreshToken = tokens.refreshToken ?? replica.refreshToken(head)
    const pair = sealPair(clusterId, replica.keyring, crypto, {
      epoch: head.epoch,
      generation: head.generation + 1,
      parent: head.lineage,
      refreshToken,
      tokens: { ...tokens, scope: tokens.scope ?? head.scope },
      issuedAtMs: exchange.startedAtMs,
      by: self,
    })
    const statement = Buffer.from(resultStatement(clusterId, pair, turn), "utf8")
    return { type: "result", pair, turn, signature: identity.sign(statement) }
  }
}

export interface PairParts {
  readonly epoch: number
  readonly generation: number
  readonly parent: string | null
  readonly refreshToken: string
  readonly tokens: TokenResponse
  readonly issuedAtMs: number
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
    by: parts.by,
  }
}
