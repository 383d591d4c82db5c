/**
 * The courier inside the host's own process, where none of its own can be started: the same lock, claim and record, but what
 * it waits for is lost when the host is killed. Decides nothing about tokens; it sends once, keeps what came back sealed to
 * the member, and tells whether an attempt was made.
 *
 * Order of one trip: lock; connect; claim, durable; first byte; answer; record, durable; lock falls. No row is therefore
 * proof that no byte left, and `answered` survives whatever happens to the process afterwards.
 */

import type { Exchange, PreparedRequest } from "../core/oauth/types.ts"
import type { AttemptKey, Lineage, TokenKey } from "../core/refresh/types.ts"
import type { Clock } from "../ports/clock.ts"
import type { CarryResult, Courier, Judgement } from "../ports/courier.ts"
import type { Journal } from "../ports/journal.ts"
import type { MachineLock } from "../ports/machine-lock.ts"
import type { Crypto, Identity } from "../ports/sealer.ts"
import type { ConnectionAhead, DialAhead, SendExchange } from "../ports/token-endpoint.ts"
import { decodeExchange } from "../wire/exchange.ts"
import { recordContext, travel } from "./trip.ts"

export interface InlineCourierParts {
  readonly journal: Journal
  readonly lock: MachineLock
  readonly send: SendExchange
  readonly dial: DialAhead
  readonly crypto: Crypto
  readonly identity: Identity
  readonly clock: Clock
}

/** A {@link Courier} that sends from this process. */
export function inlineCourier(parts: InlineCourierParts): Courier {
  return new InlineCourier(parts)
}

class InlineCourier implements Courier {
  readonly carrier = "inline"
  readonly #parts: InlineCourierParts
  #carrying = false
  #ahead: ConnectionAhead | undefined

  constructor(parts: InlineCourierParts) {
    this.#parts = parts
  }

  standBy(): void {}

  dial(url: string): void {
    this.#ahead?.close()
    this.#ahead = this.#parts.dial(url)
  }

  async carry(key: AttemptKey, request: PreparedRequest): Promise<CarryResult> {
    if (!this.#acquire()) return { type: "unsent", cause: "courier_busy" }
    this.#carrying = true
    try {
      return await this.#trip(key, request)
    } catch {
      // The journal failed. Whether a byte left is what its row will say when it can be read again.
      return { type: "in-doubt", cause: "journal_failed" }
    } finally {
      this.#carrying = false
      this.#parts.lock.release()
    }
  }

  intend(parent: Lineage, proposal: string): void {
    this.#parts.journal.intend(parent, proposal)
  }

  judge(key: AttemptKey, proposal: string): Judgement {
    const { journal, lock } = this.#parts
    if (!this.#acquire()) return { type: "busy" }
    try {
      // A restored backup has forgotten what it sent: without its note an attempt without a row proves nothing.
      if (key.attempt === 1 && !journal.intends(key.parent, proposal)) journal.claim(key)
      // Fencing first: a courier that wakes late must find the row, before anybody concludes that it never sent.
      const fenced = journal.void(key)
      return { type: "judged", record: fenced ? { type: "none" } : journal.read(key) }
    } finally {
      lock.release()
    }
  }

  sends(token: TokenKey): number | null {
    const { journal, lock } = this.#parts
    if (!this.#acquire()) return null
    try {
      return journal.sends(token)
    } finally {
      lock.release()
    }
  }

  latest(turn: Omit<AttemptKey, "attempt">): number {
    return this.#parts.journal.latest(turn)
  }

  kept(): readonly { readonly key: AttemptKey; readonly exchange: Exchange }[] {
    return this.#parts.journal.answered().flatMap(({ key, sealed }) => {
      const exchange = this.#open(key, sealed)
      return exchange === null ? [] : [{ key, exchange }]
    })
  }

  settle(key: AttemptKey): void {
    this.#parts.journal.settle(key)
  }

  close(): void {
    this.#ahead?.close()
    this.#parts.journal.close()
    this.#parts.lock.close()
  }

  #acquire(): boolean {
    return !this.#carrying && this.#parts.lock.tryAcquire()
  }

  async #trip(key: AttemptKey, request: PreparedRequest): Promise<CarryResult> {
    const { clock, identity, journal } = this.#parts
    const ahead = this.#ahead
    this.#ahead = undefined
    const parts = { ...this.#parts, encryptionKey: identity.encryptionKey }
    const trip = await travel(parts, { key, request, atMs: clock.uptimeMs() }, ahead)
    if (trip.type === "unsent") return trip
    try {
      trip.record(journal)
    } catch {
      // The disk refuses the record. A pair that was received is never thrown away: the log may still take it.
    }
    return { type: "answered", exchange: trip.exchange }
  }

  /** Null for a row that this identity cannot open: it stays, and others are read all the same. */
  #open(key: AttemptKey, sealed: Uint8Array): Exchange | null {
    try {
      return decodeExchange(this.#parts.identity.open(sealed, recordContext(key)))
    } catch {
      return null
    }
  }
}
