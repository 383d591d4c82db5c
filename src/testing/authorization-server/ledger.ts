/** Keeps the counters. Decides nothing: it is told what arrived, what took effect and what was answered. */

import type { AuthorizationServerCounters } from "./types.ts"

const REFRESH_TIMES_MAX = 10_000

export type Ending = "refreshed" | "replayed" | "rejected" | "turned-away" | "failed"

export interface Ledger {
  /** The token's opaque number; a new one for a token never seen. */
  numberOf(refreshToken: string): number
  knows(refreshToken: string): number | undefined
  minted(): void
  /** A refresh request arrived whole. @returns how often this token was posted so far. */
  arrived(token: number): number
  /** It goes on to the grant, or to the record of an earlier reply. */
  reachedGrant(token: number): void
  /** Called exactly once for each arrival. */
  ended(ending: Ending): void
  refreshTook(ms: number): void
  /** @returns false when this family was counted before. */
  familyRevoked(grantId: string): boolean
  counters(): AuthorizationServerCounters
}

export function createLedger(): Ledger {
  const numbers = new Map<string, number>()
  const posts = new Map<number, number>()
  const reached = new Map<number, number>()
  const endings: Record<Ending, number> = {
    refreshed: 0,
    replayed: 0,
    rejected: 0,
    "turned-away": 0,
    failed: 0,
  }
  const families = new Set<string>()
  const refreshMs: number[] = []
  let arrivals = 0
  let inFlight = 0
  let inFlightMax = 0
  let minted = 0

  return {
    numberOf(refreshToken) {
      const number = numbers.get(refreshToken) ?? numbers.size + 1
      numbers.set(refreshToken, number)
      return number
    },
    knows: (refreshToken) => numbers.get(refreshToken),
    minted() {
      minted += 1
    },
    arrived(token) {
      const count = (posts.get(token) ?? 0) + 1
      posts.set(token, count)
      arrivals += 1
      inFlight += 1
      inFlightMax = Math.max(inFlightMax, inFlight)
      return count
    },
    reachedGrant: (token) => void reached.set(token, (reached.get(token) ?? 0) + 1),
    ended(ending) {
      endings[ending] += 1
      inFlight -= 1
    },
    refreshTook(ms) {
      refreshMs.push(ms)
      if (refreshMs.length > REFRESH_TIMES_MAX) refreshMs.shift()
    },
    familyRevoked(grantId) {
      if (families.has(grantId)) return false
      families.add(grantId)
      return true
    },
    counters: () => ({
      posts: arrivals,
      postsPerToken: Object.fromEntries(posts),
      tokensSentTwice: [...reached.values()].filter((count) => count > 1).length,
      familiesRevoked: families.size,
      refreshes: endings.refreshed,
      replays: endings.replayed,
      rejected: endings.rejected,
      turnedAway: endings["turned-away"],
      serverErrors: endings.failed,
      inFlight,
      inFlightMax,
      minted,
      refreshMs: [...refreshMs],
      lastRefreshMs: refreshMs.at(-1) ?? null,
    }),
  }
}
