/**
 * A process's seat in its profile: host when it gets the lock, guest of the one who did, and again when that one dies.
 * Decides the order of trying and the pauses; the lock decides who hosts, and nothing else ever does.
 */

import { isQuorateError, QuorateError } from "../core/base/errors.ts"
import { between, type Random } from "../core/base/random.ts"
import { guestCoordinator } from "../coordination/guest.ts"
import { connectToHost, type GuestLink } from "../machine/guest-socket.ts"
import { processesWith } from "../machine/lock-holder.ts"
import { machineLock } from "../machine/lock.ts"
import type { ProfileDirectory } from "../machine/profile.ts"
import { beforeStop } from "../machine/stop-signal.ts"
import type { Clock } from "../ports/clock.ts"
import type { Coordinator } from "../ports/coordinator.ts"
import type { MachineLock } from "../ports/machine-lock.ts"
import { Switchboard } from "./switchboard.ts"

/** A member that runs here, and the way to let go of it. */
export interface Hosted {
  readonly coordinator: Coordinator
  /** Ends the socket, then the member, then the lock. */
  close(): Promise<void>
}

export interface SeatParts {
  readonly directory: ProfileDirectory
  readonly clock: Clock
  readonly random: Random
  /** Makes this process the host. Owns the lock from here on, and frees it when it throws. */
  readonly host: (lock: MachineLock) => Promise<Hosted>
  /** A guest has stayed for a while, and may be the next host: what that takes may be loaded. */
  readonly prepare: () => void
}

/** How long the first seat is sought, in ms: a host that starts may have to load its network on a busy machine. */
const OPEN_MS = 10_000
/** A host that does not greet by then is asleep or stuck, in ms. */
const GREETING_MS = 3_000
/** A process that stays for so long is more than a command, in ms: others may wait for it to take over. */
const STAYING_MS = 2_000
/** Pauses between attempts, in ms, from a third of `max`: longer the longer it takes. Chance keeps rivals apart. */
const PAUSE_MS = { max: 12, growth: 1.5, ceiling: 250 }
/** After an attempt that failed for a reason which time alone may not cure, in ms. */
const TROUBLE_MS = { min: 500, max: 2_000 }

interface Sitting extends Hosted {
  readonly role: "host" | "guest"
  /** The host is gone. */
  lost: boolean
}

export class Seat {
  readonly #parts: SeatParts
  readonly #switchboard: Switchboard
  #sitting: Sitting | null = null
  #seeking: Promise<void> = Promise.resolve()
  #closed = false
  #endPause: () => void = () => {}
  #unwatch: () => void = () => {}
  #notPrepare: () => void = () => {}

  constructor(parts: SeatParts) {
    this.#parts = parts
    this.#switchboard = new Switchboard(parts.clock, () => this.#leave())
  }

  /** The same for the seat's whole life; closing it gives the seat up. */
  get coordinator(): Coordinator {
    return this.#switchboard
  }

  /** Null between two hosts. */
  get role(): "host" | "guest" | null {
    return this.#sitting?.role ?? null
  }

  /**
   * Takes the first seat.
   *
   * @throws QuorateError what the host or the profile's files say; `TIMEOUT` (retryable) when a host holds the lock and
   *   does not answer: it is never robbed.
   */
  async take(): Promise<void> {
    const until = this.#parts.clock.nowMs() + OPEN_MS
    const pauses = new Pauses(this.#parts.random)
    while (!this.#sit(await this.#attempt())) {
      if (this.#parts.clock.nowMs() >= until) throw noAnswer(this.#parts.directory)
      await this.#pause(pauses.next())
    }
  }

  /** One try: a guest where somebody answers, the host where the lock is free. Null: not yet. */
  async #attempt(): Promise<Sitting | null> {
    const contact = await connectToHost(this.#parts.directory.socket, GREETING_MS)
    switch (contact.type) {
      case "refused":
        throw contact.error
      case "silent":
        this.#switchboard.explain("host_silent")
        return null
      case "link":
        return this.#guest(contact.link)
      case "nobody":
        return this.#host()
      default:
        return contact satisfies never
    }
  }

  #guest(link: GuestLink): Sitting {
    const coordinator = guestCoordinator({
      link,
      clock: this.#parts.clock,
      lost: () => {
        sitting.lost = true
        if (this.#sitting === sitting) this.#again()
      },
    })
    const close = (): Promise<void> => coordinator.close()
    const sitting: Sitting = { role: "guest", coordinator, lost: link.ended, close }
    return sitting
  }

  async #host(): Promise<Sitting | null> {
    const lock = machineLock(this.#parts.directory.hostLock)
    if (!lock.tryAcquire()) {
      lock.close()
      return null
    }
    return { role: "host", lost: false, ...(await this.#parts.host(lock)) }
  }

  #sit(sitting: Sitting | null): boolean {
    if (sitting === null || sitting.lost) return false
    this.#sitting = sitting
    this.#switchboard.connect(sitting.coordinator)
    if (sitting.role === "host") {
      const stop = (): Promise<void> => this.#standAside(sitting)
      this.#unwatch = beforeStop({ stop, resume: () => this.#again() })
    } else {
      const { clock, prepare } = this.#parts
      this.#notPrepare = clock.timer(clock.nowMs() + STAYING_MS, prepare)
    }
    return true
  }

  /** A host that stops with its terminal would hold its role as long: the lock is never taken from it. */
  #standAside(sitting: Sitting): Promise<void> {
    if (this.#sitting !== sitting) return Promise.resolve()
    this.#sitting = null
    this.#switchboard.disconnect()
    return (this.#seeking = sitting.close())
  }

  #again(): void {
    this.#sitting = null
    this.#notPrepare()
    this.#switchboard.disconnect()
    if (!this.#closed) this.#seeking = this.#seek()
  }

  /** Until there is a seat or the session is closed; nothing that fails here ends it, since callers wait for its end. */
  async #seek(): Promise<void> {
    const pauses = new Pauses(this.#parts.random)
    while (!this.#closed) {
      let pauseMs = pauses.next()
      try {
        const sitting = await this.#attempt()
        if (this.#closed) return await sitting?.close()
        if (this.#sit(sitting)) return
      } catch (error) {
        this.#switchboard.explain(isQuorateError(error) ? error.code.toLowerCase() : "internal")
        pauseMs = pauses.long()
      }
      await this.#pause(pauseMs)
    }
  }

  #pause(ms: number): Promise<void> {
    if (this.#closed) return Promise.resolve()
    const { clock } = this.#parts
    return new Promise((resolve) => {
      const cancel = clock.timer(clock.nowMs() + ms, resolve)
      this.#endPause = () => (cancel(), resolve())
    })
  }

  async #leave(): Promise<void> {
    this.#closed = true
    this.#unwatch()
    this.#notPrepare()
    this.#endPause()
    await this.#seeking
    await this.#sitting?.close()
  }
}

/** How long to wait between attempts. */
class Pauses {
  readonly #random: Random
  #max: number = PAUSE_MS.max

  constructor(random: Random) {
    this.#random = random
  }

  next(): number {
    const pause = between(this.#random, this.#max / 3, this.#max)
    this.#max = Math.min(this.#max * PAUSE_MS.growth, PAUSE_MS.ceiling)
    return pause
  }

  long(): number {
    return between(this.#random, TROUBLE_MS.min, TROUBLE_MS.max)
  }
}

function noAnswer({ hostLock, path }: ProfileDirectory): QuorateError {
  const pids = processesWith(hostLock)
  const who = pids.length === 1 ? `process ${pids.join()}` : "another process"
  const message = `${who} holds ${path} and does not answer`
  return new QuorateError("TIMEOUT", "retryable", message, {
    hint: "it may be suspended: continue or end it, then try again",
  })
}
