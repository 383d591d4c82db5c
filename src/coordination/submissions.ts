/**
 * Entries that a caller waits for: a login, a logout, the provider's settings. Proposes until one copy is applied or the
 * time is up. Every such entry is a compare-and-set, so that a second copy of it is a no-op.
 */

import { QuorateError } from "../core/base/errors.ts"
import type { Settlement } from "../core/raft/types.ts"
import type { LogEntry, Verdict } from "../core/refresh/types.ts"
import type { Clock } from "../ports/clock.ts"

interface Waiting {
  readonly entry: LogEntry
  readonly ids: Set<string>
  readonly settle: (verdict: Verdict) => void
  readonly fail: (error: QuorateError) => void
  cancel: () => void
}

interface Condition {
  readonly holds: () => boolean
  readonly settle: () => void
  readonly fail: (error: QuorateError) => void
  readonly cancel: () => void
}

/** How long a caller waits for a quorum, and how soon a refused proposal is made again. */
const PATIENCE_MS = 30_000
const AGAIN_MS = 100

export class Submissions {
  readonly #clock: Clock
  readonly #propose: (id: string, entry: LogEntry) => void
  readonly #name: () => string
  readonly #waiting = new Set<Waiting>()
  readonly #conditions = new Set<Condition>()
  #closed: QuorateError | null = null

  constructor(clock: Clock, name: () => string, propose: (id: string, entry: LogEntry) => void) {
    this.#clock = clock
    this.#name = name
    this.#propose = propose
  }

  /** @throws QuorateError `NO_QUORUM` when nothing could be committed within 30 s. */
  submit(entry: LogEntry): Promise<Verdict> {
    return new Promise((resolve, reject) => {
      if (this.#closed !== null) return reject(this.#closed)
      const finish = (): void => {
        this.#waiting.delete(waiting)
        waiting.cancel()
        cancelDeadline()
      }
      const waiting: Waiting = {
        entry,
        ids: new Set(),
        settle: (verdict) => (finish(), resolve(verdict)),
        fail: (error) => (finish(), reject(error)),
        cancel: () => {},
      }
      const cancelDeadline = this.#deadline(() => waiting.fail(noQuorum()))
      this.#waiting.add(waiting)
      this.#again(waiting)
    })
  }

  /** Resolves when `holds`; looked at after each batch of inputs. */
  until(holds: () => boolean): Promise<void> {
    if (holds()) return Promise.resolve()
    return new Promise((resolve, reject) => {
      if (this.#closed !== null) return reject(this.#closed)
      const finish = (): void => {
        this.#conditions.delete(condition)
        condition.cancel()
      }
      const condition: Condition = {
        holds,
        settle: () => (finish(), resolve()),
        fail: (error) => (finish(), reject(error)),
        cancel: this.#deadline(() => condition.fail(noQuorum())),
      }
      this.#conditions.add(condition)
    })
  }

  applied(id: string, verdict: Verdict): void {
    for (const waiting of this.#waiting) if (waiting.ids.has(id)) waiting.settle(verdict)
  }

  settled(id: string, result: Settlement): void {
    if (result === "committed") return
    for (const waiting of this.#waiting) {
      if (!waiting.ids.has(id)) continue
      const at = this.#clock.nowMs() + AGAIN_MS
      waiting.cancel = this.#clock.timer(at, () => this.#again(waiting))
    }
  }

  progress(): void {
    for (const condition of this.#conditions) if (condition.holds()) condition.settle()
  }

  close(
    error: QuorateError = new QuorateError("CLOSED", "retryable", "the session was closed"),
  ): void {
    this.#closed ??= error
    for (const waiting of this.#waiting) waiting.fail(this.#closed)
    for (const condition of this.#conditions) condition.fail(this.#closed)
  }

  #again(waiting: Waiting): void {
    if (!this.#waiting.has(waiting)) return
    // Known before it is proposed: a single voter commits and applies within the call.
    const id = this.#name()
    waiting.ids.add(id)
    this.#propose(id, waiting.entry)
  }

  #deadline(expired: () => void): () => void {
    return this.#clock.timer(this.#clock.nowMs() + PATIENCE_MS, expired)
  }
}

function noQuorum(): QuorateError {
  return new QuorateError("NO_QUORUM", "retryable", "no quorum answered within 30 s", {
    hint: "start more of the cluster's members, or check `quorate members`",
  })
}
