/**
 * What becomes of the journal's answers once the log has moved: those that the head made history are forgotten, and a pair
 * that came after a logout is ended at the server, since nobody will ever use it. Decides what is history.
 */

import { isOlder } from "../core/refresh/head.ts"
import { isRevoked } from "../core/oauth/revocation.ts"
import type { Exchange } from "../core/oauth/types.ts"
import type { AttemptKey } from "../core/refresh/types.ts"
import type { Courier } from "../ports/courier.ts"
import type { SendExchange, TokenEndpoint } from "../ports/token-endpoint.ts"
import type { Replica } from "./replica.ts"

export interface RecordParts {
  readonly courier: Courier
  readonly replica: Replica
  readonly endpoint: () => TokenEndpoint | null
  /** For revocations: they spend nothing and need no record. */
  readonly send: SendExchange
}

type Kept = { readonly key: AttemptKey; readonly exchange: Exchange }

const REVOCATION_TIMEOUT_MS = 30_000

export class Records {
  readonly #parts: RecordParts
  readonly #ending = new Set<string>()

  constructor(parts: RecordParts) {
    this.#parts = parts
  }

  /** @returns true: a record speaks of the head, so that the log may lack what follows it. */
  settle(): boolean {
    const { courier, replica } = this.#parts
    const { epoch, pair } = replica.state
    const generation = pair?.generation ?? 0
    let open = false
    for (const kept of courier.kept()) {
      const { key } = kept
      const isHistory = isOlder(key, { epoch, generation })
      if (!isHistory) open ||= key.parent === pair?.lineage && key.generation === generation
      // Logged out: the pair was minted for a login that is over. After a new login it is left alone, since not every
      // server keeps the families of one account apart.
      else if (key.epoch < epoch && pair === null) void this.#end(kept)
      else courier.settle(key)
    }
    return open
  }

  /** Repeated at the next look until the server confirms it; the record is kept that long. */
  async #end({ key, exchange }: Kept): Promise<void> {
    const { courier, send } = this.#parts
    const endpoint = this.#parts.endpoint()
    if (endpoint?.revoke === undefined || this.#ending.has(key.parent)) return
    this.#ending.add(key.parent)
    try {
      const outcome = await endpoint.interpret(exchange)
      const minted = outcome.type === "granted" ? outcome.tokens.refreshToken : null
      const request = minted === null ? null : await endpoint.revoke(minted)
      const answer =
        request === null
          ? null
          : await send(request, { claim: () => true, timeoutMs: REVOCATION_TIMEOUT_MS })
      if (answer === null || isRevoked(answer)) courier.settle(key)
    } catch {
      // The metadata cannot be had, or the store has failed: the record stays for the next look.
    } finally {
      this.#ending.delete(key.parent)
    }
  }
}
