/** What `doctor` finds. Decides how a finding is told; what is looked at is the other files' business. */

import { failureOf } from "../failure.ts"
import type { JsonObject } from "../json.ts"
import type { Painter } from "../text.ts"

export type Result = "ok" | "warn" | "fault"

export interface Check {
  readonly name: string
  readonly result: Result
  readonly detail: string
  /** What to do; null: nothing. */
  readonly hint: string | null
}

export function check(
  result: Result,
  name: string,
  detail: string,
  hint: string | null = null,
): Check {
  return { name, result, detail, hint }
}

/** A failure as a finding: its words hold no secret. */
export function faultOf(name: string, error: unknown): Check {
  const { hint, message } = failureOf(error)
  return check("fault", name, message, hint)
}

const PAINT = { ok: "good", warn: "warning", fault: "bad" } as const

/** One line. */
export function checkText({ detail, hint, name, result }: Check, paint: Painter): string {
  const said = hint === null ? detail : `${detail} (${hint})`
  return `${paint(PAINT[result], result.padEnd(5))}  ${name.padEnd(22)}  ${said}`
}

/** The answer of `doctor`. */
export function checksJson(checks: readonly Check[]): JsonObject {
  return {
    ok: checks.every(({ result }) => result !== "fault"),
    checks: checks.map(({ detail, hint, name, result }) => ({ name, result, detail, hint })),
  }
}
