/**
 * The courier as a process of its own, seen from the host: started when a refresh is foreseeable, told to go, heard, and told
 * again while it waits for more. Decides when the host sends by itself instead: where no such process can be started, and never
 * once a go was said.
 *
 * The courier takes the machine's lock itself, so that it stays taken when this process dies. What it received is read from
 * the journal, as any later host would read it.
 */

import type { PreparedRequest } from "../core/oauth/types.ts"
import type { AttemptKey } from "../core/refresh/types.ts"
import type { CarryResult, Courier } from "../ports/courier.ts"
import { inlineCourier, type InlineCourierParts } from "./inline.ts"
import type { Warm } from "./pipe.ts"
import { CourierProcess } from "./process.ts"
import { programBeside } from "./start.ts"

export interface DetachedCourierParts extends InlineCourierParts {
  readonly files: Pick<Warm, "journal" | "lock" | "hostLock">
  readonly committer: readonly string[]
  /** Path of the courier's program; null: there is none. @defaultValue the one beside this file */
  readonly program?: string | null | undefined
  /** How long an unused courier stays, in ms. @defaultValue 60_000 */
  readonly idleMs?: number | undefined
}

const IDLE_MS = 60_000
/** A start takes some 50 ms. An executable that is no Node, such as a hardened Electron, never says that it is ready. */
const READY_MS = 5_000
/** Where a start failed it is not tried again for so long. */
const FAILED_MS = 600_000
/** From the end of its pipe to the end of the process and of its lock. */
const ENDING_MS = 2_000

/** A {@link Courier} that sends from a process of its own, which survives this one. */
export function detachedCourier(parts: DetachedCourierParts): Courier {
  return new DetachedCourier(parts)
}

class DetachedCourier implements Courier {
  readonly #parts: DetachedCourierParts
  /** Judges and reads for both, and sends where no process can. */
  readonly #inline: Courier
  readonly #program: string | null
  /** The one that was started last: it waits, or carries. */
  #waiting: CourierProcess | null = null
  #failedUntilMs = -Infinity
  #carrying = false

  constructor(parts: DetachedCourierParts) {
    this.#parts = parts
    this.#inline = inlineCourier(parts)
    this.#program =
      parts.program === undefined ? programBeside(import.meta.url, "program") : parts.program
  }

  get carrier(): "process" | "inline" {
    const isFailed = this.#parts.clock.nowMs() < this.#failedUntilMs
    return this.#program === null || isFailed ? "inline" : "process"
  }

  standBy(): void {
    this.#start()
  }

  dial(url: string): void {
    const courier = this.#start()
    if (courier === null) this.#inline.dial(url)
    else courier.dial(url)
  }

  async carry(key: AttemptKey, request: PreparedRequest): Promise<CarryResult> {
    if (this.#carrying) return { type: "unsent", cause: "courier_busy" }
    this.#carrying = true
    try {
      const courier = await this.#ready()
      if (courier === null) return await this.#inline.carry(key, request)
      const heard = await courier.go({ key, request, atMs: this.#parts.clock.uptimeMs() })
      // It is over, also where its pipe has not closed yet.
      if (heard?.type !== "answered") this.#waiting = null
      if (heard?.type === "unsent") return { type: "unsent", cause: heard.cause }
      return heard === null ? await this.#lost(key, courier) : this.#found(key)
    } catch {
      // The journal failed. Whether a byte left is what its row will say when it can be read again.
      return { type: "in-doubt", cause: "journal_failed" }
    } finally {
      this.#carrying = false
    }
  }

  intend: Courier["intend"] = (parent, proposal) => this.#inline.intend(parent, proposal)

  judge: Courier["judge"] = (key, proposal) =>
    // Between the go and the courier's hand on the lock it is free.
    this.#carrying ? { type: "busy" } : this.#inline.judge(key, proposal)

  sends: Courier["sends"] = (token) => (this.#carrying ? null : this.#inline.sends(token))

  latest: Courier["latest"] = (turn) => this.#inline.latest(turn)

  kept: Courier["kept"] = () => this.#inline.kept()

  settle: Courier["settle"] = (key) => this.#inline.settle(key)

  close(): void {
    this.#waiting?.leave()
    this.#inline.close()
  }

  /** The one that waits, or a new one; null: none can be started. */
  #start(): CourierProcess | null {
    if (this.#waiting?.isOver === true) this.#waiting = null
    if (this.#waiting === null && this.#program !== null && this.carrier === "process") {
      const { files, identity, committer, idleMs = IDLE_MS } = this.#parts
      const { encryptionKey } = identity
      const warm: Warm = { type: "warm", ...files, encryptionKey, idleMs, committer }
      this.#waiting = CourierProcess.start(this.#program, warm)
      if (this.#waiting === null) this.#failed()
    }
    return this.#waiting
  }

  async #ready(): Promise<CourierProcess | null> {
    // One that waited may have ended in this very moment: then another is started.
    for (let tries = 0; tries < 2; tries += 1) {
      const courier = this.#start()
      if (courier === null) return null
      const wasReady = courier.isReady
      const isReady = await within(this.#parts.clock, READY_MS, courier.ready)
      if (isReady === true && !courier.isOver) return courier
      this.#waiting = null
      courier.abandon()
      if (!wasReady) {
        this.#failed()
        return null
      }
    }
    return null
  }

  #failed(): void {
    this.#failedUntilMs = this.#parts.clock.nowMs() + FAILED_MS
  }

  #found(key: AttemptKey): CarryResult {
    const { parent, turn, attempt } = key
    const kept = this.#inline
      .kept()
      .find(({ key: of }) => of.parent === parent && of.turn === turn && of.attempt === attempt)
    if (kept === undefined) return { type: "in-doubt", cause: "record_unreadable" }
    return { type: "answered", exchange: kept.exchange }
  }

  /** It ended without a word. When it is gone, and its lock with it, its row says how far it came. */
  async #lost(key: AttemptKey, courier: CourierProcess): Promise<CarryResult> {
    const { clock, journal, lock } = this.#parts
    const isGone = await within(clock, ENDING_MS, courier.exited)
    if (isGone === null || !lock.tryAcquire()) return { type: "in-doubt", cause: "courier_died" }
    try {
      const { type } = journal.read(key)
      if (type === "answered") return this.#found(key)
      if (type === "sending") return { type: "in-doubt", cause: "courier_died" }
      return { type: "unsent", cause: "courier_died" }
    } finally {
      lock.release()
    }
  }
}

/** What comes within the time; null: nothing. */
async function within<T>(
  clock: DetachedCourierParts["clock"],
  ms: number,
  work: Promise<T>,
): Promise<T | null> {
  let cancel = (): void => {}
  const late = new Promise<null>((resolve) => {
    cancel = clock.timer(clock.nowMs() + ms, () => resolve(null))
  })
  try {
    return await Promise.race([work, late])
  } finally {
    cancel()
  }
}
