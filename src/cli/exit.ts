/** Exit codes. Decides which number each end of a command gets; the numbers are the contract, and in `quorate --help`. */

import { type ErrorKind, isQuorateError } from "../core/base/errors.ts"

/** The signals that end a command in good order. */
export type EndingSignal = "SIGINT" | "SIGTERM"

/** Thrown out of a command that a signal ended. */
export class Interrupted extends Error {
  override readonly name: string = "Interrupted"
  readonly signal: EndingSignal

  constructor(signal: EndingSignal) {
    super(`interrupted by ${signal}`)
    this.signal = signal
  }
}

const CODE_OF_KIND: Readonly<Record<ErrorKind, number>> = {
  internal: 1,
  usage: 2,
  login: 3,
  retryable: 4,
  store: 5,
  refused: 6,
}

/** 128 and the signal's number, as a shell reports it. */
const CODE_OF_SIGNAL: Readonly<Record<EndingSignal, number>> = { SIGINT: 130, SIGTERM: 143 }

/** What a process exits with that `signal` ended. */
export function exitCodeOfSignal(signal: EndingSignal): number {
  return CODE_OF_SIGNAL[signal]
}

/** What a process exits with that failed with `error`. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof Interrupted) return CODE_OF_SIGNAL[error.signal]
  return isQuorateError(error) ? CODE_OF_KIND[error.kind] : CODE_OF_KIND.internal
}
