/** Looks into recorded headers: lower-case names, in the order they came. */

export type Headers = readonly (readonly [name: string, value: string])[]

/** The first of this name, trimmed. */
export function valueOf(headers: Headers, name: string): string | undefined {
  return headers.find(([candidate]) => candidate === name)?.[1].trim()
}

/**
 * True when a cache kept the answer: then `Date` is of the day it was made (RFC 9111 §5.1: an `Age` says so; the others
 * are how proxies say it).
 */
export function isReused(headers: Headers): boolean {
  return headers.some(
    ([name, value]) =>
      name === "age" || (CACHE_MARKS.includes(name) && /\b(?:hit|stale)\b/i.test(value)),
  )
}

const CACHE_MARKS: readonly string[] = ["x-cache", "cf-cache-status", "cache-status"]
