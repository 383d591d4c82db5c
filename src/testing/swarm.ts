/**
 * One seed, one story: a simulated cluster lives through the faults that the seed draws, then the faults stop, and all
 * must become well. Decides the course of the story; its acts, its people and its invariants have files of their own.
 */

import { createHash } from "node:crypto"

import { between, type Random, seededRandom } from "../core/base/random.ts"
import { formatReplayPolicy } from "../core/oauth/policy.ts"
import { isOlder } from "../core/refresh/head.ts"
import { pick } from "./pick.ts"
import { WELL } from "./simulated-server.ts"
import { type Act, orderly, type Stage } from "./swarm-acts.ts"
import { nameOf, printHead, sameHead } from "./swarm-invariants.ts"
import { People } from "./swarm-people.ts"
import { drawPlan, type Plan } from "./swarm-plan.ts"
import { StoryRecord } from "./swarm-record.ts"
import { count, type Counts } from "./swarm-tally.ts"
import { CLEAR } from "./trip.ts"
import { both, type WorldWatch } from "./watch.ts"
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
  readonly faults: Readonly<Counts>
  readonly stages: Readonly<Counts>
  readonly sends: Readonly<Counts>
  readonly doubts: Readonly<Counts>
  readonly simulatedMs: number
  /** From the last fault to a cluster that is well. */
  readonly healedMs: number
}

/** How long the faults last, and how long the healed cluster may take: a stuck doubt alone needs ten minutes. */
const CHAOS_MS = 5 * 60_000
const CALM_MS = 25 * 60_000
/** Looks at a cluster that recovers, and how often somebody uses it. */
const LOOK_MS = 1_000
const USE_MS = 5_000
/** A member has heard of a new pair, and shows nothing else any more, after this. */
const RECOVERY_MS = 1_000
/** A leader has been found this long after the last fault. */
const SETTLED_MS = 15_000
const TRACE_LINES = 250
/** What a member with a valid token may not say in the end; that an attempt failed before it got no chance to try again is none. */
const TROUBLES: readonly string[] = ["no_quorum", "in_doubt", "store_failed", "spent_elsewhere"]

/** Somebody who wants to know what happens in a story, besides whether all is well. */
export interface Listener {
  /** Told once, before the story begins. */
  listen(plan: Plan, world: () => World): WorldWatch
}

/**
 * Runs one seed to its end.
 *
 * @param listener hears the faults, and the story ends with them.
 */
export async function runSeed(seed: number, listener?: Listener): Promise<SwarmReport> {
  const story = new Story(seed, listener)
  await story.run()
  return story.report()
}

class Story implements Stage {
  readonly random: Random
  readonly world: World
  readonly people: People
  chaos = true
  readonly #plan: Plan
  readonly #seed: number
  readonly #listened: boolean
  readonly #record: StoryRecord
  readonly #hash = createHash("sha256")
  readonly #trace: string[] = []
  #told = false
  #calmMs = 0
  #nowMs: () => number = () => 0

  constructor(seed: number, listener?: Listener) {
    this.#listened = listener !== undefined
    this.#seed = seed
    const random = seededRandom(seed)
    this.random = random
    this.#plan = drawPlan(seed, random)
    const { policy, lifetimeSeconds, impatient } = this.#plan
    const note = (line: string): void => this.note(line)
    this.#record = new StoryRecord(this.#plan, note)
    const heard = listener?.listen(this.#plan, () => this.world)
    const watch = heard === undefined ? this.#record : both(this.#record, heard)
    this.world = simulatedWorld({ ...this.#plan, random, watch })
    this.#record.world = this.world
    this.#nowMs = () => this.world.scheduler.nowMs
    const complain = (what: string): void => this.#record.complain(what)
    this.people = new People({
      world: this.world,
      voters: this.#plan.voters,
      policy,
      lifetimeSeconds,
      impatient,
      note,
      complain,
      consent: (epoch) => this.#record.consent(epoch),
    })
    const { voters, learners, lastResort } = this.#plan
    note(`${voters} voters, ${learners} learners, ${formatReplayPolicy(policy)}, ${lastResort}`)
  }

  note(line: string): void {
    // A person whose wish is answered after the end of a story.
    if (this.#told) return
    const text = `${(this.#nowMs() / 1_000).toFixed(3)} ${line}`
    this.#hash.update(text)
    this.#trace.push(text)
    if (this.#trace.length > TRACE_LINES) this.#trace.shift()
  }

  member(): SimulatedMember {
    return pick(this.random, this.world.members)
  }

  later(ms: number, act: () => void): void {
    const { scheduler } = this.world
    scheduler.schedule(scheduler.nowMs + ms, () => {
      if (this.chaos) act()
    })
  }

  struck(kind: string): void {
    count(this.#record.tally.faults, kind)
  }

  forget(member: SimulatedMember): void {
    this.#record.forget(member)
  }

  async run(): Promise<void> {
    for (const member of this.world.members) member.start()
    let at = 2_000
    while (at < CHAOS_MS && !this.#failed()) {
      await this.world.runUntil(at, () => this.#failed())
      if (!this.#failed()) this.#act()
      at += between(this.random, 50, 2 * this.#plan.restMs)
    }
    if (this.#failed() || this.#listened) return
    this.#calm()
    await this.#recover("before the last refresh")
    if (this.#failed()) return
    // That it looks well proves little: one more refresh must go through.
    const { epoch, generation } = this.#record.newest
    for (const member of this.world.members) this.people.use(member, true)
    await this.#recover("after the last refresh", { epoch, generation: generation + 1 })
    if (!this.#failed()) this.#record.recordedIsKept()
  }

  report(): SwarmReport {
    this.#told = true
    const { tally, violations } = this.#record
    return {
      seed: this.#seed,
      policy: formatReplayPolicy(this.#plan.policy),
      violations,
      trace: this.#trace,
      hash: this.#hash.digest("hex"),
      refreshes: this.world.server.counts.refreshes,
      leaderChanges: tally.leaderChanges,
      faults: tally.faults,
      stages: tally.stages,
      sends: tally.sends,
      doubts: tally.doubts,
      simulatedMs: this.#nowMs(),
      healedMs: this.#nowMs() - this.#calmMs,
    }
  }

  #failed(): boolean {
    return this.#record.violations.length > 0
  }

  #act(): void {
    const { acts } = this.#plan
    const total = acts.reduce((sum, { weight }) => sum + weight, 0)
    let at = this.random() * total
    const chosen = acts.find(({ weight }) => (at -= weight) < 0)
    if (chosen !== undefined) this.#do(chosen)
  }

  #do({ name, kind, act }: Act): void {
    if (act(this) !== false && kind === "fault") this.struck(name)
  }

  #calm(): void {
    const { world } = this
    this.chaos = false
    this.#calmMs = this.#nowMs()
    this.note("the faults stop")
    world.network.heal()
    orderly(this)
    world.setRoute(CLEAR)
    world.server.setFaults(WELL)
    for (const member of world.members) {
      member.disk.unplan()
      member.disk.fill(false)
      member.dieAtSend(Infinity)
      member.dieInNextPost(() => {}, 0)
      member.wake()
      member.rightClock()
    }
  }

  /** Until everybody is well, with `atLeast` or a newer pair. */
  async #recover(when: string, atLeast = this.#record.newest): Promise<void> {
    const end = this.#nowMs() + CALM_MS
    let use = 0
    let seen = this.#record.newest
    let wrong: string | null = null
    for (let looks = 0; this.#nowMs() < end && !this.#failed(); looks += 1) {
      this.#revive()
      if (this.#nowMs() >= use) {
        for (const member of this.world.members) this.people.use(member, false)
        use = this.#nowMs() + USE_MS
      }
      await this.world.runUntil(this.#nowMs() + LOOK_MS, () => this.#failed())
      if (looks > 0 && this.#isWell() && !isOlder(this.#record.newest, atLeast)) {
        const tokens = this.#counting().map((member) => member.coordinator?.token() ?? null)
        // A pair that was obtained alone is used before the log has it: that must come, too.
        wrong = sameHead(tokens, this.#record.livingHead())
        if (wrong === null) return
      }
      if (isOlder(seen, this.#record.newest)) {
        seen = this.#record.newest
        this.#watchRecovery()
      }
    }
    if (this.#failed()) return
    const stages = this.world.members.map((member) => {
      const status = member.coordinator?.status()
      return `${nameOf(member)} ${status?.stage} (${status?.cause}) ${status?.epoch}.${status?.generation} next ${status?.nextAttemptAtMs}, its clock ${member.wallMs()}`
    })
    this.#record.complain(`${wrong ?? "not well"} ${when}: ${stages.join(", ")}`)
  }

  /** A new pair with all links up clears every stage, everywhere, within a second. */
  #watchRecovery(): void {
    const { scheduler, members } = this.world
    if (this.#nowMs() - this.#calmMs < SETTLED_MS) return
    const head = this.#record.newest
    const lives = members.map(({ coordinator }) => coordinator)
    scheduler.schedule(scheduler.nowMs + RECOVERY_MS, () => {
      for (const member of this.#counting()) {
        const { coordinator } = member
        if (coordinator === null || coordinator !== lives[member.at]) continue
        const { stage, epoch, generation, expiresAtMs } = coordinator.status()
        const usable = (expiresAtMs ?? 0) > member.wallMs()
        const told = stage === "connecting" || stage === "relogin" || stage === "retrying"
        if (isOlder({ epoch, generation }, head) || (told && usable))
          this.#record.complain(
            `${nameOf(member)} is still ${stage} with ${epoch}.${generation}, a second after ${printHead(head)}`,
          )
      }
    })
  }

  /** Whoever died or stopped is started again, as a person or an operating system would. */
  #revive(): void {
    for (const member of this.world.members) {
      if (member.broken) member.crash()
      member.start()
    }
  }

  /** Those that are still of the cluster. */
  #counting(): readonly SimulatedMember[] {
    return this.world.members.filter((member) => this.people.counts(member))
  }

  #isWell(): boolean {
    return this.#counting().every((member) => {
      if (member.carrying || member.coordinator === null) return false
      const status = member.coordinator.status()
      const { stage, cause, leader, holder } = status
      const here = !isOlder(status, this.#record.newest)
      const trouble = TROUBLES.includes(cause ?? "")
      return stage === "ready" && !trouble && here && leader !== null && holder === null
    })
  }
}
