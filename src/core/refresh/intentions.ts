/** Which proposals of the agent are under way, and when one that came to nothing may be made again. */

import { below, type Random } from "../base/random.ts"
import type { Settlement } from "../raft/types.ts"

interface Intention {
  readonly inFlight: boolean
  readonly retryAtMs: number
}

/** An entry that was committed without effect is proposed again after this. */
const NOOP_MS = 1_000

export class Intentions {
  readonly #random: Random
  readonly #known = new Map<string, Intention>()

  constructor(random: Random) {
    this.#random = random
  }

  /** Zero: go, and it counts as under way from now on. Infinity: it is. Otherwise when to look again, on the pacing clock. */
  begin(key: string, now: number): number {
    const known = this.#known.get(key)
    if (known?.inFlight === true) return Infinity
    if (known !== undefined && known.retryAtMs > now) return known.retryAtMs
    this.#known.set(key, { inFlight: true, retryAtMs: 0 })
    return 0
  }

  settled(key: string, result: Settlement, now: number): void {
    // What a committed entry did shows in the state. If it was a no-op and is still wanted, it is asked for again, but not
    // at once: two rules that disagree must not fill the log.
    const pauseMs = result === "committed" ? NOOP_MS : 50 + below(this.#random, 250)
    this.#known.set(key, { inFlight: false, retryAtMs: now + pauseMs })
  }

  /** The head moved: what was said about the old one need not be remembered. */
  clear(): void {
    for (const [key, { inFlight }] of this.#known) if (!inFlight) this.#known.delete(key)
  }
}
