/**
 * One POST on its way: connect, claim, there, judgement, back. Decides when each of it happens and what is lost; what the
 * token means to the server, and who carries it, is left to others.
 */

import { between, type Random } from "../core/base/random.ts"
import type { Exchange } from "../core/oauth/types.ts"
import type { Scheduler } from "./clock.ts"
import type { ServerAnswer, SimulatedServer } from "./simulated-server.ts"
import type { Sending, SendingEnd, WorldWatch } from "./watch.ts"

/** How the way to the server misbehaves, each a ratio from 0 to 1. */
export interface RouteFaults {
  readonly refused: number
  readonly requestLost: number
  readonly replyLost: number
  /** Requests that arrive long after they left, at most {@link LATE_MS}, whoever still waits. */
  readonly late: number
  /** How long the server thinks after it has judged, in ms. */
  readonly slowMs: number
}

/** Nothing goes wrong on the way. */
export const CLEAR: RouteFaults = { refused: 0, requestLost: 0, replyLost: 0, late: 0, slowMs: 0 }

/** Longest wait of a courier for an answer. */
export const POST_TIMEOUT_MS = 120_000
/** A request is no longer under way than this: less than what the protocol waits for. */
export const LATE_MS = 140_000
/** The world's time 0, epoch ms: what the server's clock shows. */
export const WORLD_EPOCH_MS = 1_800_000_000_000

/** What a trip needs of its world. */
export interface TripWorld {
  readonly scheduler: Scheduler
  readonly random: Random
  readonly server: SimulatedServer
  readonly watch: WorldWatch
  route(): RouteFaults
  /** A late request arrives within this. */
  readonly lateMs: number
  /** Successors on their way to a courier that waits. */
  readonly coming: Set<string>
  /** Promises have something to do: they are given the time before the world moves on. */
  stir(): void
}

/** What a trip needs of its courier. */
export interface TripCourier {
  readonly sending: Sending
  readonly claim: () => boolean
  readonly resolve: (exchange: Exchange) => void
  /** Runs it now, or when the machine wakes. */
  readonly whenAwake: (work: () => void) => void
  readonly wallMs: () => number
  /** The trip is over for the courier, with or without an answer. */
  readonly over: () => void
}

export class Trip {
  /** What came back; null: nothing yet, or nothing at all. */
  answer: Extract<SendingEnd, { type: "answered" }> | null = null
  /** Its courier died: nothing more is recorded. */
  died = false
  readonly #world: TripWorld
  readonly #courier: TripCourier
  readonly #startedAtMs: number
  #coming: string | null = null
  #open = true
  #left = false

  constructor(world: TripWorld, courier: TripCourier) {
    this.#world = world
    this.#courier = courier
    this.#startedAtMs = courier.wallMs()
    this.#after([1, 20], () => this.#connect())
  }

  /** The courier dies. Its application, if it lives, is told; nobody hears an answer any more. */
  die(applicationLives: boolean): void {
    if (!this.#open) return
    this.died = true
    if (applicationLives) this.#fail(this.#left ? "response" : "connect", "COURIER_DIED")
    else this.#end({ type: this.#left ? "no-answer" : "unsent" })
  }

  #connect(): void {
    if (!this.#open) return
    const { random, watch } = this.#world
    const route = this.#world.route()
    if (random() < route.refused) return this.#fail("connect", "ECONNREFUSED")
    let claimed = false
    try {
      claimed = this.#courier.claim()
    } catch {
      // The journal failed: nothing is sent.
    }
    if (!this.#open) return
    if (!claimed) return this.#fail("claim", "REFUSED")
    this.#left = true
    watch.leaves(this.#courier.sending)
    this.#after([POST_TIMEOUT_MS, POST_TIMEOUT_MS], () => this.#fail("response", "TIMEOUT"))
    if (random() < route.requestLost) return
    const late = random() < route.late
    this.#inTransit(late ? [1_000, this.#world.lateMs] : [1, 80], () => this.#arrive())
  }

  /** The server judges the request whether or not anybody still waits for the answer. */
  #arrive(): void {
    const { server, scheduler, coming, watch, random } = this.#world
    const { sending } = this.#courier
    const answer = server.post(sending.refreshToken, scheduler.nowMs)
    watch.judged(sending, answer.status)
    if (!this.#open || random() < this.#world.route().replyLost) return
    const next = /"refresh_token":"([^"]+)"/.exec(answer.body)?.[1] ?? null
    if (next !== null) coming.add(next)
    this.#coming = next
    const { slowMs } = this.#world.route()
    this.#after([slowMs + 1, slowMs + 80], () => this.#hear(answer, next))
  }

  #hear(answer: ServerAnswer, refreshToken: string | null): void {
    if (!this.#open) return
    const { status, body, headers, complete } = answer
    const date = new Date(WORLD_EPOCH_MS + this.#world.scheduler.nowMs).toUTCString()
    const later = headers.find(([name]) => name === "retry-after")?.[1]
    const retryAfterSeconds = later === undefined ? null : Number(later)
    this.answer = { type: "answered", status, refreshToken, retryAfterSeconds }
    this.#end(this.answer, {
      connected: true,
      bodySent: true,
      response: {
        status,
        headers: [...headers, ["date", date]],
        body: Buffer.from(body),
        complete,
      },
      failure: complete ? null : { phase: "response", code: "BODY_CUT" },
    })
  }

  #fail(phase: "connect" | "claim" | "response", code: string): void {
    if (!this.#open) return
    const bodySent = phase === "response"
    this.#end(
      { type: bodySent ? "no-answer" : "unsent" },
      { connected: phase !== "connect", bodySent, response: null, failure: { phase, code } },
    )
  }

  #end(end: SendingEnd, exchange?: Omit<Exchange, "startedAtMs" | "finishedAtMs">): void {
    const { coming, watch } = this.#world
    this.#open = false
    if (this.#coming !== null) coming.delete(this.#coming)
    watch.ends(this.#courier.sending, end)
    this.#courier.over()
    if (exchange === undefined) return
    this.#world.stir()
    const finishedAtMs = this.#courier.wallMs()
    this.#courier.resolve({ ...exchange, startedAtMs: this.#startedAtMs, finishedAtMs })
  }

  /** On the courier's machine. */
  #after(range: readonly [number, number], then: () => void): void {
    this.#inTransit(range, () => this.#courier.whenAwake(then))
  }

  #inTransit([min, max]: readonly [number, number], then: () => void): void {
    const { scheduler, random } = this.#world
    scheduler.schedule(scheduler.nowMs + between(random, min, max), then)
  }
}
