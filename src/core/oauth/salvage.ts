/**
 * Finds the members of a token response in text that is not (or no longer) JSON: cut in the middle, with a stray comma,
 * behind a prefix. A 200 means the old token is spent, so a complete `"refresh_token":"..."` is worth more than any
 * well-formedness around it. Decides only what the text holds; whether to use it is core/oauth/outcome.ts.
 */

import { parseJson, type JsonObject } from "./json.ts"

/** A number counts only when something follows it: `36` may be the beginning of `3600`. */
const NUMBER = /-?\d+(?:\.\d+)?(?=\s*[,}\]])/y
const SPACE = /\s*/y
/** Each costs a walk to the end of the text; a server must not make us walk for hours. */
const BROKEN_STRINGS_MAX = 64

interface Found {
  readonly depth: number
  readonly value: string | number
}

/**
 * Every `"name": "text"` and `"name": number` of the text, at the least depth where the name occurs, the last one where
 * it occurs twice (as JSON.parse would have it). Strings inside strings are not mistaken for members.
 */
export function salvageMembers(text: string): JsonObject {
  const found = new Map<string, Found>()
  let depth = 0
  let broken = 0
  let at = 0
  while (at < text.length && broken < BROKEN_STRINGS_MAX) {
    const char = text[at]
    if (char === "{" || char === "[") depth += 1
    else if (char === "}" || char === "]") depth -= 1
    if (char !== '"') {
      at += 1
      continue
    }
    const name = stringAt(text, at)
    if (name === null) {
      // Go on behind its first quote: something whole may follow.
      broken += 1
      at += 1
      continue
    }
    at += name.length
    const key = parseJson(name)
    const member = memberAfter(text, at)
    if (member === null || typeof key !== "string") continue
    at = member.end
    const known = found.get(key)
    if (known === undefined || depth <= known.depth) found.set(key, { depth, value: member.value })
  }
  return Object.fromEntries([...found].map(([name, { value }]) => [name, value]))
}

function memberAfter(
  text: string,
  start: number,
): { readonly value: string | number; readonly end: number } | null {
  const colon = start + (match(SPACE, text, start)?.length ?? 0)
  if (text[colon] !== ":") return null
  const begin = colon + 1 + (match(SPACE, text, colon + 1)?.length ?? 0)
  const raw = stringAt(text, begin) ?? match(NUMBER, text, begin)
  if (raw === null) return null
  const value = parseJson(raw)
  if (typeof value !== "string" && typeof value !== "number") return null
  return { value, end: begin + raw.length }
}

/** A JSON string with its quotes, whole: nothing of it may lie behind the end of the text. */
function stringAt(text: string, start: number): string | null {
  if (text[start] !== '"') return null
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === "\\") at += 1
    else if (text[at] === '"') return text.slice(start, at + 1)
  }
  return null
}

function match(pattern: RegExp, text: string, at: number): string | null {
  pattern.lastIndex = at
  return pattern.exec(text)?.[0] ?? null
}
