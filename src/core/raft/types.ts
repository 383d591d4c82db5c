/**
 * The words of the Raft core: what it stores, what it says to other nodes, what it is told and what it asks for.
 * Names are the paper's (Ongaro and Ousterhout 2014, figure 2; dissertation for pre-vote and transfer).
 *
 * The core decides elections, replication, commit, compaction and configuration. It leaves bytes, sockets, disks,
 * clocks and the meaning of an entry's payload to its driver.
 */

/** A node's name. Never reused, never re-pointed: a wiped node joins under a new one. */
export type NodeId = string
/** Election term, a safe integer, 0 before the first election. */
export type Term = number
/** Log position, a safe integer; the first entry has index 1, the genesis snapshot index 0. */
export type Index = number
/** Milliseconds of an opaque monotone clock; only used for pacing, never for safety. */
export type Millis = number
/** Number of a write, ascending from 1; 0 stands for "nothing to wait for". */
export type WriteSeq = number
/** Chosen by the proposer, unique per attempt; the log may hold an id twice, appliers must not mind. */
export type ProposalId = string

/** Who votes and who only listens. Sorted, disjoint. Effective as soon as it is in the log (dissertation §4.1). */
export interface Config {
  readonly voters: readonly NodeId[]
  readonly learners: readonly NodeId[]
}

interface EntryBase {
  readonly index: Index
  readonly term: Term
}
export interface NoopEntry extends EntryBase {
  readonly type: "noop"
}
export interface ConfigEntry extends EntryBase {
  readonly type: "config"
  readonly config: Config
}
export interface AppEntry extends EntryBase {
  readonly type: "app"
  readonly id: ProposalId
  /** Opaque to Raft. */
  readonly data: Uint8Array
}
export type Entry = NoopEntry | ConfigEntry | AppEntry

/** Written as one record: a crash between term and vote would allow a second vote in the term. */
export interface HardState {
  readonly term: Term
  readonly votedFor: NodeId | null
}

/** The state machine after `index`, with the configuration as of that index. Index 0 is the genesis. */
export interface Snapshot {
  readonly index: Index
  readonly term: Term
  readonly config: Config
  readonly data: Uint8Array
}

/** What a node finds on its disk. `entries` follow the snapshot without a hole. */
export interface Persisted {
  readonly hard: HardState
  readonly snapshot: Snapshot
  readonly entries: readonly Entry[]
}

/** One atomic, ordered, durable step of the disk. Applied in this order: snapshot, truncation, append, hard state. */
export interface Write {
  readonly seq: WriteSeq
  readonly hard?: HardState | undefined
  /** Replaces the snapshot and drops every entry up to its index; `keepTail` false drops the whole log. */
  readonly snapshot?: { readonly value: Snapshot; readonly keepTail: boolean } | undefined
  /** Drops this index and everything after it. */
  readonly truncateFrom?: Index | undefined
  readonly append?: readonly Entry[] | undefined
}

export interface VoteRequest {
  readonly type: "vote"
  /** True: would you vote for me in `term`? Changes nothing at the receiver (dissertation §9.6). */
  readonly pre: boolean
  readonly term: Term
  readonly lastIndex: Index
  readonly lastTerm: Term
  /** Set by a leadership transfer: passes the receivers' loyalty to a living leader. */
  readonly transfer: boolean
}
export interface VoteResponse {
  readonly type: "vote-response"
  readonly pre: boolean
  /** Granted: the term that was asked for. Refused: the voter's own term. */
  readonly term: Term
  readonly granted: boolean
}
/** AppendEntries; without entries it is a heartbeat. */
export interface AppendRequest {
  readonly type: "append"
  readonly term: Term
  readonly prevIndex: Index
  readonly prevTerm: Term
  readonly entries: readonly Entry[]
  readonly commit: Index
}
export interface AppendResponse {
  readonly type: "append-response"
  readonly term: Term
  readonly ok: boolean
  /** ok: the highest index known to match the leader's log. Not ok: the hint, where the logs may still agree. */
  readonly index: Index
  /** Not ok: the receiver's term at the hint, so that the leader skips a whole term at once. */
  readonly hintTerm: Term
  /** Not ok: the `prevIndex` that was refused; a stale refusal is known by it. */
  readonly refused: Index
}
/**
 * The leader's own log is on its disk up to here. Not in the paper, where a follower learns of a commit by the next
 * AppendEntries: with two or three voters a follower that has as much is the other half of a majority, and need not wait
 * for the leader to hear so and to say so. Not answered; when it is lost, the next append tells the commit index.
 */
export interface LeaderDurable {
  readonly type: "leader-durable"
  readonly term: Term
  readonly index: Index
}
export interface SnapshotRequest {
  readonly type: "snapshot"
  readonly term: Term
  readonly snapshot: Snapshot
}
/** A follower hands a proposal to its leader. */
export interface ForwardRequest {
  readonly type: "forward"
  readonly term: Term
  readonly id: ProposalId
  readonly data: Uint8Array
}
export interface ForwardResponse {
  readonly type: "forward-response"
  readonly term: Term
  readonly id: ProposalId
  /** False: the receiver does not lead, or is full; nothing was appended. */
  readonly accepted: boolean
}
/** The leader asks the receiver to campaign at once (dissertation §3.10). */
export interface TimeoutNow {
  readonly type: "timeout-now"
  readonly term: Term
}
export type RaftMessage =
  | VoteRequest
  | VoteResponse
  | AppendRequest
  | AppendResponse
  | LeaderDurable
  | SnapshotRequest
  | ForwardRequest
  | ForwardResponse
  | TimeoutNow

export type Input =
  /** Total: any message in any state, never throws whatever a peer says. */
  | { readonly type: "message"; readonly from: NodeId; readonly message: RaftMessage }
  | { readonly type: "propose"; readonly id: ProposalId; readonly data: Uint8Array }
  /** Asks for one membership step. The config must differ from the current one by at most one voter. */
  | { readonly type: "change-config"; readonly id: ProposalId; readonly config: Config }
  /** Hands leadership to `to`, or to the voter that is furthest along. */
  | { readonly type: "transfer"; readonly to?: NodeId | undefined }
  /** Everything up to `seq` is durable. */
  | { readonly type: "written"; readonly seq: WriteSeq }
  /** The state machine's image after `index`, which must have been handed out for applying. The log before it goes. */
  | { readonly type: "compact"; readonly index: Index; readonly data: Uint8Array }
  /** A transport hint: may only make a node forget its leader or probe a peer again, never elect. */
  | { readonly type: "peer"; readonly id: NodeId; readonly up: boolean }
  /** The process slept or stalled: deadlines are drawn anew, nothing counts as elapsed. */
  | { readonly type: "resumed" }
  /** `nextWakeAt` was reached. */
  | { readonly type: "wake" }

/** What became of a proposal. `unknown`: it may still commit later, under the same id. */
export type Settlement = "committed" | "refused" | "unknown"

export type Role = "follower" | "pre-candidate" | "candidate" | "leader"

/** For status, metrics and logs; nothing may depend on them. */
export type RaftEvent =
  | { readonly type: "role"; readonly role: Role; readonly term: Term }
  | { readonly type: "leader"; readonly leader: NodeId | null; readonly term: Term }
  | { readonly type: "config"; readonly config: Config; readonly index: Index }

/**
 * What the driver must do, in this order: make `write` durable, then step `written`; release each message whose
 * `after` is durable; apply `restore` and then `apply`, which are durable already; wake at `nextWakeAt`.
 */
export interface Effects {
  readonly write: Write | null
  readonly send: readonly {
    readonly to: NodeId
    readonly message: RaftMessage
    readonly after: WriteSeq
  }[]
  /** A snapshot that replaces the whole state machine, before `apply`. */
  readonly restore: Snapshot | null
  /** Committed and durable entries, in order, each exactly once per run. */
  readonly apply: readonly Entry[]
  readonly settled: readonly {
    readonly id: ProposalId
    readonly result: Settlement
    readonly index: Index | null
  }[]
  readonly events: readonly RaftEvent[]
  /** When to step `wake` if nothing else happens; null: no timer at all. */
  readonly nextWakeAt: Millis | null
}

/** Pacing of one node. All in ms unless said. */
export interface RaftOptions {
  readonly self: NodeId
  /** Election timeout is drawn from [electionMs, 2 * electionMs). @defaultValue 1000 in the driver */
  readonly electionMs: Millis
  /** Less than a third of `electionMs`. */
  readonly heartbeatMs: Millis
  /** Most bytes of payload in one append. */
  readonly appendBytesMax: number
  /** Most uncommitted entries a leader accepts from proposals; more are refused. */
  readonly pendingMax: number
}

/** A read-only view for status and for the refresh protocol. */
export interface RaftStatus {
  readonly self: NodeId
  readonly role: Role
  readonly term: Term
  readonly leader: NodeId | null
  readonly commit: Index
  readonly applied: Index
  readonly lastIndex: Index
  readonly snapshotIndex: Index
  readonly config: Config
  /**
   * A leader: a quorum answered within the last election timeout. A follower: heard from its leader within that time; or,
   * where that one is the only voter, is connected to it and has not asked it in vain for that long.
   * It is a hint for people and pacing, never a permission.
   */
  readonly quorum: boolean
  /** When this node last heard its leader (or, as leader, a quorum); null: never in this run. */
  readonly leaderSeenAt: Millis | null
}
