/** One agent with its own folded state and a clock that the test moves. */

import { seededRandom } from "../../../src/core/base/random.ts"
import { Agent } from "../../../src/core/refresh/agent.ts"
import type {
  AgentEffect,
  AgentInput,
  AgentOptions,
} from "../../../src/core/refresh/agent-types.ts"
import { fold } from "../../../src/core/refresh/fold.ts"
import type {
  ClusterState,
  LogEntry,
  MemberId,
  PeerMessage,
  ResultEntry,
} from "../../../src/core/refresh/types.ts"
import { LOGIN, member, MEMBERS, pair, provider, result, state } from "./fixtures.ts"

/** What the wall clock shows when the pacing clock shows 0: when the fixtures' pairs were issued. */
export const WALL = 1_000_000

export const KEYS: LogEntry = { type: "keys", keys: { number: 1, wraps: [] } }
export const LOGGED_IN: ClusterState = state(KEYS, LOGIN)
export const OWNER_ONLY: ClusterState = {
  ...LOGGED_IN,
  members: [...MEMBERS, member("d", "owner-only")],
}

export class Bench {
  readonly agent: Agent
  now = 0
  #state: ClusterState
  #index = 10

  constructor(
    self: MemberId,
    initial: ClusterState,
    leader: MemberId | null = "a",
    options: Partial<AgentOptions> = {},
  ) {
    this.#state = initial
    this.agent = new Agent(
      { self, lastResort: "resend", fallback: "proof", ...options },
      initial,
      seededRandom(7),
      0,
    )
    if (leader !== null) this.step({ type: "leader", leader })
  }

  step(input: AgentInput): readonly AgentEffect[] {
    return this.agent.step(input, { now: this.now, wall: WALL + this.now })
  }

  /** Folds the entry as if it had committed. */
  commit(entry: LogEntry, ours = false): readonly AgentEffect[] {
    this.#index += 1
    const folded = fold(this.#state, entry, { index: this.#index, signed: true })
    this.#state = folded.state
    return this.step({ type: "applied", entry, ours, ...folded })
  }

  get open(): number {
    return this.#state.turn?.number ?? 0
  }

  demand(force = false): readonly AgentEffect[] {
    const generation = this.#state.pair?.generation ?? 0
    return this.step({ type: "demand", epoch: 1, generation, force })
  }
}

export const types = (effects: readonly AgentEffect[]): readonly string[] =>
  effects.map(({ type }) => type)

export const MULTI: ClusterState = state(KEYS, provider({ type: "multi-use" }), LOGIN)
export const STRICT: ClusterState = state(KEYS, provider({ type: "strict" }), LOGIN)
export const ASK: PeerMessage = { type: "ask", epoch: 1, generation: 1 }
/** What a member without a leader sends when it asks for a newer pair. */
export const ASKED: readonly AgentEffect[] = ["a", "c"].map((to) => ({
  type: "send",
  to,
  message: ASK,
}))
/** A pair that `b` received. */
export const mine = (generation: number): ResultEntry =>
  result(generation, { by: "b" }) as ResultEntry
export const spend = (generation: number, consent = false): AgentEffect => ({
  type: "spend-alone",
  pair: generation === 1 ? pair(1) : mine(generation).pair,
  consent,
})
/** What came of an attempt of `b` without the log. */
export const got = (generation: number, result: ResultEntry | null = null): AgentInput => ({
  type: "alone",
  lineage: `1.${generation}`,
  end: result === null ? { type: "in-doubt", cause: "TIMEOUT" } : null,
  result,
})
/** A member without a leader, at a moment when it is alone. */
export const alone = (of: ClusterState = MULTI, options: Partial<AgentOptions> = {}): Bench => {
  const bench = new Bench("b", of, null, options)
  bench.now = 4_000
  return bench
}
export const without = (effects: readonly AgentEffect[], type: string): readonly AgentEffect[] =>
  effects.filter((effect) => effect.type !== type)
