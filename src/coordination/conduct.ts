/**
 * Performs what the agent asks for: proposes under a name of its own, sends, has tokens carried and judged, and tells the
 * agent what came of it. Decides nothing; that the member stops when its journal fails is `cluster.ts`'s.
 */

import type { AgentEffect, AgentInput } from "../core/refresh/agent-types.ts"
import type { LogEntry, MemberId, Pair, PeerMessage, Turn } from "../core/refresh/types.ts"
import type { Settlement } from "../core/raft/types.ts"
import type { Clock } from "../ports/clock.ts"
import type { Crypto } from "../ports/sealer.ts"
import type { Attempted, Attempts } from "./attempts.ts"
import { nextKeys } from "./keys.ts"
import type { Records } from "./records.ts"
import type { Replica } from "./replica.ts"

export interface ConductParts {
  readonly clock: Clock
  readonly crypto: Crypto
  readonly replica: Replica
  readonly attempts: Attempts
  readonly records: Records
  readonly send: (to: MemberId, message: PeerMessage) => void
  /** Proposes the entry; the name is one that nobody has used. */
  readonly propose: (entry: LogEntry, named: (id: string) => void) => void
  readonly decide: (input: AgentInput) => void
  /** The journal failed, or the keys do not fit: nobody can say what this member did. */
  readonly failed: (error: unknown) => void
}

/** A busy courier is looked at this often at first, and the agent told of it after this. */
const BUSY_LOOK_MS = 20
const BUSY_TOLD_MS = 500
/** It may wait two minutes for its server: then it is looked at less often. */
const BUSY_LOOK_MS_MAX = 500

export class Conduct {
  readonly #parts: ConductParts
  /** Proposals in flight: name to intention. */
  readonly #intentions = new Map<string, string>()
  #looking = false

  constructor(parts: ConductParts) {
    this.#parts = parts
  }

  perform(effect: AgentEffect): void {
    const { attempts, crypto, replica, send } = this.#parts
    switch (effect.type) {
      case "propose":
        if (effect.entry.type === "turn") return this.#takeTurn(effect.key, effect.entry)
        return this.#intend(effect.key, effect.entry)
      case "send":
        return send(effect.to, effect.message)
      case "carry":
        return void this.#attempt(effect.turn, (turn) => attempts.carry(turn, effect.consent))
      case "judge":
        return void this.#attempt(effect.turn, (turn) =>
          attempts.judge(turn, effect.cause ?? undefined),
        )
      case "spend-alone":
        return void this.#spendAlone(effect.pair, effect.consent)
      case "vouch":
        return void this.#vouch(effect.key, effect.entry)
      case "make-keys":
        return this.#intend("keys", { type: "keys", keys: nextKeys(replica.state, crypto) })
      default:
        return effect satisfies never
    }
  }

  /** The agent acts soon. */
  foresee(): void {
    this.#parts.attempts.foresee()
  }

  settled(id: string, result: Settlement): void {
    const key = this.#intentions.get(id)
    this.#intentions.delete(id)
    if (key !== undefined) this.#parts.decide({ type: "settled", key, result })
  }

  /**
   * A pair that an earlier run received and could not commit comes first: before it, nobody may spend its parent. A courier
   * of that run which is still at work is waited for.
   */
  async offerFound(): Promise<void> {
    const { attempts, decide, replica } = this.#parts
    try {
      const { pair } = replica.state
      if (pair !== null && !attempts.isQuiet(pair)) this.#lookAgain(BUSY_LOOK_MS)
      const { results, refused } = await attempts.found()
      if (results.length > 0) decide({ type: "kept", results })
      for (const one of refused) decide({ type: "refused", ...one })
    } catch (error) {
      this.#parts.failed(error)
    }
  }

  /** One look is under way at a time, whoever asked for it. */
  #lookAgain(ms: number): void {
    if (this.#looking) return
    this.#looking = true
    const { attempts, clock, failed, replica } = this.#parts
    clock.timer(clock.nowMs() + ms, () => {
      this.#looking = false
      try {
        const { pair } = replica.state
        if (pair === null || attempts.isQuiet(pair)) void this.offerFound()
        else this.#lookAgain(Math.min(2 * ms, BUSY_LOOK_MS_MAX))
      } catch (error) {
        failed(error)
      }
    })
  }

  /** A run that has just started may hold the pair in its journal and not know it yet: then its word would be a lie. */
  async #vouch(key: string, entry: LogEntry): Promise<void> {
    const { attempts, decide, replica } = this.#parts
    try {
      const { pair } = replica.state
      // First the lock, then the records: a courier that ends in between has written what it received.
      const quiet = pair !== null && attempts.isQuiet(pair)
      const { results } = await attempts.found()
      const follows = results.some((result) => result.pair.parent === pair?.lineage)
      if (quiet && !follows && replica.state.pair === pair) return this.#intend(key, entry)
      decide({ type: "settled", key, result: "refused" })
    } catch (error) {
      this.#parts.failed(error)
    }
  }

  #takeTurn(key: string, entry: LogEntry): void {
    const { attempts, replica } = this.#parts
    this.#intend(key, entry, (id) => attempts.intend(id))
    // While the others write the turn down. A lone voter has applied it by now, and carries already.
    if (replica.state.turn === null) attempts.warm()
  }

  /** `before`: what must be done under the proposal's name before it leaves. */
  #intend(key: string, entry: LogEntry, before: (id: string) => void = () => {}): void {
    this.#parts.propose(entry, (id) => {
      before(id)
      this.#intentions.set(id, key)
    })
  }

  async #attempt(turn: Turn, work: (turn: Turn) => Promise<Attempted>): Promise<void> {
    const { decide, records, replica } = this.#parts
    try {
      const entry = await this.#unlessBusy(() => work(turn))
      const { number } = turn
      if (entry === "busy") return decide({ type: "busy", turn: number })
      if (entry.type === "unsent") return decide({ ...entry, turn })
      decide({ type: "outcome", turn: number, entry })
      // A pair that came after the login was ended.
      if (replica.state.pair === null) records.settle()
    } catch (error) {
      this.#parts.failed(error)
    }
  }

  /** An earlier run's courier ends in a moment, more often than not: it is looked at closely before the agent is told. */
  async #unlessBusy(work: () => Promise<Attempted>): Promise<Attempted> {
    const { clock } = this.#parts
    const until = clock.nowMs() + BUSY_TOLD_MS
    for (;;) {
      const entry = await work()
      if (entry !== "busy" || clock.nowMs() >= until) return entry
      await new Promise<void>((resolve) => {
        clock.timer(clock.nowMs() + BUSY_LOOK_MS, resolve)
      })
    }
  }

  async #spendAlone(pair: Pair, consent: boolean): Promise<void> {
    const { attempts, decide } = this.#parts
    try {
      const attempt = await attempts.alone(pair, consent)
      decide({ type: "alone", lineage: pair.lineage, ...attempt })
    } catch (error) {
      this.#parts.failed(error)
    }
  }
}
