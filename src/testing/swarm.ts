/**
 * One seed, one story: draws its own mix of faults, lets a simulated cluster live through it, then takes the faults away
 * and asks whether all is well. Decides the schedule and the invariants; the world it happens in is `world.ts`.
 *
 * The invariants are those of the design (README, "What always holds"): a token is sent once; a recorded pair is not lost;
 * no member goes back; no family dies by our own reuse; everybody converges.
 */

import { createHash } from "node:crypto"

import { below, between, type Random, seededRandom } from "../core/base/random.ts"
import type { ReplayPolicy } from "../core/oauth/types.ts"
import { type SimulatedMember, simulatedWorld, type World } from "./world.ts"

export interface SwarmReport {
  readonly seed: number
  /** What went wrong, in words; empty when all held. */
  readonly violations: readonly string[]
  /** The last lines of what happened, readable. */
  readonly trace: readonly string[]
  /** The same seed gives the same hash. */
  readonly hash: string
  readonly refreshes: number
  readonly leaderChanges: number
  readonly faults: Readonly<Record<string, number>>
  readonly simulatedMs: number
  /** In doubt at the end, which only a holder or a person may resolve. */
  readonly doubt: boolean
}

/** How long the faults last, and how long the healed cluster may take to settle. */
const CHAOS_MS = 40 * 60_000
const CALM_MS = 12 * 60_000
const TRACE_LINES = 200

type Action = readonly [name: string, weight: number, act: (story: Story) => void]

/** Runs one seed to its end. */
export async function runSeed(
  seed: number,
  policy: ReplayPolicy = { type: "strict" },
): Promise<SwarmReport> {
  const story = new Story(seed, policy)
  await story.run()
  return story.report()
}

class Story {
  readonly random: Random
  readonly world: World
  readonly trace: string[] = []
  readonly violations: string[] = []
  readonly faults: Record<string, number> = {}
  readonly #seed: number
  readonly #hash = createHash("sha256")
  readonly #heads = new Map<SimulatedMember, { epoch: number; generation: number }>()
  readonly #actions: readonly Action[]
  #leader: string | null = null
  #leaderChanges = 0
  #subscribed = new WeakSet<object>()
  #loggedIn = false
  #loginAgainMs = 0
  #revokedLiving = 0
  #chaos = true

  constructor(seed: number, policy: ReplayPolicy) {
    this.#seed = seed
    this.random = seededRandom(seed)
    const { random } = this
    this.world = simulatedWorld({
      random,
      members: [1, 2, 3, 3, 3, 5][below(random, 6)] ?? 3,
      policy,
      lifetimeSeconds: [300, 600, 1_800][below(random, 3)] ?? 600,
      courierSurvives: random() < 0.5,
      onRevoked: (family, current) => this.#familyDied(family, current),
    })
    // Swarm testing (Groce et al. 2012): each seed leaves most kinds of faults out, so that rare pairs meet.
    this.#actions = ACTIONS.filter(([name]) => name === "use" || random() < 0.5)
  }

  note(line: string): void {
    const text = `${(this.world.scheduler.nowMs / 1_000).toFixed(3)} ${line}`
    this.#hash.update(text)
    this.trace.push(text)
    if (this.trace.length > TRACE_LINES) this.trace.shift()
  }

  fault(name: string, line: string): void {
    this.faults[name] = (this.faults[name] ?? 0) + 1
    this.note(line)
  }

  member(): SimulatedMember {
    const { members } = this.world
    return members[below(this.random, members.length)] as SimulatedMember
  }

  async run(): Promise<void> {
    const { world, random } = this
    for (const member of world.members) member.start()
    let nextAct = 3_000
    while (world.scheduler.nowMs < CHAOS_MS && this.violations.length === 0) {
      const next = world.scheduler.nextAtMs() ?? Infinity
      if (next > nextAct) {
        await world.runUntil(nextAct)
        this.#act()
        nextAct += between(random, 200, 30_000)
      } else {
        await world.step()
      }
      this.#check()
    }
    this.#chaos = false
    this.#calm()
    const end = world.scheduler.nowMs + CALM_MS
    let use = world.scheduler.nowMs + 5_000
    while (world.scheduler.nowMs < end && this.violations.length === 0) {
      if ((world.scheduler.nextAtMs() ?? Infinity) > use) {
        await world.runUntil(use)
        this.revive()
        for (const member of world.members) this.use(member, false)
        use += 20_000
      } else await world.step()
      this.#check()
    }
    if (this.violations.length === 0) this.#checkEnd()
  }

  report(): SwarmReport {
    return {
      seed: this.#seed,
      violations: this.violations,
      trace: this.trace,
      hash: this.#hash.digest("hex"),
      refreshes: this.world.server.counts.refreshes,
      leaderChanges: this.#leaderChanges,
      faults: this.faults,
      simulatedMs: this.world.scheduler.nowMs,
      doubt: this.world.members.some((member) => this.#inDoubt(member)),
    }
  }

  use(member: SimulatedMember, force: boolean): void {
    const { coordinator } = member
    if (coordinator === null) return
    const token = coordinator.token()
    if (token === null) return this.#login(member)
    coordinator.used()
    const wallMs = 1_800_000_000_000 + this.world.scheduler.nowMs
    if (force || token.expiresAtMs <= wallMs + 5_000) {
      this.note(`${name(this, member)} demands a successor of ${token.generation}`)
      coordinator.demand(token.epoch, token.generation, force)
    }
  }

  #login(member: SimulatedMember): void {
    const { coordinator } = member
    const { nowMs } = this.world.scheduler
    // A person waits a minute before trying elsewhere; a member that only has not heard of a login yet is not asked.
    if (coordinator === null || this.#loggedIn || nowMs < this.#loginAgainMs) return
    this.#loginAgainMs = nowMs + 60_000
    const minted = this.world.server.mint()
    const settings = {
      issuer: "https://as.example",
      tokenEndpoint: null,
      clientId: "simulated",
      clientAuthentication: "none" as const,
      scope: null,
      replayPolicy: { type: "strict" } as const,
    }
    const tokens = {
      accessToken: minted.accessToken,
      tokenType: "Bearer",
      refreshToken: minted.refreshToken,
      expiresInSeconds: 300,
      scope: null,
      refreshExpiresInSeconds: null,
      subject: null,
    }
    this.note(`${name(this, member)} logs in`)
    const login = async (): Promise<void> => {
      try {
        await coordinator.configure(settings, null)
        const issuedAtMs = 1_800_000_000_000 + this.world.scheduler.nowMs
        await coordinator.login({ tokens, issuedAtMs })
      } catch {
        // Nobody committed it: the person logs in again.
      }
    }
    void login()
  }

  #act(): void {
    const total = this.#actions.reduce((sum, [, weight]) => sum + weight, 0)
    let at = this.random() * total
    for (const [, weight, act] of this.#actions) {
      at -= weight
      if (at < 0) return act(this)
    }
  }

  #calm(): void {
    const { world } = this
    this.note("the faults stop")
    world.network.heal()
    world.network.setFaults({ loss: 0, duplication: 0, reorder: 0, silent: false, delayMs: [1, 5] })
    world.setRoute({ refused: 0, requestLost: 0, replyLost: 0 })
    world.server.setFaults({ throttled: false, unavailable: false, failsAfterCommit: false })
    for (const member of world.members) member.wake()
    this.revive()
  }

  /** Whoever died or stopped is started again, as a person or an operating system would. */
  revive(): void {
    for (const member of this.world.members) {
      if (member.coordinator?.status().cause === "store_failed") member.crash()
      member.start()
    }
  }

  #check(): void {
    for (const member of this.world.members) this.#watch(member)
    const { counts } = this.world.server
    if (counts.sentTwice > 0) this.violations.push("a refresh token was sent twice")
    if (this.#revokedLiving > 0)
      this.violations.push("a family died although its pair was recorded")
  }

  /** A process that has just started is listened to; one that goes back in generations is a violation. */
  #watch(member: SimulatedMember): void {
    const { coordinator } = member
    if (coordinator === null) return
    if (this.#subscribed.has(coordinator)) return
    this.#subscribed.add(coordinator)
    coordinator.subscribe((event) => {
      if (event.type === "status") this.#status(member, event.status)
      if (event.type !== "token" || event.token === null) return
      const { epoch, generation } = event.token
      this.#loggedIn = true
      const before = this.#heads.get(member)
      this.note(`${name(this, member)} holds ${epoch}.${generation}`)
      const back =
        before !== undefined &&
        (epoch < before.epoch || (epoch === before.epoch && generation < before.generation))
      // A restart may show an older committed head until the log is heard again; within one life none may.
      if (back && !this.#restarted(member, coordinator)) {
        this.violations.push(`${name(this, member)} went back to ${epoch}.${generation}`)
      }
      this.#heads.set(member, { epoch, generation })
    })
  }

  #lives = new WeakMap<object, boolean>()

  #restarted(_member: SimulatedMember, coordinator: object): boolean {
    const first = this.#lives.get(coordinator) !== true
    this.#lives.set(coordinator, true)
    return first
  }

  #status(
    member: SimulatedMember,
    status: { stage: string; cause: string | null; leader: string | null },
  ): void {
    this.note(`${name(this, member)} is ${status.stage} (${status.cause ?? "-"})`)
    if (status.leader !== null && status.leader !== this.#leader) {
      this.#leader = status.leader
      this.#leaderChanges += 1
    }
    const rejected = status.stage === "relogin" && status.cause === "invalid_grant"
    if (rejected && this.#anyLiving()) this.violations.push("relogin although the grant lives")
  }

  #anyLiving(): boolean {
    return [...this.world.received].some((token) => this.world.server.isCurrent(token))
  }

  #familyDied(_family: number, current: string): void {
    this.note(`a second use revoked the family; its newest was ${current}`)
    if (this.world.received.has(current)) this.#revokedLiving += 1
  }

  #inDoubt(member: SimulatedMember): boolean {
    const cause = member.coordinator?.status().cause
    return cause === "in_doubt" || cause === "stuck"
  }

  #checkEnd(): void {
    const { members, server, received } = this.world
    const heads = members.map((member) => member.coordinator?.token() ?? null)
    const names = heads.map((token) =>
      token === null ? "-" : `${token.epoch}.${token.generation}`,
    )
    if (!this.#loggedIn) return
    if (new Set(names).size > 1) this.violations.push(`heads differ at the end: ${names.join(" ")}`)
    const doubt = members.some((member) => this.#inDoubt(member))
    const newest = [...received].filter((token) => server.isCurrent(token)).at(-1)
    const head = heads[0]?.accessToken ?? ""
    if (newest !== undefined && head !== `at-of-${newest}`) {
      this.violations.push(`the living pair ${newest} was received and is not the head (${head})`)
    }
    const stages = members.map((member) => member.coordinator?.status().stage)
    if (!doubt && stages.some((stage) => stage !== "ready" && stage !== "refreshing")) {
      this.violations.push(`not ready at the end: ${stages.join(" ")}`)
    }
  }

  get chaos(): boolean {
    return this.#chaos
  }
}

function name(story: Story, member: SimulatedMember): string {
  return `m${story.world.members.indexOf(member)}`
}

const ACTIONS: readonly Action[] = [
  ["use", 30, (story) => story.use(story.member(), story.random() < 0.3)],
  [
    "restart",
    10,
    (story) => {
      for (const member of story.world.members) {
        if (member.coordinator?.status().cause === "store_failed") member.crash()
        if (story.random() < 0.7) member.start()
      }
    },
  ],
  [
    "crash",
    4,
    (story) => {
      const member = story.member()
      story.fault("crash", `the application of ${name(story, member)} dies`)
      member.crash()
      story.world.scheduler.schedule(
        story.world.scheduler.nowMs + between(story.random, 100, 60_000),
        () => member.start(),
      )
    },
  ],
  [
    "machine",
    2,
    (story) => {
      const member = story.member()
      story.fault("machine", `the machine of ${name(story, member)} dies`)
      member.crashMachine()
      story.world.scheduler.schedule(
        story.world.scheduler.nowMs + between(story.random, 1_000, 300_000),
        () => member.start(),
      )
    },
  ],
  [
    "die-at-write",
    4,
    (story) => {
      const member = story.member()
      story.fault("die-at-write", `${name(story, member)} will die at a write`)
      member.disk.plan(1 + below(story.random, 12), {
        type: "crash",
        written: story.random() < 0.5,
      })
      story.world.scheduler.schedule(story.world.scheduler.nowMs + 90_000, () => {
        if (story.chaos) member.crash()
        member.start()
      })
    },
  ],
  [
    "disk",
    1,
    (story) => {
      const member = story.member()
      story.fault("disk", `the disk of ${name(story, member)} fails once`)
      const full = story.random() < 0.5
      member.disk.plan(
        1 + below(story.random, 12),
        full ? { type: "disk-full" } : { type: "io-error", written: story.random() < 0.5 },
      )
    },
  ],
  [
    "sleep",
    3,
    (story) => {
      const member = story.member()
      story.fault("sleep", `${name(story, member)} sleeps`)
      member.sleep()
      story.world.scheduler.schedule(
        story.world.scheduler.nowMs + between(story.random, 1_000, 900_000),
        () => member.wake(),
      )
    },
  ],
  [
    "partition",
    4,
    (story) => {
      const { members } = story.world
      const cut = below(story.random, members.length) + 1
      const groups = [members.slice(0, cut), members.slice(cut)].map((group) =>
        group.map(({ id }) => id),
      )
      story.fault("partition", `partition after m${cut - 1}`)
      story.world.network.partition(groups)
    },
  ],
  [
    "one-way",
    3,
    (story) => {
      const [from, to] = [story.member(), story.member()]
      story.fault("one-way", `${name(story, from)} cannot reach ${name(story, to)}`)
      if (from !== to) story.world.network.cut(from.id, to.id)
    },
  ],
  [
    "heal",
    6,
    (story) => {
      story.note("the network heals")
      story.world.network.heal()
    },
  ],
  [
    "lossy",
    2,
    (story) => {
      story.fault("lossy", "the network misbehaves")
      story.world.network.setFaults({
        loss: between(story.random, 0, 0.3),
        duplication: between(story.random, 0, 0.3),
        reorder: between(story.random, 0, 0.3),
        delayMs: [1, between(story.random, 5, 400)],
        silent: story.random() < 0.3,
      })
    },
  ],
  [
    "orderly",
    3,
    (story) => {
      story.note("the network behaves")
      story.world.network.setFaults({
        loss: 0,
        duplication: 0,
        reorder: 0,
        delayMs: [1, 5],
        silent: false,
      })
    },
  ],
  [
    "route",
    3,
    (story) => {
      story.fault("route", "the way to the server misbehaves")
      story.world.setRoute({
        refused: between(story.random, 0, 0.6),
        requestLost: story.random() < 0.3 ? 0.2 : 0,
        replyLost: story.random() < 0.3 ? 0.2 : 0,
      })
    },
  ],
  [
    "server",
    3,
    (story) => {
      const faults = {
        throttled: story.random() < 0.4,
        unavailable: story.random() < 0.3,
        failsAfterCommit: story.random() < 0.1,
      }
      story.fault("server", `the server: ${JSON.stringify(faults)}`)
      story.world.server.setFaults(faults)
    },
  ],
  [
    "server-heals",
    6,
    (story) => {
      story.note("the server and the way to it are well")
      story.world.setRoute({ refused: 0, requestLost: 0, replyLost: 0 })
      story.world.server.setFaults({
        throttled: false,
        unavailable: false,
        failsAfterCommit: false,
      })
    },
  ],
]
