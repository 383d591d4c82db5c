/**
 * How often a story goes to its server, and how soon after the server asked for patience. Decides what is too often and too
 * soon; whether a token may be sent at all is `swarm-invariants.ts`.
 */

import type { ReplayPolicy } from "../core/oauth/types.ts"
import { ALONE } from "../core/refresh/types.ts"
import { nameOf, printHead } from "./swarm-invariants.ts"
import type { Sending, SendingEnd } from "./watch.ts"
import type { SimulatedMember } from "./world.ts"

/** In a minute. Pauses that double allow about a dozen; without them each member that wants a token tries once a second. */
const STORM = 30
const MINUTE_MS = 60_000
/** Where nobody replaces a turn that its holder has not reported. */
const ORDERLY: readonly ReplayPolicy["type"][] = ["strict", "confirm", "grace"]
/** `Date` counts whole seconds, and so does `Retry-After`. */
const ROUNDING_MS = 3_000

interface Asked {
  readonly turn: number
  readonly untilMs: number
}

export class Pace {
  readonly #policy: ReplayPolicy
  #begun: readonly number[] = []
  readonly #asked = new Map<string, Asked>()
  /** How far apart two clocks ever were, the server's among them, when a process began to follow its machine's. */
  #apartMs = 0

  constructor(policy: ReplayPolicy) {
    this.#policy = policy
  }

  /** A process follows its machine's clock from its start on. */
  started(members: readonly SimulatedMember[]): void {
    const errors = [0, ...members.map(({ clockErrorMs }) => clockErrorMs)]
    this.#apartMs = Math.max(this.#apartMs, Math.max(...errors) - Math.min(...errors))
  }

  /** A courier was told to go, whether or not it gets through. */
  carries(nowMs: number): string | null {
    this.#begun = [...this.#begun.filter((atMs) => nowMs - atMs < MINUTE_MS), nowMs]
    return this.#begun.length <= STORM
      ? null
      : `a storm: ${this.#begun.length} requests begun within a minute`
  }

  /** The answer says when to come back. */
  ends({ key }: Sending, end: SendingEnd, nowMs: number): void {
    if (end.type !== "answered" || end.retryAfterSeconds === null) return
    if (key.turn === ALONE) return
    const untilMs = nowMs + end.retryAfterSeconds * 1_000
    this.#asked.set(printHead(key), { turn: key.turn, untilMs })
  }

  /** Who has a later turn knows what the earlier one met, since only that report has ended it. */
  leaves({ member, key }: Sending, nowMs: number, consented: boolean): string | null {
    const asked = this.#asked.get(printHead(key))
    if (asked === undefined || consented || !ORDERLY.includes(this.#policy.type)) return null
    const early = asked.untilMs - nowMs
    return key.turn > asked.turn && early > ROUNDING_MS + this.#apartMs
      ? `${nameOf(member)} sends ${printHead(key)} ${(early / 1_000).toFixed(1)} s before the server wants it back`
      : null
  }
}
