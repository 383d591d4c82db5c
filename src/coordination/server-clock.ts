/**
 * The authorization server's time, as this member knows it. Every time that the members tell each other is given in it;
 * the wall clock is for people.
 *
 * Between two lessons it follows the machine's uptime, which counts sleep, and never the wall clock: when that is set by
 * four hours no token has aged by four hours, and no request that was sent a second ago is lost. For the waits of
 * core/refresh/doubt.ts the same holds: they pass while the machine sleeps, as the requests they wait for do, and a clock
 * set forward ends none of them early.
 *
 * Only a new run of the machine has no uptime to go by. Then the wall clock is believed, corrected as it was before.
 */

import { clockOffsetOf } from "../core/oauth/clock-offset.ts"
import type { Exchange } from "../core/oauth/types.ts"
import type { Clock } from "../ports/clock.ts"
import type { Storage } from "../ports/storage.ts"

/** Both clocks at one moment. */
export interface Reading {
  readonly wallMs: number
  readonly uptimeMs: number
}

/** What lies in the blob `clock`. */
interface Saved {
  /** Where the time comes from: the wall clock alone, a peer, or the server itself. */
  readonly source: "wall" | "peer" | "server"
  readonly boot: string | null
  /** False: a guess after a new start of the machine, and a later run of that start knows no better. */
  readonly sure: boolean
  /** Server's time at uptime 0. */
  readonly baseMs: number
  /** Wall clock at uptime 0, when this was written. */
  readonly wallBaseMs: number
  /** The uptime since when the wall clock is known to stand so. */
  readonly wallSinceMs: number
  /** The server's time when another base was last taken; null: never. */
  readonly movedAtMs: number | null
}

/** A wall clock that moved against the uptime by less was not set. */
const STEADY_MS = 1_500
/** An exchange that says less of the server's clock than this says nothing. */
const UNCERTAIN_MS_MAX = 10_000
/** What a peer says has travelled, and comes from a Date of whole seconds. */
const PEER_MS = 2_000
/** Quartz runs wrong by seconds a day: whoever learnt longer ago takes a peer's word. */
const STALE_MS = 24 * 3_600_000
/** Smaller changes are not worth a write. */
const WORTH_MS = 1_000

export class ServerClock {
  readonly #clock: Clock
  readonly #storage: Pick<Storage, "readBlob" | "writeBlob">
  #saved: Saved | null
  #source: Saved["source"] = "wall"
  #baseMs: number
  #sure = false
  #learntAtMs = -Infinity
  #movedAtMs: number | null = null
  #wallSinceMs: number

  constructor(clock: Clock, storage: Pick<Storage, "readBlob" | "writeBlob">) {
    this.#clock = clock
    this.#storage = storage
    const wallBaseMs = this.#wallBaseMs()
    this.#wallSinceMs = clock.uptimeMs()
    const saved = readSaved(storage.readBlob("clock"))
    this.#saved = saved
    // Also over a new start of the machine: what an earlier run dated otherwise lies in the log still.
    this.#movedAtMs = saved?.movedAtMs ?? null
    if (saved === null) {
      this.#baseMs = wallBaseMs
      // Nothing of an earlier run is waited for, and this one's own times fit each other.
      this.#sure = true
    } else if (saved.boot !== null && saved.boot === clock.bootId()) {
      this.#source = saved.source
      this.#baseMs = saved.baseMs
      this.#sure = saved.sure
      if (isNear(saved.wallBaseMs, wallBaseMs)) this.#wallSinceMs = saved.wallSinceMs
    } else {
      // Had a machine whose clock is an hour fast to learn that anew, each of its starts would cost an early refresh. But
      // its clock may have been set right meanwhile: whoever knows better is believed.
      this.#source = saved.source === "wall" ? "wall" : "peer"
      this.#baseMs = wallBaseMs + (saved.baseMs - saved.wallBaseMs)
    }
  }

  /** Whether this member has it from the server itself. */
  get learnt(): boolean {
    return this.#source === "server"
  }

  /** False since the machine was started anew, until the server or a peer has told the time. */
  get sure(): boolean {
    return this.#sure
  }

  /**
   * Since when the server's time is told as it is now, in that time: dates from before may be another clock's. Infinity: only
   * guessed, see {@link ServerClock.sure}.
   */
  get knownSinceMs(): number {
    if (!this.#sure) return Infinity
    return this.#movedAtMs ?? -Infinity
  }

  /** Epoch ms, whole. */
  nowMs(): number {
    return Math.round(this.at(this.#clock.uptimeMs()))
  }

  /** The server's time when the machine's uptime was or will be this. */
  at(uptimeMs: number): number {
    return this.#baseMs + uptimeMs
  }

  /** The machine's uptime at this time of the server's. */
  uptimeAt(serverMs: number): number {
    return serverMs - this.#baseMs
  }

  /** The server's time when the wall clock as it is now showed that. */
  byWall(wallMs: number): number {
    return Math.round(this.at(wallMs - this.#wallBaseMs()))
  }

  read(): Reading {
    return { wallMs: this.#clock.wallMs(), uptimeMs: this.#clock.uptimeMs() }
  }

  /** The server's time when this machine's wall clock showed that; null when it was set since, or may have been. */
  fromWall(wallMs: number): number | null {
    return this.#isSteadySince(wallMs) ? this.byWall(wallMs) : null
  }

  /**
   * Takes the offset from the Date of an exchange that this machine made. @throws QuorateError kind `store`.
   *
   * @param went when it was begun in this run; null: an earlier run recorded it. Was the wall clock set since, then its
   *   times say nothing, and nothing is learnt.
   */
  learn(exchange: Exchange, went: Reading | null): void {
    const told = clockOffsetOf(exchange)
    if (told === null || told.uncertaintyMs > UNCERTAIN_MS_MAX) return
    const back = this.read()
    const moved = went === null ? 0 : back.wallMs - went.wallMs - (back.uptimeMs - went.uptimeMs)
    if (went === null ? !this.#isSteadySince(exchange.startedAtMs) : Math.abs(moved) > STEADY_MS)
      return
    const baseMs = back.wallMs - back.uptimeMs + told.offsetMs
    // Within the uncertainty both are right: a clock that does not move is worth more than one that is right to a second.
    if (Math.abs(baseMs - this.#baseMs) > told.uncertaintyMs) this.#move(baseMs)
    this.#source = "server"
    this.#sure = true
    this.#learntAtMs = back.uptimeMs
    this.save()
  }

  /** Takes a peer's word, unless this member knows better. True: it changed something. @throws QuorateError kind `store`. */
  adopt(serverMs: number): boolean {
    const { uptimeMs } = this.read()
    const knows = this.learnt && uptimeMs - this.#learntAtMs < STALE_MS
    this.#sure = true
    const isNews = !knows && Math.abs(serverMs - this.at(uptimeMs)) > PEER_MS
    if (isNews) {
      this.#move(serverMs - uptimeMs)
      this.#source = "peer"
    }
    this.save()
    return isNews
  }

  #move(baseMs: number): void {
    const isAnother = Math.abs(baseMs - this.#baseMs) > STEADY_MS
    this.#baseMs = baseMs
    if (isAnother) this.#movedAtMs = this.nowMs()
  }

  /**
   * Writes down what changed, if it is worth it. What was learnt, at once: a run that follows would date this one's doubts by
   * another clock. @throws QuorateError kind `store`.
   */
  save(): void {
    if (this.#saved !== null && !isNear(this.#saved.wallBaseMs, this.#wallBaseMs())) {
      this.#wallSinceMs = this.#clock.uptimeMs()
    }
    const now: Saved = {
      source: this.#source,
      boot: this.#clock.bootId(),
      sure: this.#sure,
      baseMs: this.#baseMs,
      wallBaseMs: this.#wallBaseMs(),
      wallSinceMs: this.#wallSinceMs,
      movedAtMs: this.#movedAtMs,
    }
    if (this.#saved !== null && isAlike(this.#saved, now)) return
    this.#storage.writeBlob("clock", Buffer.from(JSON.stringify(now), "utf8"))
    this.#saved = now
  }

  #wallBaseMs(): number {
    return this.#clock.wallMs() - this.#clock.uptimeMs()
  }

  /**
   * The wall clock stands to the uptime as it did when it showed that: neither set nor rebooted. Counter-example to asking
   * only whether it was set since this was written down: set forward, a request recorded, set back, written down.
   */
  #isSteadySince(wallMs: number): boolean {
    const wallBaseMs = this.#wallBaseMs()
    if (this.#saved === null || !isNear(this.#saved.wallBaseMs, wallBaseMs)) return false
    const uptimeMs = wallMs - wallBaseMs
    const ahead = uptimeMs - this.#clock.uptimeMs()
    return uptimeMs > this.#wallSinceMs - STEADY_MS && ahead < STEADY_MS
  }
}

/** Clocks are read one after the other, and are coarse. */
function isNear(a: number, b: number): boolean {
  return Math.abs(a - b) < STEADY_MS
}

function isAlike(a: Saved, b: Saved): boolean {
  const near = (left: number, right: number): boolean => Math.abs(left - right) < WORTH_MS
  const same = a.source === b.source && a.boot === b.boot && a.sure === b.sure
  if (a.movedAtMs !== b.movedAtMs) return false
  return same && near(a.baseMs, b.baseMs) && near(a.wallBaseMs, b.wallBaseMs)
}

/** Null where there is none, or what there is cannot be read: the clock is learnt anew. */
function readSaved(bytes: Uint8Array | null): Saved | null {
  if (bytes === null) return null
  try {
    const { source, boot, sure, baseMs, wallBaseMs, wallSinceMs, movedAtMs } = JSON.parse(
      Buffer.from(bytes).toString("utf8"),
    ) as Record<string, unknown>
    if (source !== "wall" && source !== "peer" && source !== "server") return null
    if (boot !== null && typeof boot !== "string") return null
    if (![baseMs, wallBaseMs, wallSinceMs].every(Number.isFinite)) return null
    return {
      source,
      boot,
      sure: sure === true,
      baseMs: Number(baseMs),
      wallBaseMs: Number(wallBaseMs),
      wallSinceMs: Number(wallSinceMs),
      movedAtMs: typeof movedAtMs === "number" ? movedAtMs : null,
    }
  } catch {
    return null
  }
}
