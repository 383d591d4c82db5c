/**
 * One seed, one story: draws its own mix of faults, lets a simulated cluster live through it, then takes the faults away
 * and asks whether all is well. Decides the schedule and the invariants; the world it happens in is `world.ts`.
 *
 * The invariants are those of the design (README, "What always holds"): a token is sent once; a recorded pair is not lost;
 * no member goes back; no family dies by our own reuse; everybody converges.
 */

import { createHash } from "node:crypto"

import { below, between, type Random, seededRandom } from "../core/base/random.ts"
import { formatReplayPolicy } from "../core/oauth/policy.ts"
import type { ReplayPolicy } from "../core/oauth/types.ts"
import type { LastResort } from "../core/refresh/doubt.ts"
import { type Action, ACTIONS, nameOf, type Stage } from "./swarm-faults.ts"
import { type SimulatedMember, simulatedWorld, type World } from "./world.ts"

export interface SwarmReport {
  readonly seed: number
  readonly policy: string
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

const STRICT: ReplayPolicy = { type: "strict" }
const POLICIES: readonly ReplayPolicy[] = [
  { type: "reject" },
  { type: "multi-use" },
  { type: "confirm" },
  { type: "idempotent" },
  { type: "grace", windowSeconds: 30, answers: "same" },
  { type: "grace", windowSeconds: 60, answers: "new" },
]

/** Runs one seed to its end. */
export async function runSeed(seed: number): Promise<SwarmReport> {
  const story = new Story(seed)
  await story.run()
  return story.report()
}

class Story implements Stage {
  readonly random: Random
  readonly world: World
  readonly trace: string[] = []
  readonly violations: string[] = []
  readonly faults: Record<string, number> = {}
  readonly policy: ReplayPolicy
  readonly #lastResort: LastResort
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

  constructor(seed: number) {
    this.#seed = seed
    this.random = seededRandom(seed)
    const { random } = this
    this.policy = random() < 0.5 ? STRICT : (POLICIES[below(random, POLICIES.length)] ?? STRICT)
    this.#lastResort = random() < 0.5 ? "resend" : "ask"
    this.world = simulatedWorld({
      random,
      members: [1, 2, 3, 3, 3, 5][below(random, 6)] ?? 3,
      policy: this.policy,
      lifetimeSeconds: [300, 600, 1_800][below(random, 3)] ?? 600,
      courierSurvives: random() < 0.5,
      lastResort: this.#lastResort,
      observe: (line) => this.note(line),
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
      policy: formatReplayPolicy(this.policy),
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
      this.note(`${nameOf(this, member)} demands a successor of ${token.generation}`)
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
      replayPolicy: this.policy,
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
    this.note(`${nameOf(this, member)} logs in`)
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
    const once = this.policy.type === "strict" && this.#lastResort === "ask"
    if (once && counts.sentTwice > 0) this.violations.push("a refresh token was sent twice")
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
      this.note(`${nameOf(this, member)} holds ${epoch}.${generation}`)
      const back =
        before !== undefined &&
        (epoch < before.epoch || (epoch === before.epoch && generation < before.generation))
      // A restart may show an older committed head until the log is heard again; within one life none may.
      if (back && !this.#restarted(member, coordinator)) {
        this.violations.push(`${nameOf(this, member)} went back to ${epoch}.${generation}`)
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
    this.note(`${nameOf(this, member)} is ${status.stage} (${status.cause ?? "-"})`)
    if (status.leader !== null && status.leader !== this.#leader) {
      this.#leader = status.leader
      this.#leaderChanges += 1
    }
    const rejected = status.stage === "relogin" && status.cause === "invalid_grant"
    if (rejected && this.#living() !== undefined)
      this.violations.push("relogin although the grant lives")
  }

  /** The living refresh token that was received, of the newest login: an older one may live on, and nobody may use it. */
  #living(): string | undefined {
    const { received, server } = this.world
    const newest = Math.max(...[...received].map((token) => server.familyOf(token) ?? 0))
    return [...received]
      .filter((token) => server.isCurrent(token) && server.familyOf(token) === newest)
      .at(-1)
  }

  #familyDied(_family: number, current: string): void {
    this.note(`a second use revoked the family; its newest was ${current}`)
    const { coming, received } = this.world
    if (received.has(current) || coming.has(current)) this.#revokedLiving += 1
  }

  #inDoubt(member: SimulatedMember): boolean {
    const cause = member.coordinator?.status().cause
    return cause === "in_doubt" || cause === "stuck"
  }

  #checkEnd(): void {
    const { members } = this.world
    const heads = members.map((member) => member.coordinator?.token() ?? null)
    const names = heads.map((token) =>
      token === null ? "-" : `${token.epoch}.${token.generation}`,
    )
    if (!this.#loggedIn) return
    if (new Set(names).size > 1) this.violations.push(`heads differ at the end: ${names.join(" ")}`)
    const doubt = members.some((member) => this.#inDoubt(member))
    const newest = this.#living()
    const head = heads[0]?.accessToken ?? ""
    if (newest !== undefined && head !== `at-of-${newest}`) {
      this.violations.push(`the living pair ${newest} was received and is not the head (${head})`)
    }
    const stages = members.map((member) => member.coordinator?.status().stage)
    const lost = stages.includes("relogin") && this.#living() === undefined
    const well = stages.every((stage) => stage === "ready" || stage === "refreshing")
    if (!doubt && !lost && !well) {
      this.violations.push(`not ready at the end: ${stages.join(" ")}`)
    }
  }

  get chaos(): boolean {
    return this.#chaos
  }
}
