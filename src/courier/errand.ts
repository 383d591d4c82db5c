/**
 * What the courier's process does: waits for a go, makes the trip, keeps the record, waits for the next, and is gone when none
 * comes. Decides when it refuses, how long it waits, and what it does with an answer when nobody is there to take it. It opens
 * no answer and reads no token.
 *
 * Loads as little as it can: the first refresh, if nobody foresaw it, waits for its start.
 */

import { existsSync } from "node:fs"
import type { Socket } from "node:net"
import { setImmediate as nextLook, setTimeout as pause } from "node:timers/promises"

import { InvariantError } from "../core/base/assert.ts"
import type { Exchange } from "../core/oauth/types.ts"
import { dialAhead } from "../endpoint/ahead.ts"
import { sendExchange } from "../endpoint/exchange.ts"
import { rehearseRequest } from "../endpoint/rehearsal.ts"
import { systemClock } from "../machine/clock.ts"
import { machineLock } from "../machine/lock.ts"
import type { AttemptKey } from "../core/refresh/types.ts"
import type { Journal } from "../ports/journal.ts"
import type { MachineLock } from "../ports/machine-lock.ts"
import type { ConnectionAhead } from "../ports/token-endpoint.ts"
import { sealerTo } from "../seal/sealed-to.ts"
import { sqliteJournal } from "../storage/sqlite-journal.ts"
import { encodeExchange } from "../wire/exchange-bytes.ts"
import { type FromCourier, frameOfPipe, PipeReader, type ToCourier, type Warm } from "./pipe.ts"
import { startDetached } from "./start.ts"
import { GO_TAKEN_MS, type Go, travel, type Trip } from "./trip.ts"

/** A go that nobody foresaw follows the word that this process is ready, and must not wait for its rehearsal. */
const REHEARSAL_MS = 50
/** Somebody who judges a record holds the lock for a moment. */
const LOCK_MS = 250
/** A record that cannot be written is tried again after this, then after twice as long, up to a bound. */
const AGAIN_MS = 250
const AGAIN_MS_MAX = 5_000

const NOTHING: Exchange = {
  startedAtMs: 0,
  finishedAtMs: 0,
  connected: false,
  bodySent: false,
  response: { status: 200, headers: [], body: new Uint8Array(2), complete: true },
  failure: null,
}

interface Place {
  readonly warm: Warm
  journal: Journal
  readonly lock: MachineLock
}

/** Serves whoever holds the other end of the pipe; ends the process. */
export function runErrand(pipe: Socket): void {
  new Errand(pipe).start()
}

class Errand {
  readonly #pipe: Socket
  readonly #reader = new PipeReader<ToCourier>()
  #place: Place | null = null
  #idle: NodeJS.Timeout | undefined
  #ahead: ConnectionAhead | undefined
  #going = false
  #isAlone = false
  /** What was answered last. */
  #last: AttemptKey | null = null

  constructor(pipe: Socket) {
    this.#pipe = pipe
  }

  start(): void {
    for (const signal of ["SIGINT", "SIGHUP", "SIGQUIT", "SIGPIPE"] as const) {
      process.on(signal, () => {})
    }
    // Whoever shuts the machine down need not wait for a courier that carries nothing.
    process.on("SIGTERM", () => this.#leaveUnlessGoing())
    this.#pipe.on("data", (chunk) => {
      try {
        for (const said of this.#reader.push(chunk)) this.#take(said)
      } catch {
        // The journal cannot be used, or the pipe has lost its rhythm: the host sees it close, and sends by itself.
        this.#leaveUnlessGoing()
      }
    })
    const over = (): void => {
      this.#isAlone = true
      this.#leaveUnlessGoing()
    }
    this.#pipe.on("error", over).on("end", over).on("close", over)
  }

  #leaveUnlessGoing(): void {
    if (this.#going) return
    if (this.#place !== null && this.#last !== null) handIn(this.#place.warm, this.#last)
    process.exit(0)
  }

  #take(said: ToCourier): void {
    switch (said.type) {
      case "warm":
        return this.#warm(said)
      case "dial":
        this.#ahead?.close()
        this.#ahead = dialAhead(said.url)
        return
      case "go":
        if (this.#place === null || this.#going) return
        this.#going = true
        clearTimeout(this.#idle)
        void this.#go(this.#place, said)
        return
      default:
        return said satisfies never
    }
  }

  #warm(warm: Warm): void {
    const journal = sqliteJournal(warm.journal)
    this.#place = { warm, journal, lock: machineLock(warm.lock) }
    this.#wait(warm)
    this.#say({ type: "ready" })
    setTimeout(() => this.#rehearse(warm), REHEARSAL_MS).unref()
  }

  #wait({ idleMs }: Warm): void {
    this.#idle = setTimeout(() => this.#leaveUnlessGoing(), idleMs).unref()
  }

  /** Each part of the trip once, for nothing: its first time takes several times longer. */
  #rehearse({ encryptionKey }: Warm): void {
    if (this.#going) return
    rehearseRequest()
    sealerTo(encryptionKey, "rehearsal")(encodeExchange(NOTHING))
  }

  async #go(place: Place, go: Go): Promise<void> {
    const trip = await this.#travel(place, go)
    if (trip.type === "unsent") {
      place.lock.release()
      // Its journal may have failed, and says nothing else then: another process opens it anew.
      this.#pipe.end(frameOfPipe(trip), () => process.exit(0))
      return
    }
    await keep(place, trip)
    this.#last = go.key
    // Free before anybody is told: nothing is decided any more, and the next refresh must not find it held.
    place.lock.release()
    this.#say({ type: "answered" })
    this.#going = false
    if (this.#isAlone) this.#leaveUnlessGoing()
    else this.#wait(place.warm)
  }

  async #travel({ warm, journal, lock }: Place, go: Go): Promise<Trip> {
    const ahead = this.#ahead
    this.#ahead = undefined
    const late = systemClock.uptimeMs() - go.atMs > GO_TAKEN_MS
    if (late || (await this.#isAbandoned())) return { type: "unsent", cause: "not_claimed" }
    try {
      const until = performance.now() + LOCK_MS
      while (!lock.tryAcquire()) {
        if (performance.now() >= until) return { type: "unsent", cause: "courier_busy" }
        await pause(5)
      }
      const { encryptionKey } = warm
      const clock = systemClock
      const parts = { journal, send: sendExchange, crypto: { sealerTo }, encryptionKey, clock }
      return await travel(parts, go, ahead)
    } catch {
      // Only before the first byte: a claim that fails ends the exchange, and later nothing throws.
      return { type: "unsent", cause: "journal_failed" }
    }
  }

  /**
   * Was this process stopped, the host that said go may be gone and another one there, which knows nothing of it and sends by
   * itself. The end of the pipe is read a look after what was said last.
   */
  async #isAbandoned(): Promise<boolean> {
    await nextLook()
    await nextLook()
    return this.#isAlone
  }

  #say(said: FromCourier): void {
    this.#pipe.write(frameOfPipe(said))
  }
}

/**
 * Writes the record, however long the disk refuses it: the answer is nowhere else. The lock is kept meanwhile, so that
 * everybody knows that it may still come. Ends the process when there is no journal any more that could take it.
 */
async function keep(place: Place, trip: Extract<Trip, { type: "answered" }>): Promise<void> {
  const path = place.warm.journal
  for (let waitMs = AGAIN_MS; ; waitMs = Math.min(2 * waitMs, AGAIN_MS_MAX)) {
    try {
      return trip.record(place.journal)
    } catch (error) {
      if (error instanceof InvariantError) process.exit(0)
    }
    await pause(waitMs)
    try {
      place.journal.close()
      // Opening would make a new one in a profile that somebody has removed.
      if (!existsSync(path)) process.exit(0)
      // A journal that failed once says nothing else.
      place.journal = sqliteJournal(path)
    } catch {
      // The next turn of the loop meets it again.
    }
  }
}

/**
 * Nobody hosts the profile: the record would lie there until somebody opens it, while others wait for it. A command that
 * refreshed may have committed it and be gone: then nothing is left to do.
 */
function handIn({ committer, hostLock, journal }: Warm, key: AttemptKey): void {
  try {
    const lock = machineLock(hostLock)
    const isNobodyThere = lock.tryAcquire()
    lock.close()
    if (isNobodyThere && committer.length > 0 && isKept(journal, key)) startDetached(committer)
  } catch {
    // The record is kept: whoever opens the profile next commits it.
  }
}

/** Through a handle of its own: the one that recorded it may have failed before. */
function isKept(path: string, key: AttemptKey): boolean {
  const journal = sqliteJournal(path)
  try {
    return journal.read(key).type === "answered"
  } finally {
    journal.close()
  }
}
