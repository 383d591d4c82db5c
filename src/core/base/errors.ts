/**
 * The errors an embedder meets. Decides their codes and what each asks of the caller; the texts may change in any
 * release. Expected outcomes of a refresh are values (core/oauth/outcome.ts), not errors.
 */

/** What the caller should do. The command line maps each kind to one exit code. */
export type ErrorKind =
  /** Fix the call or the configuration (exit code 2). */
  | "usage"
  /** A person must log in, or initialise the profile first (3). */
  | "login"
  /** Nothing is lost; try again later (4). */
  | "retryable"
  /** The store, the key or the directory cannot be used (5). */
  | "store"
  /** Somebody said no: not a member, bad ticket, the provider refuses the client (6). */
  | "refused"
  /** A defect of this library (1). */
  | "internal"

/** Codes are the contract; match on them, never on messages. */
export type ErrorCode =
  | "USAGE"
  | "INVALID_OPTIONS"
  | "PROVIDER_MISMATCH"
  | "ALREADY_INITIALIZED"
  | "NOT_INITIALIZED"
  | "LOGIN_REQUIRED"
  | "NO_VALID_TOKEN"
  | "PENDING_REFRESH"
  | "TIMEOUT"
  | "NO_QUORUM"
  | "HOST_BUSY"
  | "CLOSED"
  | "STORE_UNUSABLE"
  | "STORE_FOREIGN"
  | "STORE_FENCED"
  | "KEY_UNUSABLE"
  | "KEYCHAIN_LOCKED"
  | "KEYCHAIN_UNAVAILABLE"
  | "NOT_A_MEMBER"
  | "HOLDS_TURN"
  | "CLIENT_REFUSED"
  | "DECLINED"
  | "DISCOVERY_FAILED"
  | "LOGIN_FAILED"
  | "INTERNAL"

const BRAND: unique symbol = Symbol.for("quorate.error")

export interface QuorateErrorOptions extends ErrorOptions {
  /** One sentence that says what to do next; shown to people. */
  readonly hint?: string | undefined
}

/** Every operating error of this package. A message names members, files and fields, never a token. */
export class QuorateError extends Error {
  override readonly name: string = "QuorateError"
  readonly code: ErrorCode
  readonly kind: ErrorKind
  readonly hint: string | undefined

  constructor(
    code: ErrorCode,
    kind: ErrorKind,
    message: string,
    options: QuorateErrorOptions = {},
  ) {
    super(message, options)
    this.code = code
    this.kind = kind
    this.hint = options.hint
    Object.defineProperty(this, BRAND, { value: true })
  }
}

/** True for a {@link QuorateError} of any copy of this package in this process. */
export function isQuorateError(error: unknown): error is QuorateError {
  return error instanceof Error && Object.hasOwn(error, BRAND)
}

/** Thrown by `peekToken` when no valid token is at hand and a refresh is under way or was just asked for. */
export class PendingRefreshError extends QuorateError {
  override readonly name: string = "PendingRefreshError"

  constructor(message = "no valid token is at hand; a refresh is pending") {
    super("PENDING_REFRESH", "retryable", message)
  }
}

/**
 * Foreign text made safe to show: quoted, so that it cannot forge a log line, and cut at `max` characters.
 * Never give it a response body: those may carry tokens.
 */
export function quote(text: string, max = 200): string {
  return JSON.stringify(text.length > max ? `${text.slice(0, max)}...` : text)
}
