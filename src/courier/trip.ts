/**
 * One trip to the token endpoint: connect, claim, send, and the answer sealed for the record. The same for a courier of its
 * own process and for one inside the host. Decides when it is too late to claim; the lock, and how often the record is
 * tried, are the callers'.
 */

import type { Exchange, PreparedRequest } from "../core/oauth/types.ts"
import type { AttemptKey } from "../core/refresh/types.ts"
import type { Clock } from "../ports/clock.ts"
import type { Journal } from "../ports/journal.ts"
import type { Crypto } from "../ports/sealer.ts"
import type { ConnectionAhead, SendExchange } from "../ports/token-endpoint.ts"
import { encodeExchange } from "../wire/exchange-bytes.ts"

export interface TripParts {
  readonly journal: Journal
  readonly send: SendExchange
  readonly crypto: Pick<Crypto, "sealerTo">
  /** The member's: whoever carries can seal an answer, and opens none. */
  readonly encryptionKey: Uint8Array
  readonly clock: Clock
}

export interface Go {
  readonly key: AttemptKey
  readonly request: PreparedRequest
  /** When it was said, by the machine's uptime. */
  readonly atMs: number
}

export type Trip =
  | { readonly type: "unsent"; readonly cause: string }
  | {
      readonly type: "answered"
      readonly exchange: Exchange
      /** Writes the record, durable on return. @throws what the journal throws; it may be called again. */
      readonly record: (journal: Journal) => void
    }

/**
 * From the go to the first byte, by the uptime, which runs in sleep and which nobody sets. It leaves a slow network the
 * time of a few round trips; a process of its own must have taken the go up long before ({@link GO_TAKEN_MS}).
 */
const GO_LIFE_MS = 15_000

/**
 * From the go to a courier that takes it up. Nothing but a stopped process or a machine asleep makes this long, and what
 * the log said then may be long over.
 */
export const GO_TAKEN_MS = 5_000

/** Bound into the sealed record: it opens only as the answer to this attempt. */
export function recordContext(key: AttemptKey): string {
  return `quorate exchange ${key.epoch}.${key.generation}.${key.parent}.${key.turn}.${key.attempt}`
}

/** The caller holds the courier's lock. @throws what the journal throws when it claims. */
export async function travel(
  parts: TripParts,
  { key, request, atMs }: Go,
  ahead: ConnectionAhead | undefined,
): Promise<Trip> {
  const { clock, crypto, encryptionKey, journal, send } = parts
  let claimed = false
  const sealer = once(() => crypto.sealerTo(encryptionKey, recordContext(key)))
  const exchange = await send(request, {
    ahead,
    // The longer half of sealing the answer, while it is on its way.
    sent: () => {
      try {
        sealer()
      } catch {
        // It is met again when the answer is there.
      }
    },
    // Asleep while connecting: what the log said at the go may be long over, so the claim is not made.
    claim: () => (claimed = clock.uptimeMs() - atMs <= GO_LIFE_MS && journal.claim(key)),
  })
  if (!claimed) return { type: "unsent", cause: exchange.failure?.code ?? "not_claimed" }
  const sealed = once(() => sealer()(encodeExchange(exchange)))
  return { type: "answered", exchange, record: (to) => to.answer(key, sealed()) }
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | null = null
  return () => (made ??= { value: make() }).value
}
