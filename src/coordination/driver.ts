/**
 * Performs the effects of the Raft core in their order: make the write durable, release the messages that waited for it,
 * apply what is committed, arm one timer. Decides nothing about votes or logs; leaves the meaning of entries to `apply`.
 */

import { RaftCore } from "../core/raft/raft.ts"
import type {
  Effects,
  Entry,
  Input,
  NodeId,
  Persisted,
  RaftMessage,
  RaftOptions,
  RaftStatus,
  Settlement,
  Snapshot,
  WriteSeq,
} from "../core/raft/types.ts"
import type { Random } from "../core/base/random.ts"
import type { Clock } from "../ports/clock.ts"
import type { Storage } from "../ports/storage.ts"

export interface DriverHandlers {
  send(to: NodeId, message: RaftMessage): void
  /** Durable, acknowledged, and not known to be committed: a good moment to read it. */
  written(entry: Entry): void
  /** Replaces the whole state machine. */
  restore(snapshot: Snapshot): void
  /** Committed and durable, in order. */
  apply(entry: Entry): void
  settled(id: string, result: Settlement): void
  /** After each batch of inputs. */
  idle(): void
  /** The member has stopped for good: its store failed, or an invariant of ours broke. */
  stopped(error: unknown): void
}

export interface DriverParts {
  readonly storage: Storage
  readonly clock: Clock
  readonly random: Random
  readonly options: RaftOptions
}

export class RaftDriver {
  readonly #core: RaftCore
  readonly #storage: Storage
  readonly #clock: Clock
  readonly #handlers: DriverHandlers
  readonly #queue: Input[] = []
  /** Answers that nobody waits for: they leave when what others wait for has left. */
  readonly #courtesies: { readonly to: NodeId; readonly message: RaftMessage }[] = []
  #busy = false
  #closed = false
  #written: WriteSeq = 0
  #wakeAt: number | null = null
  #cancelTimer: () => void = () => {}

  constructor(parts: DriverParts, persisted: Persisted, handlers: DriverHandlers) {
    this.#storage = parts.storage
    this.#clock = parts.clock
    this.#handlers = handlers
    this.#core = RaftCore.open(persisted, parts.options, parts.random, parts.clock.nowMs())
  }

  get status(): RaftStatus {
    return this.#core.status(this.#clock.nowMs())
  }

  /** When the core acts by itself, on the pacing clock; null: it waits for an event. */
  get wakeAt(): number | null {
    return this.#closed ? null : this.#wakeAt
  }

  /** Queues the input and works until nothing is left. An input from within a handler joins the same batch. */
  input(input: Input): void {
    if (this.#closed) return
    this.#queue.push(input)
    if (this.#busy) return
    this.#busy = true
    try {
      this.#drain()
    } catch (error) {
      // Fail-stop: after a failed sync nobody knows what is on the disk, so this member never acts again.
      this.close()
      this.#handlers.stopped(error)
    } finally {
      this.#busy = false
    }
  }

  close(): void {
    this.#closed = true
    this.#queue.length = 0
    this.#courtesies.length = 0
    this.#cancelTimer()
  }

  #drain(): void {
    for (let input = this.#queue.shift(); input !== undefined; input = this.#queue.shift()) {
      const effects = this.#core.step(input, this.#clock.nowMs())
      this.#perform(effects)
      this.#wakeAt = effects.nextWakeAt
      if (this.#queue.length === 0) this.#settle()
      if (this.#closed) return
    }
    this.#cancelTimer()
    if (this.#wakeAt !== null)
      this.#cancelTimer = this.#clock.timer(this.#wakeAt, () => this.input({ type: "wake" }))
  }

  #settle(): void {
    for (const { to, message } of this.#courtesies.splice(0)) this.#handlers.send(to, message)
    this.#handlers.idle()
  }

  #perform(effects: Effects): void {
    const before = this.#written
    // It answers a heartbeat or a commit index, or says that a proposal will do: callers wait for what is applied.
    const isCourtesy = ({ type }: RaftMessage): boolean =>
      type === "forward-response" || (effects.write === null && type === "append-response")
    // What depends on nothing new goes first: the followers' disks then work while ours does.
    for (const { to, message, after } of effects.send) {
      if (after <= before && !isCourtesy(message)) this.#handlers.send(to, message)
    }
    if (effects.write !== null) {
      this.#storage.commit(effects.write)
      this.#written = effects.write.seq
      this.#queue.unshift({ type: "written", seq: effects.write.seq })
    }
    for (const { to, message, after } of effects.send) {
      if (after > before && !isCourtesy(message)) this.#handlers.send(to, message)
    }
    if (effects.restore !== null) this.#handlers.restore(effects.restore)
    for (const entry of effects.apply) this.#handlers.apply(entry)
    for (const { id, result } of effects.settled) this.#handlers.settled(id, result)
    for (const { to, message } of effects.send) {
      if (isCourtesy(message)) this.#courtesies.push({ to, message })
    }
    for (const entry of effects.write?.append ?? []) this.#handlers.written(entry)
  }
}
