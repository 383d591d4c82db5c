/**
 * A failure as it is told. Decides which of an error's words may be shown: the library's own errors hold no secret and are
 * shown as they are; of everything else only the kind is named, since its text may quote what it could not read.
 */

import { isQuorateError, QuorateError } from "../core/base/errors.ts"
import { Interrupted } from "./exit.ts"

/** The object under `error` that ends stdout with `--json`. */
export interface Failure {
  readonly code: string
  readonly message: string
  readonly hint: string | null
}

/** What is told of `error`. */
export function failureOf(error: unknown): Failure {
  if (isQuorateError(error)) {
    return { code: error.code, message: error.message, hint: error.hint ?? null }
  }
  if (error instanceof Interrupted) {
    return { code: "INTERRUPTED", message: error.message, hint: null }
  }
  return {
    code: "INTERNAL",
    message: `internal error: ${kindOf(error)}`,
    hint: "this is a defect; QUORATE_DEBUG=1 shows where, please report it",
  }
}

/** Where an unexpected error came from, without its text. */
export function framesOf(error: unknown): string {
  const stack = error instanceof Error ? (error.stack ?? "") : ""
  return stack
    .split("\n")
    .filter((line) => /^\s+at /.test(line))
    .join("\n")
}

/** A wrong use of the command line: exit code 2. */
export function usage(message: string, hint?: string): QuorateError {
  return new QuorateError("USAGE", "usage", message, { hint })
}

function kindOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error
  const code = "code" in error && typeof error.code === "string" ? ` (${error.code})` : ""
  return `${error.name}${code}`
}
