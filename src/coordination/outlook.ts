/**
 * How the member looks from outside: everything that a status tells, gathered from those who know it. Decides nothing; the
 * stage is derived by core/refresh/status.ts.
 */

import type { Agent } from "../core/refresh/agent.ts"
import { type LastResort, mayResend } from "../core/refresh/doubt.ts"
import { suspectsOf } from "../core/refresh/status.ts"
import type { ClusterState, Instant, MemberId } from "../core/refresh/types.ts"
import type { ClusterStatus, CurrentToken } from "../ports/coordinator.ts"
import type { Courier } from "../ports/courier.ts"
import type { Account } from "./account.ts"
import type { RaftDriver } from "./driver.ts"
import type { Peers } from "./peers.ts"
import type { Replica } from "./replica.ts"
import type { ServerClock } from "./server-clock.ts"
import type { StageSince, Watched } from "./stage-watch.ts"

export interface OutlookParts {
  readonly self: MemberId
  readonly courier: Courier
  readonly lastResort: LastResort
  readonly replica: Replica
  readonly agent: Agent
  readonly driver: RaftDriver
  readonly peers: Peers
  readonly account: Account
  readonly server: ServerClock
  readonly now: () => Instant
  /** Of the newest applied entry. */
  readonly settledTerm: () => number
  /** As the agent knows it: while the entries that a new one brings are applied, nobody acts on them yet. */
  readonly leader: () => MemberId | null
  readonly isStopped: () => boolean
}

export class Outlook {
  readonly #parts: OutlookParts

  constructor(parts: OutlookParts) {
    this.#parts = parts
  }

  status({ stage, cause, sinceMs }: StageSince, token: CurrentToken | null): ClusterStatus {
    const { agent, courier, driver, isStopped, leader, now, peers, replica, self, server } =
      this.#parts
    const { state } = replica
    const raft = driver.status
    const at = now()
    const { wallMs } = server.read()
    const seen = raft.leaderSeenAt
    const learner = raft.config.learners.includes(self)
    const role = raft.role === "pre-candidate" ? "candidate" : raft.role
    return {
      stage,
      cause,
      sinceMs,
      nextAttemptAtMs: stage === "relogin" ? null : this.#nextAttemptAtMs(at, wallMs),
      generation: (agent.ahead ?? state.pair)?.generation ?? 0,
      epoch: state.epoch,
      expiresAtMs: token?.expiresAtMs ?? null,
      quorum: raft.quorum && !isStopped(),
      leader: leader(),
      leaderSeenAtMs: seen === null ? null : Math.round(wallMs - (at.now - seen)),
      holder: state.turn?.holder ?? null,
      suspects: suspectsOf(state),
      role: learner ? "learner" : role,
      courier: courier.carrier,
      members: peers.list(state, raft.config),
    }
  }

  /** What the stage is derived from. */
  watched(): Watched {
    const { agent, driver, isStopped, lastResort, now, peers, self, settledTerm } = this.#parts
    const { term, quorum } = driver.status
    const at = now()
    const heldMs = agent.heldUntil(at)
    return {
      state: this.#seen(),
      trouble: agent.trouble,
      wallMs: at.wall,
      quorum,
      settled: term > 0 && settledTerm() === term,
      demanding: agent.demanding,
      stopped: isStopped(),
      heldUntilMs: heldMs === null ? null : at.wall + heldMs - at.now,
      // As the agent sees it: who cannot compare the turn's date does not know a window to be open.
      mayResend: mayResend(agent.seen(at), self, lastResort, at.wall),
      reachable: (id) => id === self || peers.isConnected(id),
    }
  }

  /** What the log says, with the pair that is used here. */
  #seen(): ClusterState {
    const { account, agent, replica } = this.#parts
    const { state } = replica
    const pair = account.hasLeft() ? null : (agent.ahead ?? state.pair)
    return pair === state.pair ? state : { ...state, pair }
  }

  /** Null: nobody waits for one, it is under way, or it comes when somebody else does something. */
  #nextAttemptAtMs(at: Instant, wallMs: number): number | null {
    const { agent, driver, isStopped, replica } = this.#parts
    const { demanding, nextWakeAt } = agent
    const wanted = demanding || replica.state.failures > 0
    if (!wanted || isStopped()) return null
    // Without a leader the next attempt is one to find a quorum.
    const next = agent.heldUntil(at) ?? (driver.status.leader === null ? driver.wakeAt : nextWakeAt)
    return next === null ? null : Math.round(wallMs + Math.max(next - at.now, 0))
  }
}
