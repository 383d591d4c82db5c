/**
 * A whole cluster in one process and in virtual time: the production coordinator, Raft core, courier and wire code over a
 * simulated network, disk, clock and authorization server. Decides how the parts are joined and what each fault does to
 * them; which faults come when is the caller's schedule, drawn from a seed.
 */

import { createHash } from "node:crypto"

import { below, between, type Random } from "../core/base/random.ts"
import { classify } from "../core/oauth/outcome.ts"
import type { Exchange, ReplayPolicy } from "../core/oauth/types.ts"
import type { LastResort } from "../core/refresh/doubt.ts"
import type { MemberId, MemberInfo } from "../core/refresh/types.ts"
import { clusterCoordinator } from "../coordination/cluster.ts"
import { inlineCourier } from "../courier/inline.ts"
import type { Coordinator } from "../ports/coordinator.ts"
import type { Journal } from "../ports/journal.ts"
import type { MachineLock } from "../ports/machine-lock.ts"
import type { Crypto, Identity } from "../ports/sealer.ts"
import type { Storage } from "../ports/storage.ts"
import type { SendExchange, TokenEndpoint } from "../ports/token-endpoint.ts"
import { nodeCrypto } from "../seal/crypto.ts"
import { identityFrom } from "../seal/identity.ts"
import { type MemberClock, memberClock, type Scheduler, virtualScheduler } from "./clock.ts"
import { simulatedNetwork, type SimulatedNetwork } from "./network.ts"
import { type SimulatedServer, simulatedServer } from "./simulated-server.ts"
import { type MemoryDisk, memoryDisk, SimulatedCrash } from "./storage.ts"

export interface WorldOptions {
  readonly random: Random
  readonly members: number
  readonly policy: ReplayPolicy
  readonly lifetimeSeconds: number
  /** Whether the courier outlives its application, as a process of its own does. */
  readonly courierSurvives: boolean
  readonly lastResort: LastResort
  /** Told of each POST as it goes. */
  readonly observe?: ((line: string) => void) | undefined
  readonly onRevoked?: ((family: number, current: string) => void) | undefined
}

/** How the way to the server misbehaves, each but the last a ratio from 0 to 1. */
export interface RouteFaults {
  readonly refused: number
  readonly requestLost: number
  readonly replyLost: number
  /** How long the server thinks after it has judged, in ms. */
  readonly slowMs: number
}

interface Host {
  readonly coordinator: Coordinator
  readonly clock: MemberClock
}

/** One profile: its disk and keys outlive every process. */
export interface SimulatedMember {
  readonly id: MemberId
  readonly disk: MemoryDisk
  /** Null while no process runs. */
  readonly coordinator: Coordinator | null
  /** POSTs of this profile that are under way. */
  readonly carrying: number
  start(): void
  /** The application dies at once. */
  crash(): void
  /** The machine dies with everything on it. */
  crashMachine(): void
  /** The machine sleeps and wakes. */
  sleep(): void
  wake(): void
}

export interface World {
  readonly scheduler: Scheduler
  readonly network: SimulatedNetwork
  readonly server: SimulatedServer
  readonly members: readonly SimulatedMember[]
  setRoute(faults: Partial<RouteFaults>): void
  /** Refresh tokens whose answer a courier has recorded. */
  readonly received: ReadonlySet<string>
  /** Refresh tokens on their way to a courier that lives. */
  readonly coming: ReadonlySet<string>
  /** Runs the next event and everything that follows from it at once. False: nothing is left to happen. */
  step(): Promise<boolean>
  /** Runs until the world's time is `ms`. */
  runUntil(ms: number): Promise<void>
}

const CLUSTER = "5eed".repeat(8)
/** Longest wait of a courier for an answer. */
const POST_TIMEOUT_MS = 120_000

export function simulatedWorld(options: WorldOptions): World {
  return new Simulation(options)
}

class Simulation implements World {
  readonly scheduler = virtualScheduler()
  readonly network: SimulatedNetwork
  readonly server: SimulatedServer
  readonly members: readonly Profile[]
  readonly received = new Set<string>()
  readonly coming = new Set<string>()
  readonly options: WorldOptions
  route: RouteFaults = { refused: 0, requestLost: 0, replyLost: 0, slowMs: 0 }

  constructor(options: WorldOptions) {
    this.options = options
    this.network = simulatedNetwork(this.scheduler, options.random)
    this.server = simulatedServer(options)
    const identities = Array.from({ length: options.members }, (_, at) =>
      identityFrom(createHash("sha512").update(`member ${at}`).digest()),
    )
    const infos: readonly MemberInfo[] = identities.map((identity, at) => ({
      id: `${identity.memberKey}.1`,
      name: `m${at}`,
      capability: "full",
      encryptionKey: identity.encryptionKey,
    }))
    this.members = identities.map((identity, at) => new Profile(this, identity, infos, at))
  }

  setRoute(faults: Partial<RouteFaults>): void {
    this.route = { ...this.route, ...faults }
  }

  async step(): Promise<boolean> {
    const more = this.scheduler.step()
    // Promises of the endpoint and the courier settle before the world moves on: the same order in every run.
    for (let turn = 0; turn < 24; turn += 1) await Promise.resolve()
    return more
  }

  async runUntil(ms: number): Promise<void> {
    for (let next = this.scheduler.nextAtMs(); next !== null && next <= ms;) {
      await this.step()
      next = this.scheduler.nextAtMs()
    }
    this.scheduler.runUntil(ms)
  }
}

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

class Profile implements SimulatedMember {
  readonly id: MemberId
  readonly disk: MemoryDisk = memoryDisk()
  carrying = 0
  /** The refresh token in the newest answer. */
  answered: string | null = null
  readonly #world: Simulation
  readonly #identity: Identity
  readonly #infos: readonly MemberInfo[]
  readonly #lock = new SimulatedLock()
  readonly #wallOffsetMs: number
  #host: Host | null = null
  /** Names the running process; null: none. */
  #life: object | null = null
  /** Advances when everything that runs for this profile is gone. */
  #machineLife = 0
  #asleep = false

  constructor(world: Simulation, identity: Identity, infos: readonly MemberInfo[], at: number) {
    this.#world = world
    this.#identity = identity
    this.#infos = infos
    this.id = infos[at]?.id ?? ""
    this.#wallOffsetMs = 1_800_000_000_000 + Math.round(between(world.options.random, -500, 500))
    const voters = infos.map(({ id }) => id).toSorted()
    this.disk.openStorage().bootstrap({
      hard: { term: 0, votedFor: null },
      snapshot: { index: 0, term: 0, config: { voters, learners: [] }, data: new Uint8Array() },
      entries: [],
    })
  }

  get coordinator(): Coordinator | null {
    return this.#asleep ? null : (this.#host?.coordinator ?? null)
  }

  start(): void {
    if (this.#host !== null) return
    const { options, scheduler, network } = this.#world
    const clock = memberClock(scheduler, { wallOffsetMs: this.#wallOffsetMs })
    const life = {}
    const coordinator = clusterCoordinator({
      self: this.id,
      clusterId: CLUSTER,
      members: this.#infos,
      clock,
      random: options.random,
      storage: this.#watched(this.disk.openStorage(), life),
      transport: network.transport(this.id),
      courier: inlineCourier({
        journal: this.#recording(this.disk.openJournal()),
        lock: this.#lock.handle(),
        send: this.#send(life),
        crypto: this.#crypto(),
        identity: this.#identity,
        clock,
      }),
      endpoint: () => endpoint,
      crypto: this.#crypto(),
      identity: this.#identity,
      raft: { electionMs: 1_000, heartbeatMs: 200, appendBytesMax: 65_536, pendingMax: 64 },
      lastResort: options.lastResort,
    })
    this.#host = { coordinator, clock }
    this.#life = life
    // A crash within start is the simulator's own doing.
    coordinator.start().catch(() => {})
  }

  crash(): void {
    const host = this.#host
    if (host === null) return
    this.#host = null
    this.#life = null
    host.clock.stop()
    this.#world.network.crash(this.id)
    if (!this.#world.options.courierSurvives) this.#lock.holder = null
  }

  crashMachine(): void {
    this.crash()
    this.#machineLife += 1
    this.disk.crash()
    this.#lock.holder = null
    this.carrying = 0
  }

  sleep(): void {
    if (this.#host === null || this.#asleep) return
    this.#asleep = true
    this.#host.clock.sleep()
    this.#world.network.suspend(this.id)
  }

  wake(): void {
    if (!this.#asleep) return
    this.#asleep = false
    this.#host?.clock.wake()
    this.#world.network.resume(this.id)
  }

  /** Random bytes from the seed, everything else as in production. */
  #crypto(): Crypto {
    const { random } = this.#world.options
    return {
      ...nodeCrypto,
      randomBytes: (length) => Uint8Array.from({ length }, () => below(random, 256)),
    }
  }

  /** A disk that kills its process takes the application with it. */
  #watched(storage: Storage, life: object): Storage {
    return {
      ...storage,
      commit: (write) => {
        if (this.#life !== life) throw new SimulatedCrash("another life")
        try {
          storage.commit(write)
        } catch (error) {
          if (error instanceof SimulatedCrash) this.crash()
          throw error
        }
      },
    }
  }

  /** What a courier has synced counts as received, and nothing before. */
  #recording(journal: Journal): Journal {
    return {
      ...journal,
      answer: (key, sealed) => {
        journal.answer(key, sealed)
        if (this.answered !== null) this.#world.received.add(this.answered)
      },
    }
  }

  #send(life: object): SendExchange {
    return (request, { claim }) =>
      new Promise((resolve) => {
        const trip = new Trip(this.#world, request.body, claim, resolve)
        trip.answered = (token) => (this.answered = token)
        const machine = this.#machineLife
        // Whoever waits for the answer must still live: the machine, and the application unless the courier outlives it.
        trip.alive = () =>
          this.#machineLife === machine &&
          (this.#world.options.courierSurvives || this.#life === life)
        this.carrying += 1
        trip.start(() => {
          if (this.#machineLife === machine) this.carrying -= 1
        })
      })
  }
}

/** One POST on its way: connect, claim, there, back. */
class Trip {
  alive: () => boolean = () => true
  answered: (refreshToken: string | null) => void = () => {}
  readonly #world: Simulation
  readonly #refreshToken: string
  readonly #claim: () => boolean
  readonly #resolve: (exchange: Exchange) => void
  readonly #startedAtMs: number
  #over: () => void = () => {}

  constructor(
    world: Simulation,
    refreshToken: string,
    claim: () => boolean,
    resolve: (exchange: Exchange) => void,
  ) {
    this.#world = world
    this.#refreshToken = refreshToken
    this.#claim = claim
    this.#resolve = resolve
    this.#startedAtMs = 1_800_000_000_000 + world.scheduler.nowMs
  }

  start(over: () => void): void {
    this.#over = over
    this.#after([1, 20], () => this.#connect())
  }

  #connect(): void {
    const { random } = this.#world.options
    if (!this.alive()) return this.#over()
    if (random() < this.#world.route.refused) return this.#fail("connect", "ECONNREFUSED")
    let claimed = false
    try {
      claimed = this.#claim()
    } catch {
      // The journal failed: nothing is sent.
    }
    if (!claimed) return this.#fail("claim", "REFUSED")
    this.#note("leaves")
    if (random() < this.#world.route.requestLost) return this.#timeOut()
    this.#after([1, 80], () => this.#arrive())
  }

  /** The server judges the request whether or not anybody still waits for the answer. */
  #arrive(): void {
    const { server, scheduler, coming, options, route } = this.#world
    const { status, body, retryAfterSeconds } = server.post(this.#refreshToken, scheduler.nowMs)
    this.#note(`is answered with ${status}`)
    if (!this.alive()) return this.#over()
    if (options.random() < route.replyLost) return this.#timeOut()
    const next = /"refresh_token":"([^"]+)"/.exec(body)?.[1]
    if (next !== undefined) coming.add(next)
    this.#after([1 + route.slowMs, 80 + route.slowMs], () => {
      if (next !== undefined) coming.delete(next)
      if (!this.alive()) return this.#over()
      this.answered(next ?? null)
      const headers: [string, string][] = [["content-type", "application/json"]]
      if (retryAfterSeconds !== null) headers.push(["retry-after", String(retryAfterSeconds)])
      this.#finish({
        connected: true,
        bodySent: true,
        response: { status, headers, body: Buffer.from(body), complete: true },
        failure: null,
      })
    })
  }

  #note(what: string): void {
    this.#world.options.observe?.(`a POST of ${this.#refreshToken} ${what}`)
  }

  #timeOut(): void {
    this.#after([POST_TIMEOUT_MS, POST_TIMEOUT_MS], () => this.#fail("response", "TIMEOUT"))
  }

  #fail(phase: "connect" | "claim" | "response", code: string): void {
    if (!this.alive()) return this.#over()
    const connected = phase !== "connect"
    this.#finish({
      connected,
      bodySent: phase === "response",
      response: null,
      failure: { phase, code },
    })
  }

  #finish(end: Omit<Exchange, "startedAtMs" | "finishedAtMs">): void {
    const finishedAtMs = 1_800_000_000_000 + this.#world.scheduler.nowMs
    this.#over()
    this.#resolve({ ...end, startedAtMs: this.#startedAtMs, finishedAtMs })
  }

  #after([min, max]: readonly [number, number], then: () => void): void {
    const { scheduler, options } = this.#world
    scheduler.schedule(scheduler.nowMs + between(options.random, min, max), then)
  }
}

/** The refresh token itself is the request; the judgement is the production one. */
const endpoint: TokenEndpoint = {
  prepare: (refreshToken) =>
    Promise.resolve({ url: "https://as.example/token", headers: [], body: refreshToken }),
  interpret: (exchange) => Promise.resolve(classify(exchange, "accepted")),
}
