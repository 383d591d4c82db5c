/**
 * One simulated profile: its disk, keys and clocks outlive every process. Decides what dies with an application, a courier
 * and a machine, and what sleep stops; when any of it happens is the caller's schedule.
 */

import type { Fallback } from "../core/refresh/alone.ts"
import type { LastResort } from "../core/refresh/doubt.ts"
import type { RaftOptions } from "../core/raft/types.ts"
import type { AttemptKey, MemberId, MemberInfo } from "../core/refresh/types.ts"
import type { Exchange } from "../core/oauth/types.ts"
import { classify } from "../core/oauth/outcome.ts"
import { clusterCoordinator } from "../coordination/cluster.ts"
import { inlineCourier } from "../courier/inline.ts"
import type { Coordinator } from "../ports/coordinator.ts"
import type { Courier } from "../ports/courier.ts"
import type { Journal } from "../ports/journal.ts"
import type { MachineLock } from "../ports/machine-lock.ts"
import type { Crypto, Identity } from "../ports/sealer.ts"
import type { Storage } from "../ports/storage.ts"
import type { SendExchange, TokenEndpoint } from "../ports/token-endpoint.ts"
import type { Transport } from "../ports/transport.ts"
import { type MemberClock, memberClock } from "./clock.ts"
import type { SimulatedNetwork } from "./network.ts"
import { type DiskImage } from "./disk.ts"
import { type MemoryDisk, memoryDisk, SimulatedCrash } from "./storage.ts"
import { Trip, type TripWorld, WORLD_EPOCH_MS } from "./trip.ts"
import type { Sending } from "./watch.ts"
import type { SimulatedMember } from "./world.ts"

/** What a profile is made of. */
export interface ProfileParts {
  readonly at: number
  readonly identity: Identity
  readonly crypto: Crypto
  readonly clusterId: string
  readonly members: readonly MemberInfo[]
  readonly clock: MachineClock
  readonly pacing: Omit<RaftOptions, "self">
  readonly courierSurvives: boolean
  readonly lastResort: LastResort
  readonly fallback: Fallback
}

/** How a machine's clocks differ from the world's. */
export interface MachineClock {
  /** Wall clock ahead of the world's, in ms. */
  readonly skewMs: number
  /** How much faster than the world both clocks run. */
  readonly drift: number
  /** Whether the monotone clock runs on during sleep. */
  readonly countsSleep: boolean
}

export interface ProfileWorld extends TripWorld {
  readonly network: SimulatedNetwork
}

interface Host {
  readonly coordinator: Coordinator
  readonly clock: MemberClock
}

export class Profile implements SimulatedMember {
  readonly id: MemberId
  readonly at: number
  readonly disk: MemoryDisk = memoryDisk()
  readonly #world: ProfileWorld
  readonly #parts: ProfileParts
  readonly #lock = new SimulatedLock()
  #skewMs: number
  #bootedAtMs = 0
  #host: Host | null = null
  #trip: Trip | null = null
  #asleep = false
  /** What waits for the machine to wake. */
  readonly #waking: (() => void)[] = []
  #sendsLeft = Infinity
  #broken = false
  #nextPost: { readonly die: () => void; readonly afterMs: number } | null = null

  constructor(world: ProfileWorld, parts: ProfileParts) {
    this.#world = world
    this.#parts = parts
    this.at = parts.at
    this.id = parts.members[parts.at]?.id ?? ""
    this.#skewMs = parts.clock.skewMs
  }

  get coordinator(): Coordinator | null {
    return this.#asleep ? null : (this.#host?.coordinator ?? null)
  }

  get running(): boolean {
    return this.#host !== null
  }

  get asleep(): boolean {
    return this.#asleep
  }

  get broken(): boolean {
    return this.#broken
  }

  get carrying(): boolean {
    return this.#trip !== null
  }

  get clockErrorMs(): number {
    return this.wallMs() - (WORLD_EPOCH_MS + this.#world.scheduler.nowMs)
  }

  wallMs(): number {
    const rate = 1 + this.#parts.clock.drift
    return Math.round(this.#world.scheduler.nowMs * rate + WORLD_EPOCH_MS + this.#skewMs)
  }

  start(): void {
    if (this.#host !== null || this.#asleep) return
    const { scheduler, network, random, watch } = this.#world
    const { crypto, identity, clusterId, members, pacing, lastResort, fallback } = this.#parts
    const { drift, countsSleep } = this.#parts.clock
    const wallOffsetMs = WORLD_EPOCH_MS + this.#skewMs
    const bootedAtMs = this.#bootedAtMs
    const clock = memberClock(scheduler, { wallOffsetMs, drift, countsSleep, bootedAtMs })
    const life = {}
    this.#sendsLeft = Infinity
    this.#broken = false
    const coordinator = clusterCoordinator({
      self: this.id,
      clusterId,
      members,
      clock,
      random,
      storage: this.#watched(this.disk.openStorage(), life),
      transport: this.#counted(network.transport(this.id), life),
      courier: this.#courier(clock, life),
      endpoint: () => endpoint,
      crypto,
      identity,
      raft: pacing,
      lastResort,
      fallback,
      send: (request) => this.#revoke(request.body, life),
    })
    this.#host = { coordinator, clock }
    this.#life = life
    this.#world.stir()
    watch.started(this)
    // A crash within start is the simulator's own doing.
    coordinator.start().catch(() => {})
  }

  /** Names the running process; null: none. */
  #life: object | null = null

  crash(): void {
    const host = this.#host
    if (host === null) return
    this.#host = null
    this.#life = null
    host.clock.stop()
    this.#world.network.crash(this.id)
    if (!this.#parts.courierSurvives) this.#endCourier(false)
    this.#world.watch.died(this)
  }

  crashCourier(): void {
    if (this.#trip === null) return
    if (this.#parts.courierSurvives) this.#endCourier(this.#host !== null)
    else this.crash()
  }

  crashMachine(): void {
    this.crash()
    this.#endCourier(false)
    this.#bootedAtMs = this.#world.scheduler.nowMs
    this.disk.crash()
    // Whoever boots asks for the time.
    this.rightClock()
    this.#waking.length = 0
    this.#asleep = false
    this.#world.network.resume(this.id)
  }

  restore(image: DiskImage): void {
    this.crashMachine()
    this.disk.restore(image)
  }

  sleep(): void {
    if (this.#asleep) return
    this.#asleep = true
    this.#host?.clock.sleep()
    this.#world.network.suspend(this.id)
  }

  wake(): void {
    if (!this.#asleep) return
    this.#asleep = false
    this.#host?.clock.wake()
    for (const work of this.#waking.splice(0)) work()
    this.#world.network.resume(this.id)
  }

  jumpClock(ms: number): void {
    this.#skewMs += ms
    this.#host?.clock.jumpWall(ms)
  }

  rightClock(): void {
    this.jumpClock(this.#parts.clock.skewMs - this.#skewMs)
  }

  dieAtSend(nth: number): void {
    this.#sendsLeft = nth
  }

  dieInNextPost(die: () => void, afterMs: number): void {
    this.#nextPost = { die, afterMs }
  }

  #endCourier(applicationLives: boolean): void {
    const trip = this.#trip
    // Whoever dies lets go of the machine's lock.
    if (!applicationLives) this.#lock.holder = null
    trip?.die(applicationLives)
    this.#trip = null
  }

  /** A disk that kills its process takes the application with it. */
  #watched(storage: Storage, life: object): Storage {
    const { watch } = this.#world
    const perform = (write: () => void): void => {
      if (this.#life !== life) throw new SimulatedCrash("another life")
      this.#dying(write, () => this.crash())
    }
    return {
      ...storage,
      commit: (write) => {
        perform(() => storage.commit(write))
        watch.wrote(this, write)
      },
      writeBlob: (name, bytes) => perform(() => storage.writeBlob(name, bytes)),
    }
  }

  /** Dies at the planned send: the message has left, and nothing that comes after it happens. */
  #counted(transport: Transport, life: object): Transport {
    return {
      ...transport,
      send: (to, message) => {
        if (this.#life !== life) return
        transport.send(to, message)
        this.#sendsLeft -= 1
        if (this.#sendsLeft === 0) this.crash()
      },
    }
  }

  /** Runs disk work of a process that `die` ends. */
  #dying<T>(work: () => T, die: () => void): T {
    try {
      return work()
    } catch (error) {
      if (error instanceof SimulatedCrash) die()
      else this.#broken = true
      throw error
    }
  }

  #courier(clock: MemberClock, life: object): Courier {
    const { watch } = this.#world
    let sending: Sending | null = null
    let lost = false
    const inner = inlineCourier({
      journal: this.#journal(
        () => sending,
        () => (lost = true),
      ),
      lock: this.#lock.handle(),
      send: this.#send(() => sending),
      dial: () => ({ close: () => {} }),
      crypto: this.#parts.crypto,
      identity: this.#parts.identity,
      clock,
    })
    const stirred = <T>(work: () => T): T => {
      // What a dead application still thinks of never happens.
      if (this.#life !== life) throw new SimulatedCrash("another life")
      this.#world.stir()
      return work()
    }
    return {
      carrier: this.#parts.courierSurvives ? "process" : "inline",
      standBy: () => inner.standBy(),
      dial: (url) => inner.dial(url),
      carry: async (key, request) => {
        if (this.#life !== life) throw new SimulatedCrash("another life")
        sending = { member: this, key, refreshToken: request.body }
        lost = false
        watch.carries(sending)
        const result = await stirred(() => inner.carry(key, request))
        // It died at its record: its application hears the pipe close, and no answer.
        return lost ? { type: "in-doubt", cause: "courier_died" } : result
      },
      intend: (parent, proposal) => inner.intend(parent, proposal),
      judge: (key, proposal) => stirred(() => inner.judge(key, proposal)),
      sends: (token) => inner.sends(token),
      latest: (turn) => inner.latest(turn),
      kept: () => stirred(() => inner.kept()),
      settle: (key) => inner.settle(key),
      close: () => inner.close(),
    }
  }

  /** What the courier writes it writes through a handle of its own: it may die, or meet a bad disk, alone. */
  #journal(sendingOf: () => Sending | null, lose: () => void): Journal {
    const { watch } = this.#world
    const hosts = this.disk.openJournal()
    let couriers = hosts
    const asHost = <T>(work: () => T): T => this.#dying(work, () => this.crash())
    return {
      ...hosts,
      claim: (key) => {
        // The host too, where an attempt has no note: what kills that write kills the application.
        if (this.#trip === null) return asHost(() => hosts.claim(key))
        return this.#dying(
          () => {
            couriers = this.disk.openJournal()
            return couriers.claim(key)
          },
          () => this.crashCourier(),
        )
      },
      answer: (key: AttemptKey, sealed) => {
        const trip = this.#recording
        if (trip === null || trip.died) throw new SimulatedCrash("the courier died")
        this.#dying(
          () => couriers.answer(key, sealed),
          () => (this.#parts.courierSurvives ? lose() : this.crash()),
        )
        const sending = sendingOf()
        if (sending !== null) watch.recorded(sending, trip.answer ?? { type: "no-answer" })
      },
      intend: (parent, proposal) => asHost(() => hosts.intend(parent, proposal)),
      void: (key) => asHost(() => hosts.void(key)),
      settle: (key) => asHost(() => hosts.settle(key)),
    }
  }

  /** The trip whose answer is recorded next. */
  #recording: Trip | null = null

  /** It spends nothing: where it is lost it is sent again. */
  #revoke(refreshToken: string, life: object): Promise<Exchange> {
    const { scheduler, server, watch, random } = this.#world
    const startedAtMs = this.wallMs()
    return new Promise((resolve) => {
      scheduler.schedule(scheduler.nowMs + REVOCATION_MS, () => {
        if (this.#life !== life || random() < this.#world.route().requestLost) return
        watch.revokes(this, refreshToken)
        const family = server.familyOf(refreshToken)
        if (family !== null) server.revoke(family)
        this.#world.stir()
        resolve({
          startedAtMs,
          finishedAtMs: this.wallMs(),
          connected: true,
          bodySent: true,
          response: { status: 200, headers: [], body: new Uint8Array(), complete: true },
          failure: null,
        })
      })
    })
  }

  #send(sendingOf: () => Sending | null): SendExchange {
    return (_, { claim }) =>
      new Promise((resolve, reject) => {
        const sending = sendingOf()
        if (sending === null) return reject(new Error("nothing to carry"))
        const trip = new Trip(this.#world, {
          sending,
          claim,
          resolve,
          whenAwake: (work) => (this.#asleep ? void this.#waking.push(work) : work()),
          wallMs: () => this.wallMs(),
          over: () => {
            if (this.#trip === trip) this.#trip = null
          },
        })
        this.#trip = this.#recording = trip
        if (this.#nextPost === null) return
        const { die, afterMs } = this.#nextPost
        this.#nextPost = null
        const { scheduler } = this.#world
        scheduler.schedule(scheduler.nowMs + afterMs, () => {
          if (this.#trip === trip) die()
        })
      })
  }
}

/** Both ends of a revocation take this long. */
const REVOCATION_MS = 50
const REVOKE_URL = "https://as.example/revoke"

/** A lock of the machine: whoever dies lets go. */
class SimulatedLock {
  holder: object | null = null

  handle(): MachineLock {
    const own = {}
    return {
      tryAcquire: () => {
        if (this.holder !== null && this.holder !== own) return false
        this.holder = own
        return true
      },
      release: () => {
        if (this.holder === own) this.holder = null
      },
      close: () => {},
    }
  }
}

/** The refresh token itself is the request; the judgement is the production one. */
const endpoint: TokenEndpoint = {
  prepare: (refreshToken) =>
    Promise.resolve({ url: "https://as.example/token", headers: [], body: refreshToken }),
  revoke: (refreshToken) => Promise.resolve({ url: REVOKE_URL, headers: [], body: refreshToken }),
  interpret: (exchange) => Promise.resolve(classify(exchange, "accepted")),
}
