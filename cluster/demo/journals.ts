/**
 * What the members' couriers wrote down, read from outside: how often each refresh token was sent. Decides nothing; opens
 * the files through SQLite and for reading only, because any other way would drop the locks of who writes them.
 */

import { existsSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"

import type { AttemptKey } from "../../src/core/refresh/types.ts"
import { recordContext } from "../../src/courier/trip.ts"
import type { Identity } from "../../src/ports/sealer.ts"
import { decodeExchange } from "../../src/wire/exchange.ts"

export interface Attempt extends AttemptKey {
  readonly phase: string
  /** What the courier saw of the answer; null: nothing is kept of it. */
  readonly sealed: Uint8Array | null
}

/** Every attempt in one journal, those that were fenced off before they sent included. None where there is no journal yet. */
export function attempts(courierDb: string): readonly Attempt[] {
  if (!existsSync(courierDb)) return []
  const db = new DatabaseSync(courierDb, { readOnly: true, timeout: 1_000 })
  try {
    return db
      .prepare("SELECT * FROM attempt")
      .all()
      .map((row) => ({
        epoch: Number(row["epoch"]),
        generation: Number(row["generation"]),
        parent: String(row["parent"]),
        turn: Number(row["turn"]),
        attempt: Number(row["attempt"]),
        phase: String(row["phase"]),
        sealed: row["sealed"] instanceof Uint8Array ? row["sealed"] : null,
      }))
  } finally {
    db.close()
  }
}

/** Whether a whole answer is kept, and not only how the request failed. */
export function isAnswered({ sealed, ...key }: Attempt, identity: Identity): boolean {
  if (sealed === null) return false
  return decodeExchange(identity.open(sealed, recordContext(key))).response?.complete === true
}

export interface Sent {
  readonly posts: number
  /** Tokens that were sent more than once, by whomever. */
  readonly twice: number
}

/** Counts over all journals. A row that is not void stands for a request of which a byte may have left. */
export function countSent(courierDbs: Iterable<string>): Sent {
  const counts = new Map<string, number>()
  for (const path of courierDbs) {
    for (const { epoch, generation, phase } of attempts(path)) {
      if (phase === "void") continue
      const token = `${epoch}.${generation}`
      counts.set(token, (counts.get(token) ?? 0) + 1)
    }
  }
  const all = [...counts.values()]
  return {
    posts: all.reduce((sum, count) => sum + count, 0),
    twice: all.filter((count) => count > 1).length,
  }
}
