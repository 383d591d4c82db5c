/**
 * What one member does next: asks for a turn, takes one, has its token carried, reports. It decides; the driver in
 * coordination/ performs.
 *
 * Level-triggered: after each input the agent compares what the log says with what it knows of itself and asks for what is
 * missing. A lost message, a refused proposal or a restart therefore needs no case of its own: the next look asks again.
 */

import { between, type Random } from "../base/random.ts"
import type { CauseCode } from "../oauth/types.ts"
import type { AgentEffect, AgentInput, AgentOptions } from "./agent-types.ts"
import { Ahead } from "./ahead.ts"
import { Alone } from "./alone.ts"
import { Chain } from "./chain.ts"
import type { Head } from "./head.ts"
import { Intentions } from "./intentions.ts"
import { OwnTurn } from "./own-turn.ts"
import { allowsTakeover } from "./policy.ts"
import type {
  ClusterState,
  Instant,
  Lineage,
  LogEntry,
  MemberId,
  Pair,
  PeerMessage,
  VouchEntry,
} from "./types.ts"
import { Waits } from "./waits.ts"

interface Demand extends Head {
  readonly force: boolean
}

/** A demand that found no turn is repeated this often, an offer holds this long. */
const DEMAND_MS = 1_000
const OFFER_MS = 2_000

export class Agent {
  readonly #self: MemberId
  readonly #options: AgentOptions
  readonly #random: Random
  readonly #own: OwnTurn
  readonly #alone: Alone
  readonly #chain = new Chain()
  readonly #ahead = new Ahead()
  readonly #intentions: Intentions
  readonly #waits: Waits
  #state: ClusterState
  #leader: MemberId | null = null
  #demand: Demand | null = null
  #demandSentMs = -Infinity
  #offeredUntilMs = -Infinity
  #invited: Head | null = null
  #consent = false
  #caughtUp = false
  #used = false
  /** When in its life the newest pair is to be refreshed; drawn once for each. */
  #schedule: { readonly lineage: Lineage; readonly atWall: number } | null = null
  #effects: AgentEffect[] = []
  #wakeAtMs = Infinity

  /** @param now the pacing clock. */
  constructor(options: AgentOptions, state: ClusterState, random: Random, now: number) {
    this.#self = options.self
    this.#options = options
    this.#own = new OwnTurn(options.self, random)
    this.#alone = new Alone(random, now)
    this.#intentions = new Intentions(random)
    this.#waits = new Waits(random, now)
    this.#random = random
    this.#state = state
    this.#adopt(false)
  }

  /** When to step `wake` if nothing else happens, on the pacing clock; null: no timer at all. */
  get nextWakeAt(): number | null {
    return Number.isFinite(this.#wakeAtMs) ? this.#wakeAtMs : null
  }

  /** A refresh is wanted and has not come yet. */
  get demanding(): boolean {
    return this.#demand !== null
  }

  /** A pair that is used before the log has it, since no leader is heard; null: the head is the newest. */
  get ahead(): Pair | null {
    return this.#ahead.pair
  }

  /** Why the last attempt without the log brought nothing. */
  get trouble(): CauseCode | null {
    return this.#alone.trouble
  }

  /** When the next attempt may begin, on the pacing clock; null: nothing holds it back. */
  heldUntil(at: Instant): number | null {
    const byLog = this.#heldByLog(at)
    const alone = this.#leader === null ? this.#alone.heldUntil(at) : null
    return byLog === null ? alone : Math.max(byLog, alone ?? byLog)
  }

  #heldByLog(at: Instant): number | null {
    return this.#waits.heldUntil(this.#state, at)
  }

  /** The log's state, with the dates of the open turn as far as they can be compared with this member's time. */
  seen(at: Instant): ClusterState {
    return { ...this.#state, turn: this.#waits.turn(this.#state, at) }
  }

  step(input: AgentInput, at: Instant): readonly AgentEffect[] {
    this.#effects = []
    this.#take(input, at)
    this.#plan(at)
    return this.#effects
  }

  #take(input: AgentInput, at: Instant): void {
    switch (input.type) {
      case "applied":
        return this.#applied(input, at)
      case "restored":
        this.#state = input.state
        this.#waits.restored(at.now)
        this.#headChanged()
        return this.#adopt(false)
      case "leader":
        if ((input.leader === null) !== (this.#leader === null)) {
          this.#alone.heard(input.leader !== null, at)
        }
        this.#leader = input.leader
        this.#demandSentMs = -Infinity
        return
      case "resumed":
        this.#caughtUp = false
        if (this.#leader === null) this.#alone.heard(false, at)
        return
      case "consent":
        return this.#allow()
      case "message":
        return this.#message(input.from, input.message, at)
      case "demand":
        return this.#wants(input)
      case "used":
        this.#used = true
        return
      case "busy":
        return this.#own.busy(input.turn, at)
      case "unsent":
        return this.#own.unsent(input.turn, input.cause, at)
      case "alone":
        if (input.result !== null) this.#chain.keep(input.result)
        return this.#alone.ended(input.lineage, input.end, at)
      case "refused":
        return this.#alone.refuse(input.lineage, input.cause)
      case "outcome":
        // A pair stands on its own: it is accepted by its parent, whatever has become of the turn meanwhile.
        if (input.entry.type === "result") this.#chain.keep(input.entry)
        return this.#own.outcome(input.turn, input.entry)
      case "kept":
        for (const result of input.results) this.#chain.keep(result)
        return
      case "caught-up":
        this.#caughtUp = true
        return
      case "settled":
        return this.#intentions.settled(input.key, input.result, at.now)
      case "wake":
        return
      default:
        return input satisfies never
    }
  }

  #applied(input: Extract<AgentInput, { type: "applied" }>, at: Instant): void {
    const before = this.#state
    this.#state = input.state
    if (input.verdict.type === "ignored") {
      if (input.entry.type === "result") this.#chain.drop(input.entry)
      return
    }
    this.#waits.applied(before, input.state, at.now)
    if (before.pair !== input.state.pair) this.#headChanged()
    if (input.entry.type === "turn") {
      this.#offeredUntilMs = -Infinity
      this.#invited = null
      this.#adopt(input.ours)
    }
  }

  #adopt(ours: boolean): void {
    this.#own.adopt(this.#state.turn, ours)
    // Consent is for one send: the turn that it brought takes it along, and leaves none behind.
    if (this.#consent && this.#own.allow()) this.#consent = false
  }

  #headChanged(): void {
    const pair = this.#state.pair
    this.#intentions.clear()
    this.#consent = false
    this.#used = false
    this.#demandSentMs = -Infinity
    this.#invited = null
    if (pair?.epoch !== this.#demand?.epoch) this.#demand = null
    this.#chain.prune(this.#state)
  }

  #wants(wanted: Demand): void {
    const pair = this.ahead ?? this.#state.pair
    if (pair === null || pair.epoch !== wanted.epoch || pair.generation !== wanted.generation)
      return
    const force = wanted.force || this.#demand?.force === true
    if (wanted.force) this.#alone.insist()
    this.#demand = { epoch: wanted.epoch, generation: wanted.generation, force }
  }

  /** A turn of ours is used again, another's is replaced, and without the log this member spends alone. */
  #allow(): void {
    const pair = this.ahead ?? this.#state.pair
    if (pair === null) return
    this.#demand = { epoch: pair.epoch, generation: pair.generation, force: true }
    if (this.#own.allow()) return
    if (this.#leader === null) this.#alone.allow()
    else this.#consent = true
  }

  #message(from: MemberId, message: PeerMessage, at: Instant): void {
    switch (message.type) {
      case "demand":
        if (this.#leader === this.#self && this.#canOpen(message, at))
          this.#offer(from, message, at)
        return
      case "offer":
        if (from === this.#leader) this.#invited = message
        return
      case "ask": {
        const answer = this.#ahead.answer(this.#state, message)
        if (answer !== null) this.#effects.push({ type: "send", to: from, message: answer })
        return
      }
      case "show":
        if (this.#leader === null) this.#ahead.show(message.result, this.#state.pair)
        return
      case "newest":
        return
      default:
        return message satisfies never
    }
  }

  #plan(at: Instant): void {
    this.#wakeAtMs = Infinity
    this.#look(at)
    this.#planKeys(at)
    this.#planOwnTurn(at)
    this.#planKept(at)
    this.#planVouch(at)
    this.#planSchedule(at)
    this.#planAlone(at)
    this.#planDemand(at)
  }

  /** Which pair is the newest that may be used here, and what is wanted of it. */
  #look(at: Instant): void {
    const head = this.#state.pair
    const aloneAtMs = this.#alone.fromMs
    this.#ahead.update(head, this.#chain, aloneAtMs <= at.now)
    if (aloneAtMs > at.now && this.#chain.after(head) !== null) this.#wakeAt(aloneAtMs)
    this.#follow(this.ahead ?? head)
  }

  #planAlone(at: Instant): void {
    const { pair: head, provider, dead, refused } = this.#state
    const newest = this.ahead ?? head
    const wanted = this.#demand
    const hopeless = dead !== null || refused !== null
    if (newest === null || wanted === null || hopeless) return
    const { fallback } = this.#options
    const policy = provider?.settings.replayPolicy ?? null
    const step = this.#alone.next({ pair: newest, policy, fallback, force: wanted.force }, at)
    switch (step?.type) {
      case undefined:
        return
      case "ask": {
        const { epoch, generation } = newest
        for (const { id } of this.#state.members) {
          if (id === this.#self) continue
          this.#effects.push({ type: "send", to: id, message: { type: "ask", epoch, generation } })
        }
        return this.#planAlone(at)
      }
      case "spend":
        this.#effects.push({ type: "spend-alone", pair: step.pair, consent: step.consent })
        return
      case "wait":
        return this.#wakeAt(step.untilMs)
      default:
        return step satisfies never
    }
  }

  /** A demand is for a successor of the newest pair: one that was served ends, one for a pair that is gone moves back. */
  #follow(newest: Pair | null): void {
    const wanted = this.#demand
    if (wanted === null || newest === null) return
    if (wanted.generation < newest.generation) this.#demand = null
    else this.#demand = { ...wanted, generation: newest.generation }
  }

  /** The head was refused, and we are among those who may have spent it: unless we hold its successor we say so. */
  #planVouch(at: Instant): void {
    const { refused, pair, epoch } = this.#state
    if (refused === null || pair === null || !this.#caughtUp) return
    if (!refused.suspects.includes(this.#self) || this.#chain.after(pair) !== null) return
    const { generation } = pair
    const entry: VouchEntry = { type: "vouch", member: this.#self, epoch, generation }
    const key = `vouch ${epoch}.${generation}`
    if (this.#ready(key, at)) this.#effects.push({ type: "vouch", key, entry })
  }

  #planKeys(at: Instant): void {
    if (this.#leader !== this.#self || this.#state.keys.length > 0) return
    if (this.#ready("keys", at)) this.#effects.push({ type: "make-keys" })
  }

  #planOwnTurn(at: Instant): void {
    const { pair: head, provider } = this.#state
    const turn = this.#waits.turn(this.#state, at)
    const policy = provider?.settings.replayPolicy ?? null
    const { lastResort, fallback } = this.#options
    const heard = this.#caughtUp && this.#leader !== null
    const wanted = this.#used || this.#demand !== null
    const alone = policy !== null && (policy.type === "idempotent" || !allowsTakeover(policy))
    const mayRetry = alone && fallback !== "never" && this.#caughtUp
    const refused = head === null ? null : this.#alone.refusalOf(head.lineage)
    const context = { policy, head, lastResort, wanted, heard, mayRetry, refused }
    const step = this.#own.next(turn, context, at)
    switch (step?.type) {
      case undefined:
        return
      case "carry":
      case "judge":
        this.#effects.push(step)
        return
      case "report":
        return this.#ensure(`turn ${step.turn.number}`, step.entry, at)
      case "wait":
        return this.#wakeAt(step.untilMs)
      default:
        return step satisfies never
    }
  }

  #planKept(at: Instant): void {
    const next = this.#chain.after(this.#state.pair)
    if (next !== null) this.#ensure(`kept ${next.pair.lineage}`, next, at)
  }

  /** Early enough that a doubt can be cleared before anybody notices; only while somebody uses the account. */
  #planSchedule(at: Instant): void {
    const pair = this.ahead ?? this.#state.pair
    if (pair === null || !this.#used || this.#demand !== null) return
    if (this.#schedule?.lineage !== pair.lineage) {
      const atWall = pair.issuedAtMs + pair.lifetimeMs * between(this.#random, 0.6, 0.75)
      this.#schedule = { lineage: pair.lineage, atWall }
    }
    const { atWall } = this.#schedule
    if (at.wall < atWall) return this.#wakeAt(at.now + (atWall - at.wall))
    this.#demand = { epoch: pair.epoch, generation: pair.generation, force: false }
  }

  #planDemand(at: Instant): void {
    const invited = this.#invited
    const quiet = this.#heldByLog(at) === null
    if (invited !== null && quiet && this.#mayTake(invited, at)) return this.#seize(invited, at)
    const wanted = this.#demand
    if (wanted === null) return
    if (this.#consent) {
      // A person has said so: whatever another member's turn may cost, it is replaced.
      if (this.#isLiving(wanted) && this.#isFull(this.#self)) this.#seize(wanted, at, true)
      return
    }
    if (!this.#canOpen(wanted, at)) {
      const until = this.#heldByLog(at)
      if (until !== null) this.#wakeAt(until)
      return
    }
    if (this.#leader === null) return
    // Whoever may hold a turn asks the log for it: of two at once the second is a no-op, and a message is saved each way.
    if (this.#isFull(this.#self)) return this.#seize(wanted, at)
    if (this.#leader === this.#self) return this.#offer(this.#self, wanted, at)
    const due = this.#demandSentMs + DEMAND_MS
    if (due > at.now) return this.#wakeAt(due)
    this.#demandSentMs = at.now
    const { epoch, generation } = wanted
    this.#effects.push({
      type: "send",
      to: this.#leader,
      message: { type: "demand", epoch, generation },
    })
    this.#wakeAt(at.now + DEMAND_MS)
  }

  #offer(to: MemberId, wanted: Head, at: Instant): void {
    if (this.#offeredUntilMs > at.now) return this.#wakeAt(this.#offeredUntilMs)
    const fit = this.#isFull(to) ? to : this.#state.members.find(({ id }) => this.#isFull(id))?.id
    if (fit === undefined) return
    this.#offeredUntilMs = at.now + OFFER_MS
    const { epoch, generation } = wanted
    this.#effects.push({ type: "send", to: fit, message: { type: "offer", epoch, generation } })
  }

  #seize(wanted: Head, at: Instant, consent = false): void {
    const { epoch, generation } = wanted
    const replaces = this.#state.turn?.number ?? null
    const holder = this.#self
    const waitedMs = this.#state.retry?.notBeforeMs ?? null
    const ask = { epoch, generation, holder, replaces, atMs: at.wall, waitedMs, consent }
    const entry: LogEntry = { type: "turn", ...ask }
    this.#ensure(`take ${epoch}.${generation}.${replaces ?? "-"}${consent ? "!" : ""}`, entry, at)
  }

  #isFull(id: MemberId): boolean {
    return this.#state.members.some((member) => member.id === id && member.capability === "full")
  }

  /** The head is the one to be replaced, and nothing says that it is hopeless. */
  #isLiving(wanted: Head): boolean {
    const { pair, dead, refused } = this.#state
    if (pair === null || dead !== null || refused !== null) return false
    // A descendant of the head is in our journal: whoever spent the head again would replay it.
    const descendant = this.#chain.after(pair) !== null
    return pair.epoch === wanted.epoch && pair.generation === wanted.generation && !descendant
  }

  /** And nobody holds a turn that counts. */
  #isFree(wanted: Head, at: Instant): boolean {
    return this.#isLiving(wanted) && (this.#state.turn === null || this.#isReplaceable(at))
  }

  #isReplaceable(at: Instant): boolean {
    const { turn } = this.#state
    // Our own courier may still carry it, and the next turn would only wait for that one; under `reject` it would use up the one
    // resend besides. We hear from it, or report a doubt.
    if (turn?.holder === this.#self && turn.doubt === null) return false
    const fromMs = this.#waits.replaceableFrom(this.#state, at)
    if (fromMs > at.now) this.#wakeAt(fromMs)
    return fromMs <= at.now
  }

  #mayTake(wanted: Head, at: Instant): boolean {
    return this.#isFree(wanted, at) && this.#isFull(this.#self)
  }

  #canOpen(wanted: Head & { force?: boolean }, at: Instant): boolean {
    if (this.#state.misconfigured !== null && wanted.force !== true) return false
    return this.#isFree(wanted, at) && this.#heldByLog(at) === null
  }

  #ready(key: string, at: Instant): boolean {
    // Without a leader a proposal can only be refused; its coming steps us again.
    if (this.#leader === null) return false
    const again = this.#intentions.begin(key, at.now)
    if (again > 0) this.#wakeAt(again)
    return again === 0
  }

  #ensure(key: string, entry: LogEntry, at: Instant): void {
    if (this.#ready(key, at)) this.#effects.push({ type: "propose", key, entry })
  }

  #wakeAt(atMs: number): void {
    this.#wakeAtMs = Math.min(this.#wakeAtMs, atMs)
  }
}
