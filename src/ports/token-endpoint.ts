/** The token endpoint, in three steps that may run in three processes: prepare, exchange, interpret. */

import type { Exchange, Outcome, PreparedRequest } from "../core/oauth/types.ts"

export interface ExchangeOptions {
  /**
   * Called once, when the connection stands and before the first byte leaves. False: nothing is sent, and the exchange
   * ends with phase `claim`. This is where the sender makes its record durable.
   */
  readonly claim: () => boolean
  /** Called when the request has left: the answer takes its time, and so may other work. May never be called. */
  readonly sent?: (() => void) | undefined
  /** Longest total time, in ms. @defaultValue 120_000 */
  readonly timeoutMs?: number | undefined
  /** Used if it stands and leads to the same place; else a new one is dialled. Handed over either way. */
  readonly ahead?: ConnectionAhead | undefined
}

/** A fresh connection, made before its only request is known. Carries nothing, and is gone after a few seconds unused. */
export interface ConnectionAhead {
  /** Harmless when it was handed over. */
  close(): void
}

/** Connects to a URL's host without writing a byte. Never throws. */
export type DialAhead = (url: string) => ConnectionAhead

/** Sends one prepared request: a fresh connection, no retry, no redirect. Resolves always, rejects never. */
export type SendExchange = (request: PreparedRequest, options: ExchangeOptions) => Promise<Exchange>

export interface TokenEndpoint {
  /**
   * Builds the refresh request. Discovers the endpoint first when only an issuer is known.
   *
   * @throws QuorateError `DISCOVERY_FAILED` (retryable) when the metadata cannot be had.
   */
  prepare(refreshToken: string): Promise<PreparedRequest>
  /**
   * Builds the request that ends the token and its family (RFC 7009), for the same {@link SendExchange}. It spends nothing
   * and may be sent again; what came of it, `isRevoked` of core/oauth says.
   *
   * @returns null when the server has no revocation endpoint. An endpoint without this method has none either.
   * @throws QuorateError `DISCOVERY_FAILED` (retryable) when the metadata cannot be had.
   */
  revoke?(refreshToken: string): Promise<PreparedRequest | null>
  /** Judges what was recorded. Pure in its input; never rejects. */
  interpret(exchange: Exchange): Promise<Outcome>
}
