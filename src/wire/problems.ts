/** What zod found, in one line for people: every field with its path. Of this room alone. */

import type { z } from "zod"
import { quote } from "../core/base/errors.ts"

const SHOWN_MAX = 20

/** `members.0.key: must be a member key; cluster_id: ...`. Values are never shown: one of them may be a secret. */
export function problems(error: z.ZodError): string {
  const lines = error.issues.map((issue) => {
    const where = issue.path.map((part) => String(part)).join(".")
    return where === "" ? textOf(issue) : `${where}: ${textOf(issue)}`
  })
  const more = lines.length > SHOWN_MAX ? [`and ${lines.length - SHOWN_MAX} more`] : []
  return [...lines.slice(0, SHOWN_MAX), ...more].join("; ")
}

function textOf(issue: z.core.$ZodIssue): string {
  if (issue.code === "unrecognized_keys") {
    return `unknown: ${issue.keys.map((key) => quote(key, 64)).join(", ")}`
  }
  return issue.message.replace(/^Invalid input: /, "")
}
