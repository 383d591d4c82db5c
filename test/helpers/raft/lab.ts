/**
 * One core on a bench, or a few joined by a network without delay: small worlds for tests that say exactly what happens.
 * Writes are durable at once unless a test holds them back.
 */

import { seededRandom } from "../../../src/core/base/random.ts"
import { applyWrite } from "../../../src/core/raft/persisted.ts"
import { RaftCore } from "../../../src/core/raft/raft.ts"
import type {
  AppendRequest,
  AppendResponse,
  Config,
  Effects,
  Entry,
  Index,
  Input,
  NodeId,
  Persisted,
  RaftMessage,
  RaftOptions,
  RaftStatus,
  Settlement,
  Snapshot,
  Term,
  VoteRequest,
  VoteResponse,
} from "../../../src/core/raft/types.ts"

export const ELECTION_MS = 1000
export const HEARTBEAT_MS = 300
export const NO_DATA: Uint8Array = new Uint8Array()

/** `"abc"` are three voters, `"a+bc"` one voter and two learners. */
export function members(text: string): Config {
  const [voters = "", learners = ""] = text.split("+")
  return { voters: voters.split("").sort(), learners: learners.split("").sort() }
}

/** Entries from index 1 (or after `from`) with these terms; each carries its place as id. */
export function log(terms: readonly Term[], from: Index = 0): Entry[] {
  return terms.map((term, i) => entry(from + i + 1, term))
}

export function entry(index: Index, term: Term): Entry {
  return { type: "app", index, term, id: `${index}/${term}`, data: NO_DATA }
}

export function configEntry(index: Index, term: Term, config: string): Entry {
  return { type: "config", index, term, config: members(config) }
}

export function snapshotAt(index: Index, term: Term, config = "abc"): Snapshot {
  return { index, term, config: members(config), data: new Uint8Array([index]) }
}

export interface Setup {
  readonly id?: NodeId
  readonly config?: string
  readonly term?: Term
  readonly votedFor?: NodeId | null
  readonly terms?: readonly Term[]
  readonly entries?: readonly Entry[]
  readonly snapshot?: Snapshot
  readonly seed?: number
  readonly options?: Partial<RaftOptions>
}

function persistedOf(setup: Setup): Persisted {
  const { config = "abc", votedFor = null } = setup
  const snapshot = setup.snapshot ?? { index: 0, term: 0, config: members(config), data: NO_DATA }
  const entries = setup.entries ?? log(setup.terms ?? [], snapshot.index)
  const lastTerm = entries.at(-1)?.term ?? snapshot.term
  return { hard: { term: setup.term ?? lastTerm, votedFor }, snapshot, entries }
}

/** One core, its disk and its clock. */
export class Bench {
  readonly id: NodeId
  readonly setup: Setup
  core: RaftCore
  now = 0
  disk: Persisted
  /** False: writes wait for {@link flush}. */
  sync = true
  /** Everything handed out so far. */
  readonly sent: { to: NodeId; message: RaftMessage; after: number }[] = []
  readonly applied: Entry[] = []
  readonly settled: { id: string; result: Settlement; index: Index | null }[] = []
  readonly restored: Snapshot[] = []
  nextWakeAt: number | null = null
  #held: NonNullable<Effects["write"]>[] = []

  constructor(setup: Setup = {}) {
    this.id = setup.id ?? "a"
    this.setup = setup
    this.disk = persistedOf(setup)
    this.core = this.#open()
  }

  #open(): RaftCore {
    const options = {
      self: this.id,
      electionMs: ELECTION_MS,
      heartbeatMs: HEARTBEAT_MS,
      appendBytesMax: 65_536,
      pendingMax: 100,
      ...this.setup.options,
    }
    return RaftCore.open(this.disk, options, seededRandom(this.setup.seed ?? 1), this.now)
  }

  /** The process ends, unsaved writes are gone, and a new one reads the disk. */
  restart(): void {
    this.#held = []
    this.core = this.#open()
  }

  get status(): RaftStatus {
    return this.core.status(this.now)
  }

  /** The core's log as its disk will have it. */
  get terms(): Term[] {
    return this.disk.entries.map(({ term }) => term)
  }

  step(input: Input): Effects {
    const effects = this.core.step(input, this.now)
    this.sent.push(...effects.send)
    if (effects.restore !== null) this.restored.push(effects.restore)
    this.applied.push(...effects.apply)
    this.settled.push(...effects.settled)
    this.nextWakeAt = effects.nextWakeAt
    if (effects.write !== null) this.#held.push(effects.write)
    if (this.sync) this.flush()
    return effects
  }

  /** Makes the writes that wait durable, or only the oldest few. */
  flush(count: number = this.#held.length): void {
    for (const write of this.#held.splice(0, count)) {
      this.disk = applyWrite(this.disk, write)
      this.step({ type: "written", seq: write.seq })
    }
  }

  get unsaved(): number {
    return this.#held.length
  }

  /** Hears a message and returns what was sent since. */
  hear(from: NodeId, message: RaftMessage): RaftMessage[] {
    const before = this.sent.length
    this.step({ type: "message", from, message })
    return this.sent.slice(before).map((send) => send.message)
  }

  /** Takes what was sent so far. */
  take(): { to: NodeId; message: RaftMessage; after: number }[] {
    return this.sent.splice(0)
  }

  wake(at: number = this.nextWakeAt ?? this.now): Effects {
    this.now = at
    return this.step({ type: "wake" })
  }

  /** Times out into a pre-vote. */
  timeOut(): Effects {
    this.step({ type: "wake" })
    return this.wake(this.now + 2 * ELECTION_MS)
  }

  /** Times out and wins the pre-vote; the votes are still to come. */
  campaign(): void {
    this.timeOut()
    for (const id of this.others()) {
      if (this.status.role !== "pre-candidate") break
      this.hear(id, { type: "vote-response", pre: true, term: this.status.term + 1, granted: true })
    }
  }

  /** Becomes leader; what the election sent is forgotten. */
  lead(): void {
    this.campaign()
    for (const id of this.others()) {
      if (this.status.role !== "candidate") break
      this.hear(id, { type: "vote-response", pre: false, term: this.status.term, granted: true })
    }
  }

  others(): NodeId[] {
    return this.status.config.voters.filter((id) => id !== this.id)
  }

  propose(id: string): Effects {
    return this.step({ type: "propose", id, data: new Uint8Array(1) })
  }

  /** An acknowledgement from `from` in this term. */
  ack(from: NodeId, index: Index): RaftMessage[] {
    return this.hear(from, ackOf(this.status.term, index))
  }
}

export function ackOf(term: Term, index: Index): AppendResponse {
  return { type: "append-response", term, ok: true, index, hintTerm: 0, refused: 0 }
}

export function refusalOf(
  term: Term,
  refused: Index,
  index: Index,
  hintTerm: Term,
): AppendResponse {
  return { type: "append-response", term, ok: false, index, hintTerm, refused }
}

export function appendOf(term: Term, more: Partial<AppendRequest> = {}): AppendRequest {
  return { type: "append", term, prevIndex: 0, prevTerm: 0, entries: [], commit: 0, ...more }
}

export function voteOf(term: Term, more: Partial<VoteRequest> = {}): VoteRequest {
  return { type: "vote", pre: false, term, lastIndex: 0, lastTerm: 0, transfer: false, ...more }
}

export function grantOf(term: Term, more: Partial<VoteResponse> = {}): VoteResponse {
  return { type: "vote-response", pre: false, term, granted: true, ...more }
}

/** Some benches and the wires between them. */
export class Lab {
  readonly benches: ReadonlyMap<NodeId, Bench>
  readonly #cut = new Set<string>()
  /** Messages it returns false for are lost. */
  filter: (from: NodeId, to: NodeId, message: RaftMessage) => boolean = () => true
  delivered = 0

  constructor(setups: readonly Setup[]) {
    this.benches = new Map(
      setups.map((setup, seed) => [setup.id ?? "a", new Bench({ seed, ...setup })]),
    )
    for (const bench of this.benches.values()) bench.step({ type: "wake" })
  }

  /** A fresh cluster of one letter per node. */
  static of(config: string, more: Setup = {}): Lab {
    const ids = config.replace("+", "").split("")
    return new Lab(ids.map((id) => ({ ...more, id, config })))
  }

  at(id: NodeId): Bench {
    const bench = this.benches.get(id)
    if (bench === undefined) throw new Error(`no ${id}`)
    return bench
  }

  cut(a: NodeId, b: NodeId): void {
    this.#cut.add(`${a}${b}`).add(`${b}${a}`)
  }

  isolate(id: NodeId): void {
    for (const other of this.benches.keys()) if (other !== id) this.cut(id, other)
  }

  recover(): void {
    this.#cut.clear()
    this.filter = () => true
  }

  /** Delivers until nobody has anything to say. */
  settle(): void {
    for (let busy = true; busy;) {
      busy = false
      for (const [from, bench] of this.benches) {
        for (const { to, message } of bench.take()) {
          const lost = this.#cut.has(`${from}${to}`) || !this.filter(from, to, message)
          if (lost || !this.benches.has(to)) continue
          busy = true
          this.delivered += 1
          this.at(to).step({ type: "message", from, message })
        }
      }
    }
  }

  /** Time passes for all, wake-up by wake-up. */
  pass(ms: number): void {
    const until = this.now + ms
    for (;;) {
      this.settle()
      const due = [...this.benches.values()]
        .filter(({ nextWakeAt }) => nextWakeAt !== null && nextWakeAt <= until)
        .sort((x, y) => (x.nextWakeAt ?? 0) - (y.nextWakeAt ?? 0))[0]
      if (due === undefined) break
      const at = Math.max(this.now, due.nextWakeAt ?? 0)
      for (const bench of this.benches.values()) bench.now = at
      due.step({ type: "wake" })
    }
    for (const bench of this.benches.values()) bench.now = until
  }

  get now(): number {
    return Math.max(...[...this.benches.values()].map(({ now }) => now))
  }

  /** `id` times out and the election runs to its end. */
  elect(id: NodeId): void {
    const at = this.now + 2 * ELECTION_MS
    for (const bench of this.benches.values()) bench.now = at
    this.at(id).step({ type: "wake" })
    this.settle()
  }

  leaders(): NodeId[] {
    return [...this.benches.values()].filter((b) => b.status.role === "leader").map(({ id }) => id)
  }
}
