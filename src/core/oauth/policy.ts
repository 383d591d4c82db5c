/** Replay policies as people write them: `strict`, `grace:30:same`. What a policy allows is core/refresh's to say. */

import type { ReplayPolicy } from "./types.ts"

/** A checked value, or what is wrong with the text, in words for a person. */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problem: string }

/** Longest window that can be written: a year. */
const WINDOW_SECONDS_MAX = 31_536_000

/**
 * Reads `strict`, `reject`, `multi-use`, `confirm`, `idempotent` or `grace:SECONDS[:same|:new]`.
 *
 * Without the last part a second use is taken to answer with a `new` pair: treating an equal pair as new is harmless,
 * the reverse would use a superseded one.
 */
export function parseReplayPolicy(text: string): Parsed<ReplayPolicy> {
  switch (text) {
    case "strict":
    case "reject":
    case "multi-use":
    case "confirm":
    case "idempotent":
      return { ok: true, value: { type: text } }
    default:
      return text.startsWith("grace") ? parseGrace(text) : { ok: false, problem: FORMS }
  }
}

const FORMS = "expected strict, reject, multi-use, confirm, idempotent or grace:SECONDS[:same|:new]"

function parseGrace(text: string): Parsed<ReplayPolicy> {
  const match = /^grace:(\d{1,9})(?::(same|new))?$/.exec(text)
  if (match === null) return { ok: false, problem: FORMS }
  const answers = match[2] === "same" ? "same" : "new"
  const value: ReplayPolicy = { type: "grace", windowSeconds: Number(match[1]), answers }
  const problem = replayPolicyProblem(value)
  return problem === null ? { ok: true, value } : { ok: false, problem }
}

/** What {@link parseReplayPolicy} reads back as the same policy. */
export function formatReplayPolicy(policy: ReplayPolicy): string {
  return policy.type === "grace" ? `grace:${policy.windowSeconds}:${policy.answers}` : policy.type
}

/** Null when the policy makes sense; it may have come from a program instead of from text. */
export function replayPolicyProblem(policy: ReplayPolicy): string | null {
  if (policy.type !== "grace") return null
  const { windowSeconds } = policy
  const sound = Number.isInteger(windowSeconds) && windowSeconds >= 1
  return sound && windowSeconds <= WINDOW_SECONDS_MAX
    ? null
    : `the grace window must be a whole number of seconds, 1 to ${WINDOW_SECONDS_MAX}`
}
