/**
 * The coordinator of a cluster: one member, which folds the log, lets the agent decide and performs what it asks for. It
 * joins the parts and owns their order; the rules live in core/, the I/O in the rooms it is given.
 *
 * Everything but the token endpoint is synchronous, and nothing here looks at a real clock: the simulator runs this file.
 */

import { isQuorateError, QuorateError } from "../core/base/errors.ts"
import type { Random } from "../core/base/random.ts"
import type { ProviderSettings } from "../core/oauth/types.ts"
import { Agent } from "../core/refresh/agent.ts"
import type { AgentInput } from "../core/refresh/agent-types.ts"
import type { Fallback } from "../core/refresh/alone.ts"
import type { LastResort } from "../core/refresh/doubt.ts"
import type { TakeOverPreview } from "../core/refresh/takeover.ts"
import type {
  ClusterState,
  Instant,
  LogEntry,
  MemberId,
  MemberInfo,
  Pair,
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
import type { SendExchange, TokenEndpoint } from "../ports/token-endpoint.ts"
import type { Transport, WireMessage } from "../ports/transport.ts"
import { encodeEntry } from "../wire/entries.ts"
import { Account } from "./account.ts"
import { Attempts } from "./attempts.ts"
import { Conduct } from "./conduct.ts"
import { RaftDriver } from "./driver.ts"
import { Newest } from "./newest.ts"
import { Outlook } from "./outlook.ts"
import { Peers } from "./peers.ts"
import { Records } from "./records.ts"
import { Replica } from "./replica.ts"
import { sameToken } from "./guest.ts"
import { ServerClock } from "./server-clock.ts"
import { SleepWatch } from "./sleep-watch.ts"
import { StageWatch } from "./stage-watch.ts"
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
  /** For what spends nothing, such as a revocation; refreshes go through the courier. */
  readonly send: SendExchange
  /** What a holder in doubt does under `strict` just before the access token ends. */
  readonly lastResort: LastResort
  /** When this member may spend without a quorum. */
  readonly fallback: Fallback
}

/** A courier is made ready so long before the agent acts by itself: its start takes some 50 ms, its idleness ends it. */
const FORESIGHT_MS = 2_000
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
  readonly #conduct: Conduct
  readonly #agent: Agent
  readonly #driver: RaftDriver
  readonly #peers: Peers
  readonly #newest: Newest
  readonly #submissions: Submissions
  readonly #account: Account
  readonly #records: Records
  readonly #stages: StageWatch
  readonly #outlook: Outlook
  readonly #server: ServerClock
  readonly #sleep: SleepWatch
  readonly #listeners = new Set<(event: CoordinatorEvent) => void>()
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
  /** The opened form of a pair that is used before the log has it. */
  #ahead: { readonly of: Pair; readonly token: CurrentToken | null } | null = null
  #announced: CurrentToken | null = null
  #head: Pair | null = null

  constructor(given: ClusterParts) {
    this.#sleep = new SleepWatch(given.clock, () => this.#resumed())
    const parts = { ...given, clock: this.#sleep.clock }
    this.#parts = parts
    const { self, clock, random, crypto } = parts
    const persisted = parts.storage.load()
    if (persisted === null) {
      throw new QuorateError("STORE_UNUSABLE", "store", "the store was never initialised")
    }
    this.#run = Buffer.from(crypto.randomBytes(9)).toString("base64url")
    const server = (this.#server = new ServerClock(clock, parts.storage))
    this.#replica = new Replica({ ...parts, server }, parts.clusterId, parts.members)
    this.#replica.restore(persisted.snapshot.data)
    this.#announced = this.#replica.token
    this.#head = this.#replica.state.pair
    const peers = (this.#peers = new Peers(self, clock))
    const [sleep, replica] = [this.#sleep, this.#replica]
    this.#newest = new Newest({ ...parts, peers, replica, server, sleep })
    this.#stages = new StageWatch(
      clock,
      () => this.#outlook.watched(),
      () => this.#emit({ type: "status", status: this.status() }),
    )
    this.#submissions = new Submissions(
      clock,
      () => this.#name(),
      (id, entry) => this.#propose(id, entry),
    )
    this.#account = new Account(parts, this.#replica, this.#submissions)
    this.#agent = new Agent(parts, this.#replica.state, random, clock.nowMs())
    const shared = { ...parts, server, replica: this.#replica, endpoint: () => this.#provider() }
    this.#records = new Records(shared)
    this.#conduct = new Conduct({
      ...shared,
      attempts: new Attempts(shared),
      records: this.#records,
      send: (to, message) => void (to !== self && parts.transport?.send(to, message)),
      propose: (entry, named) => {
        const id = this.#name()
        named(id)
        this.#propose(id, entry)
      },
      decide: (input) => this.#decide(input),
      failed: (error) => this.#stop(error),
    })
    this.#driver = new RaftDriver({ ...parts, options: { ...parts.raft, self } }, persisted, {
      send: (to, message) => parts.transport?.send(to, { type: "raft", message }),
      written: (entry) => this.#readAhead(entry),
      restore: (snapshot) => this.#restore(snapshot),
      apply: (entry) => this.#apply(entry),
      settled: (id, result) => this.#settled(id, result),
      idle: () => this.#idle(),
      stopped: (error) => this.#stop(error),
    })
    this.#outlook = new Outlook({
      ...shared,
      peers,
      agent: this.#agent,
      driver: this.#driver,
      account: this.#account,
      now: () => this.#now(),
      settledTerm: () => this.#settledTerm,
      leader: () => this.#leader,
      isStopped: () => this.#isStopped(),
    })
  }

  async start(): Promise<void> {
    await this.#parts.transport?.start({
      message: (from, message) => this.#message(from, message),
      peer: (id, up) => this.#peer(id, up),
    })
    this.#driver.input({ type: "wake" })
    this.#decide({ type: "wake" })
    this.#tidyLater()
    await this.#conduct.offerFound()
  }

  token(): CurrentToken | null {
    if (this.#account.hasLeft()) return null
    const { ahead } = this.#agent
    if (ahead === null) return this.#replica.token
    if (this.#ahead?.of !== ahead) this.#ahead = { of: ahead, token: this.#replica.open(ahead) }
    return this.#ahead.token
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

  login({ tokens, issuedAtMs }: LoginTokens): Promise<CurrentToken> {
    // First the time, then the pair whose life counts by it: a peer with another clock must not find it old.
    this.#newest.tell(this.#peers.connected(), true)
    return this.#account.login({ tokens, issuedAtMs: this.#server.byWall(issuedAtMs) })
  }

  logout(): Promise<void> {
    const done = this.#account.logout(this.#driver.status.quorum)
    this.#announce()
    return done
  }

  takeOver(preview: boolean): Promise<TakeOverPreview> {
    const told = this.#account.previewTakeOver(this.#driver.status.quorum)
    if (!preview && told.type !== "hopeless") this.#decide({ type: "consent" })
    return Promise.resolve(told)
  }

  remove(member: MemberId, holderIsGone: boolean): Promise<void> {
    return this.#account.remove(member, holderIsGone)
  }

  status(): ClusterStatus {
    return this.#outlook.status(this.#stages.current(), this.token())
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

  /** Between an acknowledgement and the commit there is time. */
  #readAhead(entry: Entry): void {
    if (entry.type === "app") this.#replica.read(entry)
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
    if (applied <= snapshotIndex || this.#isStopped()) return
    this.#driver.input({ type: "compact", index: applied, data: this.#replica.snapshot() })
  }

  /** Tells callers of a new token, once: the head's, or one that is used before the log has it. */
  #announce(): void {
    const token = this.token()
    const { endsAtUptimeMs } = token ?? {}
    if (sameToken(token, this.#announced) && endsAtUptimeMs === this.#announced?.endsAtUptimeMs)
      return
    this.#announced = token
    this.#emit({ type: "token", token })
    this.#tidyLater()
  }

  /** Tells callers of a new head; peers hear of it when everybody was served. */
  #headMoved(): void {
    const { pair: head } = this.#replica.state
    if (head === this.#head) return
    this.#head = head
    this.#announce()
    this.#untidy = true
    // Also for a token that was announced before the log had it.
    this.#tidyLater()
  }

  #tidyLater(): void {
    const { clock } = this.#parts
    this.#cancelTidying()
    this.#cancelTidying = clock.timer(clock.nowMs() + TIDY_AFTER_MS, () => this.#tidy())
  }

  /**
   * Superseded refresh tokens leave the disk, a restart without quorum still knows the head, and records that the head has
   * made history let go of their answers. All of it syncs, so it comes after the callers and the acknowledgements.
   */
  #tidy(): void {
    if (this.#closed || this.#isStopped()) return
    try {
      this.#server.save()
      if (!this.#untidy) return
      this.#untidy = false
      this.#newest.tell(this.#peers.connected())
      this.#compact()
      // Whose snapshot failed has stopped: a restart finds the old turn, and must find what came of it.
      if (this.#isStopped()) return
      if (this.#records.settle()) void this.#conduct.offerFound()
    } catch (error) {
      this.#stop(error)
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
    this.#conduct.settled(id, result)
    this.#submissions.settled(id, result)
  }

  // -- the agent -------------------------------------------------------------------------------------------------------

  #now(): Instant {
    const { knownSinceMs } = this.#server
    return { now: this.#parts.clock.nowMs(), wall: this.#server.nowMs(), knownSinceMs }
  }

  #decide(input: AgentInput): void {
    if (this.#closed || this.#isStopped()) return
    this.#sleep.look()
    try {
      for (const effect of this.#agent.step(input, this.#now())) this.#conduct.perform(effect)
    } catch (error) {
      // An invariant of ours broke, or an entry cannot be encoded: stop the member, never the application around it.
      return this.#stop(error)
    }
    this.#announce()
    this.#wakeAt(this.#agent.nextWakeAt)
  }

  /** What the agent waits for longer than a moment is, more often than not, the next refresh. */
  #wakeAt(at: number | null): void {
    const { clock } = this.#parts
    this.#cancelTimer()
    if (at === null) return
    const wake = (): void =>
      void (this.#cancelTimer = clock.timer(at, () => this.#decide({ type: "wake" })))
    const soonAt = at - FORESIGHT_MS
    if (soonAt <= clock.nowMs()) return wake()
    this.#cancelTimer = clock.timer(soonAt, () => {
      this.#conduct.foresee()
      wake()
    })
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
    this.#sleep.look()
    this.#peers.heard(from)
    if (message.type === "raft")
      return this.#driver.input({ type: "message", from, message: message.message })
    try {
      if (message.type === "newest" && this.#newest.heard(from, message)) {
        this.#ahead = null
        this.#announce()
      }
    } catch (error) {
      return this.#stop(error)
    }
    // Whoever shows a pair proves that its holder received it; the log is not asked here.
    if (message.type === "show" && !this.#replica.verifies(message.result)) return
    this.#decide({ type: "message", from, message })
  }

  #peer(id: MemberId, up: boolean): void {
    this.#sleep.look()
    this.#peers.set(id, up)
    if (up) this.#newest.tell([id])
    this.#driver.input({ type: "peer", id, up })
    this.#emit({ type: "member", id, connected: up })
  }

  /** Nothing that this member knew before its sleep counts for news: neither who leads nor what its turn may do. */
  #resumed(): void {
    this.#decide({ type: "resumed" })
    this.#driver.input({ type: "resumed" })
    this.#parts.transport?.kick()
  }

  // -- what others see -------------------------------------------------------------------------------------------------

  #idle(): void {
    const { leader } = this.#driver.status
    if (leader !== this.#leader) {
      this.#leader = leader
      this.#decide({ type: "leader", leader })
    }
    if (this.#sleep.heardAgain(this.#driver.status)) this.#decide({ type: "caught-up" })
    this.#submissions.progress()
    this.#account.progress(this.#driver.status.quorum)
    this.#watchStage()
  }

  /** Events are for listeners only: without one nothing is derived and no timer is armed for a change by time. */
  #watchStage(): void {
    this.#stages.saw({ state: this.#replica.state, wallMs: this.#server.nowMs() })
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

  #isStopped(): boolean {
    return this.#stopped !== null
  }

  #stop(error: unknown): void {
    if (this.#isStopped() || this.#closed) return
    this.#stopped = error
    this.#silence()
    this.#submissions.close(isQuorateError(error) ? error : undefined)
    this.#watchStage()
  }
}
