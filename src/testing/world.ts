/**
 * A whole cluster in one process and in virtual time: the production coordinator, Raft core, courier and wire code over a
 * simulated network, disk, clock and authorization server. Decides how the parts are joined; what a fault does to a member
 * is `simulated-member.ts`, and which faults come when is the caller's schedule, drawn from a seed.
 */

import { createHash } from "node:crypto"

import { invariant } from "../core/base/assert.ts"
import type { Random } from "../core/base/random.ts"
import type { ReplayPolicy } from "../core/oauth/types.ts"
import type { RaftOptions } from "../core/raft/types.ts"
import type { Fallback } from "../core/refresh/alone.ts"
import type { LastResort } from "../core/refresh/doubt.ts"
import type { MemberId, MemberInfo } from "../core/refresh/types.ts"
import type { Coordinator } from "../ports/coordinator.ts"
import { type Scheduler, virtualScheduler } from "./clock.ts"
import type { DiskImage } from "./disk.ts"
import { simulatedNetwork, type SimulatedNetwork } from "./network.ts"
import { namedIdentity, seededCrypto, simulatedIdentity } from "./simulated-crypto.ts"
import { type MachineClock, Profile, type ProfileWorld } from "./simulated-member.ts"
import { type SimulatedServer, simulatedServer } from "./simulated-server.ts"
import type { MemoryDisk } from "./storage.ts"
import { CLEAR, LATE_MS, type RouteFaults } from "./trip.ts"
import { BLIND, type WorldWatch } from "./watch.ts"

export interface WorldOptions {
  readonly random: Random
  readonly voters: number
  /** @defaultValue 0 */
  readonly learners?: number | undefined
  readonly policy: ReplayPolicy
  readonly lifetimeSeconds: number
  /** The latest a request may arrive, in ms. @defaultValue 140_000 */
  readonly lateMs?: number | undefined
  /** Whether the courier outlives its application, as a process of its own does. */
  readonly courierSurvives: boolean
  readonly lastResort: LastResort
  /** @defaultValue "proof" */
  readonly fallback?: Fallback | undefined
  /** @defaultValue those of a desktop */
  readonly pacing?: Omit<RaftOptions, "self"> | undefined
  /** Real keys, and every message through the wire code; otherwise a stand-in, and every eighth. @defaultValue true */
  readonly real?: boolean | undefined
  /** Of each member. @defaultValue right */
  readonly clocks?: readonly MachineClock[] | undefined
  readonly watch?: WorldWatch | undefined
}

/** One profile: its disk and keys outlive every process. */
export interface SimulatedMember {
  readonly id: MemberId
  /** Its place in {@link World.members}. */
  readonly at: number
  readonly disk: MemoryDisk
  /** Null while no process runs, or the machine sleeps. */
  readonly coordinator: Coordinator | null
  readonly running: boolean
  readonly asleep: boolean
  /** Its disk failed it in this run: nothing more comes of it before it is started again. */
  readonly broken: boolean
  /** A courier of this profile is under way. */
  readonly carrying: boolean
  /** How far its wall clock is ahead of the world's. */
  readonly clockErrorMs: number
  wallMs(): number
  start(): void
  /** The application dies at once. */
  crash(): void
  /** The courier dies while it carries; where it is no process of its own, the application does. */
  crashCourier(): void
  /** The machine dies with everything on it. */
  crashMachine(): void
  /** The machine dies, and an older image of its disk is put back. */
  restore(image: DiskImage): void
  /** The machine sleeps and wakes. */
  sleep(): void
  wake(): void
  /** The wall clock is set forward or back, and to what it was at first; a machine that dies boots with that. */
  jumpClock(ms: number): void
  rightClock(): void
  /** `die` is called this long after the next request begins, unless that is over by then. */
  dieInNextPost(die: () => void, afterMs: number): void
  /** The application dies right behind its `nth` message from now. */
  dieAtSend(nth: number): void
}

export interface World {
  readonly scheduler: Scheduler
  readonly network: SimulatedNetwork
  readonly server: SimulatedServer
  readonly members: readonly SimulatedMember[]
  setRoute(faults: Partial<RouteFaults>): void
  /** Refresh tokens on their way to a courier that lives. */
  readonly coming: ReadonlySet<string>
  /** Runs what a person does, which may wait for the cluster. */
  ask(act: () => Promise<void>): void
  /** Runs the next event and everything that follows from it at once. False: nothing is left to happen. */
  step(): Promise<boolean>
  /** Runs until the world's time is `ms`, or until `stop` says so after an event. */
  runUntil(ms: number, stop?: () => boolean): Promise<void>
}

/** The id of every simulated cluster. */
export const CLUSTER: string = "5eed".repeat(8)
/** Fits a loopback and a home network, as the session has it. */
const DESKTOP: Omit<RaftOptions, "self"> = {
  electionMs: 1_000,
  heartbeatMs: 200,
  appendBytesMax: 65_536,
  pendingMax: 64,
}
const CODEC_EVERY = 8
/** Promises that follow one another from one event, with a margin. */
const SETTLING_TURNS = 24
/** More than this at one moment is a loop. */
const SETTLING_ROUNDS_MAX = 1_000

export function simulatedWorld(options: WorldOptions): World {
  return new Simulation(options)
}

class Simulation implements World, ProfileWorld {
  readonly scheduler = virtualScheduler()
  readonly random: Random
  readonly watch: WorldWatch
  readonly network: SimulatedNetwork
  readonly server: SimulatedServer
  readonly members: readonly Profile[]
  readonly coming = new Set<string>()
  readonly lateMs: number
  #route: RouteFaults = CLEAR
  #stirred = false
  #asking = 0

  constructor(options: WorldOptions) {
    const { random, watch = BLIND, real = true, learners = 0 } = options
    this.random = random
    this.lateMs = options.lateMs ?? LATE_MS
    this.watch = watch
    const byId = new Map<MemberId, Profile>()
    this.network = simulatedNetwork(
      this.scheduler,
      random,
      {},
      {
        codecEvery: real ? 1 : CODEC_EVERY,
        observeBytes: (bytes) => watch.bytes(bytes),
        observe: (from, to, message) => {
          const [sender, receiver] = [byId.get(from), byId.get(to)]
          if (sender !== undefined && receiver !== undefined)
            watch.message(sender, receiver, message)
        },
      },
    )
    this.server = simulatedServer({
      policy: options.policy,
      lifetimeSeconds: options.lifetimeSeconds,
      onRevoked: (family, current) => watch.revoked(family, current),
    })
    this.members = profiles(this, options, options.voters + learners)
    for (const member of this.members) byId.set(member.id, member)
    const ids = this.members.map(({ id }) => id)
    const config = {
      voters: ids.slice(0, options.voters).toSorted(),
      learners: ids.slice(options.voters).toSorted(),
    }
    for (const { disk } of this.members) {
      disk.openStorage().bootstrap({
        hard: { term: 0, votedFor: null },
        snapshot: { index: 0, term: 0, config, data: new Uint8Array() },
        entries: [],
      })
    }
  }

  route(): RouteFaults {
    return this.#route
  }

  setRoute(faults: Partial<RouteFaults>): void {
    this.#route = { ...this.#route, ...faults }
  }

  stir(): void {
    this.#stirred = true
  }

  ask(act: () => Promise<void>): void {
    this.#asking += 1
    this.#stirred = true
    void act().finally(() => (this.#asking -= 1))
  }

  async step(): Promise<boolean> {
    const more = this.scheduler.step()
    await this.#settle()
    return more
  }

  async runUntil(ms: number, stop: () => boolean = () => false): Promise<void> {
    for (let next = this.scheduler.nextAtMs(); next !== null && next <= ms;) {
      this.scheduler.step()
      // One turn, for whoever goes on with a promise that was kept before; it stirs if there is more to do.
      await Promise.resolve()
      if (this.#stirred || this.#asking > 0) await this.#settle()
      if (stop()) return
      next = this.scheduler.nextAtMs()
    }
    this.scheduler.runUntil(ms)
  }

  /** Promises of the endpoint and the courier settle before the world moves on: the same order in every run. */
  async #settle(): Promise<void> {
    let rounds = 0
    do {
      this.#stirred = false
      rounds += 1
      invariant(rounds < SETTLING_ROUNDS_MAX, `promises never settle at ${this.scheduler.nowMs} ms`)
      for (let turn = 0; turn < SETTLING_TURNS; turn += 1) await Promise.resolve()
    } while (this.#stirred)
  }
}

function profiles(world: Simulation, options: WorldOptions, count: number): readonly Profile[] {
  const { real = true } = options
  const identities = Array.from({ length: count }, (_, at) =>
    namedIdentity(`member ${at}`, createHash("sha512").update(`member ${at}`).digest()),
  )
  const members: readonly MemberInfo[] = identities.map((identity, at) => ({
    id: `${identity.memberKey}.1`,
    name: `m${at}`,
    capability: "full",
    encryptionKey: identity.encryptionKey,
  }))
  const crypto = seededCrypto(options.random, real)
  return identities.map(
    (identity, at) =>
      new Profile(world, {
        at,
        identity: real ? identity : simulatedIdentity(identity),
        crypto,
        clusterId: CLUSTER,
        members,
        clock: options.clocks?.[at] ?? { skewMs: 0, drift: 0, countsSleep: false },
        pacing: options.pacing ?? DESKTOP,
        courierSurvives: options.courierSurvives,
        lastResort: options.lastResort,
        fallback: options.fallback ?? "proof",
      }),
  )
}
