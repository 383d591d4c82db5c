/**
 * The coordinator of a cluster: one member, which folds the log, lets the agent decide and performs what it asks for. It
 * joins the parts and owns their order; the rules live in core/, the I/O in the rooms it is given.
 *
 * Everything but the token endpoint is synchronous, and nothing here looks at a real clock: the simulator runs this file.
 */

import { isQuorateError, QuorateError } from "../core/base/errors.ts"
import type { Random } from "../core/base/random.ts"
import type { ProviderSettings } from "../core/oauth/types.ts"
import { Agent, type AgentEffect, type AgentInput } from "../core/refresh/agent.ts"
import { type LastResort, mayResend } from "../core/refresh/doubt.ts"
import { suspectsOf } from "../core/refresh/status.ts"
import type {
  ClusterState,
  Instant,
  LogEntry,
  MemberId,
  MemberInfo,
  Turn,
} from "../core/refresh/types.ts"
import type { Entry, RaftOptions, Settlement, Snapshot } from "../core/raft/types.ts"
import type { Clock } from "../ports/clock.ts"
import type {
  ClusterStatus,
  Coordinator,
  CoordinatorEvent,
  CurrentToken,
  LoginTokens,
} from "../ports/coordinator.ts"
import type { Courier } from "../ports/courier.ts"
import type { Crypto, Identity } from "../ports/sealer.ts"
import type { Storage } from "../ports/storage.ts"
import type { TokenEndpoint } from "../ports/token-endpoint.ts"
import type { Transport, WireMessage } from "../ports/transport.ts"
import { encodeEntry } from "../wire/entries.ts"
import { Account } from "./account.ts"
import { type Attempted, Attempts } from "./attempts.ts"
import { RaftDriver } from "./driver.ts"
import { nextKeys } from "./keys.ts"
import { Peers } from "./peers.ts"
import { Replica } from "./replica.ts"
import { StageWatch, type Watched } from "./stage-watch.ts"
import { Submissions } from "./submissions.ts"

export interface ClusterParts {
  readonly self: MemberId
  readonly clusterId: string
  /** As of the genesis; later members come from the log. */
  readonly members: readonly MemberInfo[]
  readonly clock: Clock
  readonly random: Random
  readonly storage: Storage
  /** Null for a member without a network. */
  readonly transport: Transport | null
  readonly courier: Courier
  readonly endpoint: (settings: ProviderSettings, clientSecret: string | null) => TokenEndpoint
  readonly crypto: Crypto
  readonly identity: Identity
  readonly raft: Omit<RaftOptions, "self">
  /** What a holder in doubt does under `strict` just before the access token ends. */
  readonly lastResort: LastResort
}

/** What is tidied after a new head waits this long. */
const TIDY_AFTER_MS = 50
/** A caller that waits without quorum has the peers tried again, at most this often. */
const KICK_MS = 1_000
/** A log without a new head is compacted when it is this long. */
const COMPACT_AFTER = 32

/** @throws QuorateError kind `store` when the store cannot be read, or was never bootstrapped. */
export function clusterCoordinator(parts: ClusterParts): Coordinator {
  return new Cluster(parts)
}

class Cluster implements Coordinator {
  readonly #parts: ClusterParts
  readonly #replica: Replica
  readonly #attempts: Attempts
  readonly #agent: Agent
  readonly #driver: RaftDriver
  readonly #peers: Peers
  readonly #submissions: Submissions
  readonly #account: Account
  readonly #stages: StageWatch
  readonly #listeners = new Set<(event: CoordinatorEvent) => void>()
  /** Proposals of the agent in flight: id to intention. */
  readonly #intentions = new Map<string, string>()
  readonly #run: string
  #sequence = 0
  #leader: MemberId | null = null
  /** Term of the newest applied entry. */
  #settledTerm = 0
  #endpoint: { of: ClusterState["provider"]; value: TokenEndpoint } | null = null
  #stopped: unknown = null
  #closed = false
  #cancelTimer: () => void = () => {}
  #cancelTidying: () => void = () => {}
  #untidy = false
  #kickAtMs = -Infinity
  #announced: CurrentToken | null = null

  constructor(parts: ClusterParts) {
    this.#parts = parts
    const { self, clock, random, crypto } = parts
    const persisted = parts.storage.load()
    if (persisted === null) {
      throw new QuorateError("STORE_UNUSABLE", "store", "the store was never initialised")
    }
    this.#run = Buffer.from(crypto.randomBytes(9)).toString("base64url")
    this.#replica = new Replica(parts, parts.clusterId, parts.members)
    this.#replica.restore(persisted.snapshot.data)
    this.#announced = this.#replica.token
    this.#peers = new Peers(self, clock)
    this.#stages = new StageWatch(
      clock,
      () => this.#watched(),
      () => this.#emit({ type: "status", status: this.status() }),
    )
    this.#submissions = new Submissions(
      clock,
      () => this.#name(),
      (id, entry) => this.#propose(id, entry),
    )
    this.#account = new Account(parts, this.#replica, this.#submissions)
    this.#agent = new Agent({ self, lastResort: parts.lastResort }, this.#replica.state, random)
    this.#attempts = new Attempts({
      ...parts,
      replica: this.#replica,
      endpoint: () => this.#provider(),
    })
    this.#driver = new RaftDriver({ ...parts, options: { ...parts.raft, self } }, persisted, {
      send: (to, message) => parts.transport?.send(to, { type: "raft", message }),
      restore: (snapshot) => this.#restore(snapshot),
      apply: (entry) => this.#apply(entry),
      settled: (id, result) => this.#settled(id, result),
      idle: () => this.#idle(),
      stopped: (error) => this.#stop(error),
    })
  }

  async start(): Promise<void> {
    await this.#parts.transport?.start({
      message: (from, message) => this.#message(from, message),
      peer: (id, up) => this.#peer(id, up),
    })
    this.#driver.input({ type: "wake" })
    this.#decide({ type: "wake" })
    await this.#offerKept()
  }

  token(): CurrentToken | null {
    return this.#replica.token
  }

  demand(epoch: number, generation: number, force: boolean): void {
    const { clock, transport } = this.#parts
    if (!this.#driver.status.quorum && clock.nowMs() >= this.#kickAtMs) {
      this.#kickAtMs = clock.nowMs() + KICK_MS
      transport?.kick()
    }
    this.#decide({ type: "demand", epoch, generation, force })
  }

  used(): void {
    this.#decide({ type: "used" })
  }

  provider(): ProviderSettings | null {
    return this.#account.provider()
  }

  configure(settings: ProviderSettings, clientSecret: string | null): Promise<void> {
    return this.#account.configure(settings, clientSecret)
  }

  login(login: LoginTokens): Promise<CurrentToken> {
    return this.#account.login(login)
  }

  logout(): Promise<void> {
    return this.#account.logout()
  }

  status(): ClusterStatus {
    const { state } = this.#replica
    const raft = this.#driver.status
    const at = this.#now()
    const { stage, cause, sinceMs } = this.#stages.current()
    const token = this.#replica.token
    const seen = raft.leaderSeenAt
    const learner = raft.config.learners.includes(this.#parts.self)
    const role = raft.role === "pre-candidate" ? "candidate" : raft.role
    return {
      stage,
      cause,
      sinceMs,
      nextAttemptAtMs: stage === "relogin" ? null : this.#nextAttemptAtMs(at),
      generation: state.pair?.generation ?? 0,
      epoch: state.epoch,
      expiresAtMs: token?.expiresAtMs ?? null,
      quorum: raft.quorum && this.#stopped === null,
      leader: raft.leader,
      leaderSeenAtMs: seen === null ? null : Math.round(at.wall - (at.now - seen)),
      holder: state.turn?.holder ?? null,
      suspects: suspectsOf(state),
      role: learner ? "learner" : role,
      members: this.#peers.list(state, raft.config),
    }
  }

  subscribe(listener: (event: CoordinatorEvent) => void): () => void {
    this.#listeners.add(listener)
    this.#watchStage()
    return () => void this.#listeners.delete(listener)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#tidy()
    this.#closed = true
    this.#silence()
    await this.#parts.transport?.close()
    this.#parts.courier.close()
    this.#parts.storage.close()
  }

  // -- the log ---------------------------------------------------------------------------------------------------------

  #restore(snapshot: Snapshot): void {
    this.#replica.restore(snapshot.data)
    this.#decide({ type: "restored", state: this.#replica.state })
    this.#headMoved()
  }

  #apply(entry: Entry): void {
    this.#settledTerm = entry.term
    if (entry.term === this.#driver.status.term) this.#decide({ type: "caught-up" })
    if (entry.type === "app") {
      const applied = this.#replica.apply(entry)
      if (applied !== null) {
        const ours = entry.id.startsWith(this.#run)
        this.#decide({ type: "applied", state: this.#replica.state, ours, ...applied })
        this.#submissions.applied(entry.id, applied.verdict)
        this.#headMoved()
      }
    }
    const { applied, snapshotIndex } = this.#driver.status
    if (entry.index === applied && applied - snapshotIndex >= COMPACT_AFTER) this.#compact()
  }

  #compact(): void {
    const { applied, snapshotIndex } = this.#driver.status
    if (applied <= snapshotIndex || this.#stopped !== null) return
    this.#driver.input({ type: "compact", index: applied, data: this.#replica.snapshot() })
  }

  /** Tells callers and peers of a new head. */
  #headMoved(): void {
    const token = this.#replica.token
    if (token === this.#announced) return
    this.#announced = token
    this.#emit({ type: "token", token })
    const { epoch, pair } = this.#replica.state
    const generation = pair?.generation ?? 0
    for (const id of this.#peers.connected()) {
      this.#parts.transport?.send(id, { type: "newest", epoch, generation })
    }
    const { clock } = this.#parts
    this.#untidy = true
    this.#cancelTidying()
    this.#cancelTidying = clock.timer(clock.nowMs() + TIDY_AFTER_MS, () => this.#tidy())
  }

  /**
   * Superseded refresh tokens leave the disk, a restart without quorum still knows the head, and records that the head has
   * made history let go of their answers. All of it syncs, so it comes after the callers and the acknowledgements.
   */
  #tidy(): void {
    if (!this.#untidy || this.#closed || this.#stopped !== null) return
    this.#untidy = false
    try {
      this.#compact()
      this.#settleRecords()
    } catch (error) {
      this.#stop(error)
    }
  }

  #settleRecords(): void {
    const { epoch, pair } = this.#replica.state
    const generation = pair?.generation ?? 0
    for (const { key } of this.#parts.courier.kept()) {
      const isHistory = key.epoch < epoch || (key.epoch === epoch && key.generation < generation)
      if (isHistory) this.#parts.courier.settle(key)
      // The log has reached the parent of a pair that an earlier run received.
      else if (key.epoch === epoch && key.generation === generation) void this.#offerKept()
    }
  }

  /** A proposal of this run: nobody else, and no earlier run of this profile, can have used the name. */
  #name(): string {
    return `${this.#run}.${(this.#sequence += 1)}`
  }

  #propose(id: string, entry: LogEntry): void {
    this.#driver.input({ type: "propose", id, data: encodeEntry(entry) })
  }

  #settled(id: string, result: Settlement): void {
    const key = this.#intentions.get(id)
    this.#intentions.delete(id)
    if (key !== undefined) this.#decide({ type: "settled", key, result })
    this.#submissions.settled(id, result)
  }

  // -- the agent -------------------------------------------------------------------------------------------------------

  #now(): Instant {
    return { now: this.#parts.clock.nowMs(), wall: this.#parts.clock.wallMs() }
  }

  #decide(input: AgentInput): void {
    if (this.#closed || this.#stopped !== null) return
    try {
      for (const effect of this.#agent.step(input, this.#now())) this.#perform(effect)
    } catch (error) {
      // An invariant of ours broke, or an entry cannot be encoded: stop the member, never the application around it.
      return this.#stop(error)
    }
    this.#cancelTimer()
    const at = this.#agent.nextWakeAt
    if (at !== null)
      this.#cancelTimer = this.#parts.clock.timer(at, () => this.#decide({ type: "wake" }))
  }

  #perform(effect: AgentEffect): void {
    switch (effect.type) {
      case "propose":
        if (effect.entry.type === "turn") this.#attempts.warm()
        return this.#intend(effect.key, effect.entry)
      case "send":
        if (effect.to !== this.#parts.self) this.#parts.transport?.send(effect.to, effect.message)
        return
      case "carry":
        return void this.#attempt(effect.turn, (turn) => this.#attempts.carry(turn))
      case "judge":
        return void this.#attempt(effect.turn, (turn) => this.#attempts.judge(turn))
      case "make-keys":
        return this.#intend("keys", {
          type: "keys",
          keys: nextKeys(this.#replica.state, this.#parts.crypto),
        })
      default:
        return effect satisfies never
    }
  }

  #intend(key: string, entry: LogEntry): void {
    const id = this.#name()
    this.#intentions.set(id, key)
    this.#propose(id, entry)
  }

  async #attempt(turn: Turn, work: (turn: Turn) => Promise<Attempted>): Promise<void> {
    try {
      const entry = await work(turn)
      const { number } = turn
      if (entry === "busy" || entry === "unsent") this.#decide({ type: entry, turn: number })
      else this.#decide({ type: "outcome", turn: number, entry })
    } catch (error) {
      // The journal failed, or the keys do not fit: nobody can say what this member did, so it stops.
      this.#stop(error)
    }
  }

  /** A pair that an earlier run received and could not commit comes first: before it, nobody may spend its parent. */
  async #offerKept(): Promise<void> {
    try {
      const results = await this.#attempts.kept()
      if (results.length > 0) this.#decide({ type: "kept", results })
    } catch (error) {
      this.#stop(error)
    }
  }

  #provider(): TokenEndpoint | null {
    const { provider } = this.#replica.state
    if (provider === null) return null
    if (this.#endpoint?.of !== provider) {
      const value = this.#parts.endpoint(provider.settings, this.#replica.clientSecret())
      this.#endpoint = { of: provider, value }
    }
    return this.#endpoint.value
  }

  // -- peers -----------------------------------------------------------------------------------------------------------

  #message(from: MemberId, message: WireMessage): void {
    this.#peers.heard(from)
    if (message.type === "raft") {
      this.#driver.input({ type: "message", from, message: message.message })
      return
    }
    if (message.type === "newest") this.#peers.newest(from, message)
    this.#decide({ type: "message", from, message })
  }

  #peer(id: MemberId, up: boolean): void {
    this.#peers.set(id, up)
    if (up) {
      const { epoch, pair } = this.#replica.state
      this.#parts.transport?.send(id, { type: "newest", epoch, generation: pair?.generation ?? 0 })
    }
    this.#driver.input({ type: "peer", id, up })
    this.#emit({ type: "member", id, connected: up })
  }

  // -- what others see -------------------------------------------------------------------------------------------------

  #idle(): void {
    const { leader } = this.#driver.status
    if (leader !== this.#leader) {
      this.#leader = leader
      this.#decide({ type: "leader", leader })
    }
    this.#submissions.progress()
    this.#watchStage()
  }

  #watched(): Watched {
    const { term, quorum } = this.#driver.status
    const { clock, lastResort, self } = this.#parts
    const { state } = this.#replica
    const wallMs = clock.wallMs()
    const heldMs = this.#agent.heldUntil(this.#now())
    return {
      state,
      wallMs,
      quorum,
      settled: term > 0 && this.#settledTerm === term,
      demanding: this.#agent.demanding,
      stopped: this.#stopped !== null,
      heldUntilMs: heldMs === null ? null : wallMs + heldMs - clock.nowMs(),
      mayResend: mayResend(state, self, lastResort, wallMs),
      reachable: (id) => id === self || this.#peers.isConnected(id),
    }
  }

  /** Null: nobody waits for one, it is under way, or it comes when somebody else does something. */
  #nextAttemptAtMs(at: Instant): number | null {
    const { demanding, nextWakeAt } = this.#agent
    const wanted = demanding || this.#replica.state.failures > 0
    if (!wanted || this.#stopped !== null) return null
    // Without a leader the next attempt is one to find a quorum.
    const next =
      this.#agent.heldUntil(at) ?? (this.#leader === null ? this.#driver.wakeAt : nextWakeAt)
    return next === null ? null : Math.round(at.wall + Math.max(next - at.now, 0))
  }

  /** Events are for listeners only: without one nothing is derived and no timer is armed for a change by time. */
  #watchStage(): void {
    this.#stages.saw({ state: this.#replica.state, wallMs: this.#parts.clock.wallMs() })
    if (this.#listeners.size === 0 || this.#closed) return
    this.#stages.look()
  }

  #emit(event: CoordinatorEvent): void {
    for (const listener of this.#listeners) listener(event)
  }

  #silence(): void {
    this.#driver.close()
    this.#submissions.close()
    this.#cancelTimer()
    this.#stages.stop()
    this.#cancelTidying()
  }

  #stop(error: unknown): void {
    if (this.#stopped !== null || this.#closed) return
    this.#stopped = error
    this.#silence()
    this.#submissions.close(isQuorateError(error) ? error : undefined)
    this.#watchStage()
  }
}
