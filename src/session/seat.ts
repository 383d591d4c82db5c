/**
 * A process's seat in its profile: host when it gets the lock, guest of the one who did, and again when that one dies.
 * Decides the order of trying and the pauses; the lock decides who hosts, and nothing else ever does.
 */

import { isQuorateError, QuorateError } from "../core/base/errors.ts"
import { between, type Random } from "../core/base/random.ts"
import { guestCoordinator } from "../coordination/guest.ts"
import { connectToHost } from "../machine/guest-socket.ts"
import { machineLock } from "../machine/lock.ts"
import type { ProfileDirectory } from "../machine/profile.ts"
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
}

/** How long the first seat is sought, in ms: a host that starts may have to load its network on a busy machine. */
const OPEN_MS = 10_000
/** A host that does not greet by then is asleep or stuck, in ms. */
const GREETING_MS = 3_000
/** Pauses between attempts, in ms: short while a host starts, longer the longer it takes. Chance keeps rivals apart. */
const PAUSE_MS = { min: 4, max: 12, growth: 1.5, ceiling: 250 }
/** After an attempt that failed for a reason which time alone may not cure, in ms. */
const TROUBLE_MS = { min: 500, max: 2_000 }

interface Sitting {
  readonly role: "host" | "guest"
  readonly coordinator: Coordinator
  close(): Promise<void>
}

export class Seat {
  readonly #parts: SeatParts
  readonly #switchboard: Switchboard
  #sitting: Sitting | null = null
  #seeking: Promise<void> = Promise.resolve()
  #closed = false

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
    const pause = new Pause(this.#parts)
    for (;;) {
      const result = await this.#attempt()
      if (typeof result !== "string") return this.#sit(result)
      if (this.#parts.clock.nowMs() >= until) throw noAnswer(this.#parts.directory.path)
      await pause.next()
    }
  }

  /** One try: a guest where somebody answers, the host where the lock is free. */
  async #attempt(): Promise<Sitting | "starting" | "silent"> {
    const { directory, clock } = this.#parts
    const contact = await connectToHost(directory.socket, GREETING_MS)
    switch (contact.type) {
      case "refused":
        throw contact.error
      case "silent":
        return "silent"
      case "link": {
        const coordinator = guestCoordinator({
          link: contact.link,
          clock,
          lost: () => this.#lost(),
        })
        return { role: "guest", coordinator, close: () => coordinator.close() }
      }
      case "nobody":
        return this.#host()
      default:
        return contact satisfies never
    }
  }

  async #host(): Promise<Sitting | "starting"> {
    const lock = machineLock(this.#parts.directory.hostLock)
    if (!lock.tryAcquire()) {
      lock.close()
      return "starting"
    }
    return { role: "host", ...(await this.#parts.host(lock)) }
  }

  #sit(sitting: Sitting): void {
    this.#sitting = sitting
    this.#switchboard.connect(sitting.coordinator)
  }

  #lost(): void {
    // A guest that loses its host before it sat down finds out here, and goes on seeking all the same.
    this.#switchboard.disconnect()
    this.#sitting = null
    if (!this.#closed) this.#seeking = this.#seek()
  }

  /** Until there is a seat or the session is closed; nothing that fails here ends it, since callers wait for its end. */
  async #seek(): Promise<void> {
    const pause = new Pause(this.#parts)
    while (!this.#closed) {
      let result: Sitting | "starting" | "silent"
      try {
        result = await this.#attempt()
      } catch (error) {
        this.#switchboard.explain(isQuorateError(error) ? error.code.toLowerCase() : "internal")
        await pause.long()
        continue
      }
      if (typeof result !== "string") {
        if (!this.#closed) return this.#sit(result)
        return result.close()
      }
      if (result === "silent") this.#switchboard.explain("host_silent")
      await pause.next()
    }
  }

  async #leave(): Promise<void> {
    this.#closed = true
    await this.#seeking
    await this.#sitting?.close()
  }
}

class Pause {
  readonly #clock: Clock
  readonly #random: Random
  #min: number = PAUSE_MS.min
  #max: number = PAUSE_MS.max

  constructor(parts: { readonly clock: Clock; readonly random: Random }) {
    this.#clock = parts.clock
    this.#random = parts.random
  }

  async next(): Promise<void> {
    await this.#wait(this.#min, this.#max)
    this.#max = Math.min(this.#max * PAUSE_MS.growth, PAUSE_MS.ceiling)
    this.#min = this.#max / 3
  }

  long(): Promise<void> {
    return this.#wait(TROUBLE_MS.min, TROUBLE_MS.max)
  }

  #wait(min: number, max: number): Promise<void> {
    const atMs = this.#clock.nowMs() + between(this.#random, min, max)
    return new Promise((resolve) => void this.#clock.timer(atMs, resolve))
  }
}

function noAnswer(path: string): QuorateError {
  const message = `another process holds ${path} and does not answer`
  return new QuorateError("TIMEOUT", "retryable", message, {
    hint: "it may be suspended: continue or end it, then try again",
  })
}
