/**
 * What one member does next: asks for a turn, takes one, has its token carried, reports. It decides; the driver in
 * coordination/ performs.
 *
 * Level-triggered: after each input the agent compares what the log says with what it knows of itself and asks for what is
 * missing. A lost message, a refused proposal or a restart therefore needs no case of its own: the next look asks again.
 */

import { below, between, type Random } from "../base/random.ts"
import type { Settlement } from "../raft/types.ts"
import { backoffMs } from "./backoff.ts"
import { type LastResort, quietUntilMs, replaceableAtMs } from "./doubt.ts"
import { OwnTurn } from "./own-turn.ts"
import type {
  ClusterState,
  Epoch,
  Generation,
  Instant,
  LogEntry,
  MemberId,
  Pair,
  PeerMessage,
  ReportEntry,
  ResultEntry,
  Turn,
  TurnNumber,
  Verdict,
} from "./types.ts"

export type AgentInput =
  /** An entry was folded. `ours`: this very run proposed it. */
  | {
      readonly type: "applied"
      readonly state: ClusterState
      readonly entry: LogEntry
      readonly verdict: Verdict
      readonly ours: boolean
    }
  /** The state came from a snapshot. */
  | { readonly type: "restored"; readonly state: ClusterState }
  | { readonly type: "leader"; readonly leader: MemberId | null }
  | { readonly type: "message"; readonly from: MemberId; readonly message: PeerMessage }
  /** A caller needs a pair newer than this one. `force`: a person insists, also against `misconfigured`. */
  | {
      readonly type: "demand"
      readonly epoch: Epoch
      readonly generation: Generation
      readonly force: boolean
    }
  /** A caller used the token: the account is worth keeping fresh. */
  | { readonly type: "used" }
  /** The courier's record of our turn says that it still works. */
  | { readonly type: "busy"; readonly turn: TurnNumber }
  /** The carried or judged attempt of our turn, as the entry to propose. */
  | {
      readonly type: "outcome"
      readonly turn: TurnNumber
      readonly entry: ResultEntry | ReportEntry
    }
  /** A second send of our doubtful turn did not leave. */
  | { readonly type: "unsent"; readonly turn: TurnNumber }
  /** Pairs found in the journal that the log may not have. */
  | { readonly type: "kept"; readonly results: readonly ResultEntry[] }
  /** An entry of the current term was applied: this run knows what its cluster knew when it joined. */
  | { readonly type: "caught-up" }
  /** The machine slept: what this run knew of its cluster is old until the next `caught-up`. */
  | { readonly type: "resumed" }
  | { readonly type: "settled"; readonly key: string; readonly result: Settlement }
  | { readonly type: "wake" }

export type AgentEffect =
  /** `key` names the intention: the driver answers with `settled` under it. */
  | { readonly type: "propose"; readonly key: string; readonly entry: LogEntry }
  | { readonly type: "send"; readonly to: MemberId; readonly message: PeerMessage }
  /** Spend the head's refresh token under this turn, which is ours, committed and applied. */
  | { readonly type: "carry"; readonly turn: Turn }
  /** Look at the record of this turn, which an earlier run of this profile may have used. */
  | { readonly type: "judge"; readonly turn: Turn }
  /** Make the next numbered keys and propose them. */
  | { readonly type: "make-keys" }

export interface AgentOptions {
  readonly self: MemberId
  readonly lastResort: LastResort
}

interface Demand {
  readonly epoch: Epoch
  readonly generation: Generation
  readonly force: boolean
}

interface Proposal {
  readonly inFlight: boolean
  readonly retryAtMs: number
}

/** A demand that found no turn is repeated this often, an offer holds this long. */
const DEMAND_MS = 1_000
const OFFER_MS = 2_000
/** An entry that was committed without effect is proposed again after this. */
const NOOP_MS = 1_000

export class Agent {
  readonly #self: MemberId
  readonly #lastResort: LastResort
  readonly #random: Random
  readonly #own: OwnTurn
  #state: ClusterState
  #leader: MemberId | null = null
  #openSinceMs = Infinity
  #demand: Demand | null = null
  #demandSentMs = -Infinity
  #offeredUntilMs = -Infinity
  #invited: Demand | null = null
  #holdUntilMs = -Infinity
  #kept: readonly ResultEntry[] = []
  #caughtUp = false
  #proposals = new Map<string, Proposal>()
  #used = false
  #refreshAtWall = Infinity
  #effects: AgentEffect[] = []
  #wakeAtMs = Infinity

  constructor(options: AgentOptions, state: ClusterState, random: Random) {
    this.#self = options.self
    this.#lastResort = options.lastResort
    this.#own = new OwnTurn(options.self)
    this.#random = random
    this.#state = state
    this.#headChanged(null)
    this.#own.adopt(state.turn, false)
  }

  /** When to step `wake` if nothing else happens, on the pacing clock; null: no timer at all. */
  get nextWakeAt(): number | null {
    return Number.isFinite(this.#wakeAtMs) ? this.#wakeAtMs : null
  }

  /** A refresh is wanted and has not come yet. */
  get demanding(): boolean {
    return this.#demand !== null
  }

  /** When the next attempt may begin, on the pacing clock; null: nothing holds it back. */
  heldUntil(at: Instant): number | null {
    const { retry, pair } = this.#state
    const byServer = retry?.notBeforeMs ?? -Infinity
    const bySends = pair === null ? -Infinity : quietUntilMs(pair)
    const byWall = at.now + (Math.max(byServer, bySends) - at.wall)
    const until = Math.max(this.#holdUntilMs, byWall)
    return until > at.now ? until : null
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
      case "restored": {
        const before = this.#state
        this.#state = input.state
        this.#headChanged(before)
        this.#openSinceMs = at.wall
        return this.#own.adopt(input.state.turn, false)
      }
      case "leader":
        this.#leader = input.leader
        this.#demandSentMs = -Infinity
        return
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
        return this.#own.unsent(input.turn, at)
      case "outcome":
        // A pair stands on its own: it is accepted by its parent, whatever has become of the turn meanwhile.
        if (input.entry.type === "result") this.#keep(input.entry)
        return this.#own.outcome(input.turn, input.entry)
      case "kept":
        for (const result of input.results) this.#keep(result)
        return
      case "caught-up":
        this.#caughtUp = true
        return
      case "resumed":
        this.#caughtUp = false
        return
      case "settled":
        return this.#settled(input.key, input.result, at)
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
      // The log will not have it: it stays in the journal, and is not proposed for ever.
      const { entry } = input
      if (entry.type === "result")
        this.#kept = this.#kept.filter(({ pair }) => !isSame(pair, entry.pair))
      return
    }
    if (before.pair !== input.state.pair) this.#headChanged(before)
    if (input.entry.type === "turn") {
      this.#offeredUntilMs = -Infinity
      this.#invited = null
      this.#openSinceMs = at.wall
      this.#own.adopt(input.state.turn, input.ours)
    }
    if (input.state.failures > before.failures) {
      this.#holdUntilMs = at.now + backoffMs(input.state.failures, this.#random)
    }
  }

  #keep(result: ResultEntry): void {
    const known = this.#kept.some(({ pair }) => isSame(pair, result.pair))
    if (!known) this.#kept = [...this.#kept, result]
  }

  #headChanged(before: ClusterState | null): void {
    const pair = this.#state.pair
    for (const [key, { inFlight }] of this.#proposals) if (!inFlight) this.#proposals.delete(key)
    this.#used = false
    this.#holdUntilMs = -Infinity
    this.#demandSentMs = -Infinity
    this.#invited = null
    this.#refreshAtWall =
      pair === null
        ? Infinity
        : pair.issuedAtMs + pair.lifetimeMs * between(this.#random, 0.6, 0.75)
    const wanted = this.#demand
    const served =
      wanted !== null &&
      (pair === null || pair.epoch !== wanted.epoch || pair.generation > wanted.generation)
    if (served || before === null) this.#demand = null
    this.#kept = this.#kept.filter(
      ({ pair: kept }) =>
        pair === null ||
        kept.epoch > pair.epoch ||
        (kept.epoch === pair.epoch && kept.generation > pair.generation),
    )
  }

  #wants(wanted: Demand): void {
    const pair = this.#state.pair
    if (pair === null || pair.epoch !== wanted.epoch || pair.generation !== wanted.generation)
      return
    const force = wanted.force || this.#demand?.force === true
    this.#demand = { epoch: wanted.epoch, generation: wanted.generation, force }
  }

  #message(from: MemberId, message: PeerMessage, at: Instant): void {
    switch (message.type) {
      case "demand":
        if (this.#leader === this.#self && this.#canOpen(message, at))
          this.#offer(from, message, at)
        return
      case "offer":
        if (from === this.#leader) this.#invited = { ...message, force: false }
        return
      case "newest":
        return
      default:
        return message satisfies never
    }
  }

  #settled(key: string, result: Settlement, at: Instant): void {
    // What a committed entry did shows in the state. If it was a no-op and is still wanted, it is asked for again, but not
    // at once: two rules that disagree must not fill the log.
    const pauseMs = result === "committed" ? NOOP_MS : 50 + below(this.#random, 250)
    this.#proposals.set(key, { inFlight: false, retryAtMs: at.now + pauseMs })
  }

  #plan(at: Instant): void {
    this.#wakeAtMs = Infinity
    this.#planKeys(at)
    this.#planOwnTurn(at)
    this.#planKept(at)
    this.#planSchedule(at)
    this.#planDemand(at)
  }

  #planKeys(at: Instant): void {
    if (this.#leader !== this.#self || this.#state.keys.length > 0) return
    if (this.#ready("keys", at)) this.#effects.push({ type: "make-keys" })
  }

  #planOwnTurn(at: Instant): void {
    const { turn, pair: head, provider } = this.#state
    const policy = provider?.settings.replayPolicy ?? null
    // A second send is a gamble on what the log says now: never on what a restored disk remembers.
    const wanted = this.#caughtUp && this.#leader !== null && (this.#used || this.#demand !== null)
    const context = { policy, head, lastResort: this.#lastResort, wanted }
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
    const head = this.#state.pair
    if (head === null) return
    const next = this.#kept.find(
      ({ pair }) => pair.epoch === head.epoch && pair.parent === head.lineage,
    )
    if (next !== undefined) this.#ensure(`kept ${next.pair.lineage}`, next, at)
  }

  /** Early enough that a doubt can be cleared before anybody notices; only while somebody uses the account. */
  #planSchedule(at: Instant): void {
    const { pair } = this.#state
    if (pair === null || !this.#used || this.#demand !== null) return
    if (at.wall < this.#refreshAtWall) return this.#wakeAt(at.now + (this.#refreshAtWall - at.wall))
    this.#demand = { epoch: pair.epoch, generation: pair.generation, force: false }
  }

  #planDemand(at: Instant): void {
    const invited = this.#invited
    const quiet = this.heldUntil(at) === null
    if (invited !== null && quiet && this.#mayTake(invited, at)) return this.#seize(invited, at)
    const wanted = this.#demand
    if (wanted === null) return
    if (!this.#canOpen(wanted, at)) {
      const until = this.heldUntil(at)
      if (until !== null) this.#wakeAt(until)
      return
    }
    if (this.#leader === null) return
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

  #offer(to: MemberId, wanted: { epoch: Epoch; generation: Generation }, at: Instant): void {
    if (to === this.#self && this.#mayTake(wanted, at)) return this.#seize(wanted, at)
    if (this.#offeredUntilMs > at.now) return this.#wakeAt(this.#offeredUntilMs)
    const fit = this.#isFull(to) ? to : this.#state.members.find(({ id }) => this.#isFull(id))?.id
    if (fit === undefined) return
    this.#offeredUntilMs = at.now + OFFER_MS
    const { epoch, generation } = wanted
    this.#effects.push({ type: "send", to: fit, message: { type: "offer", epoch, generation } })
  }

  #seize(wanted: { epoch: Epoch; generation: Generation }, at: Instant): void {
    const { epoch, generation } = wanted
    const replaces = this.#state.turn?.number ?? null
    const entry: LogEntry = { type: "turn", epoch, generation, holder: this.#self, replaces }
    this.#ensure(`take ${epoch}.${generation}.${replaces ?? "-"}`, entry, at)
  }

  #isFull(id: MemberId): boolean {
    return this.#state.members.some((member) => member.id === id && member.capability === "full")
  }

  /** The head is the one to be replaced, nobody holds a turn that counts, and nothing says that it is hopeless. */
  #isFree(wanted: { epoch: Epoch; generation: Generation }, at: Instant): boolean {
    const { pair, turn, dead, refused } = this.#state
    if (pair === null || dead !== null || refused !== null) return false
    if (turn !== null && !this.#isReplaceable(at)) return false
    // A descendant of the head is in our journal: whoever spent the head again would replay it.
    const descendant = this.#kept.some(({ pair: kept }) => kept.parent === pair.lineage)
    return pair.epoch === wanted.epoch && pair.generation === wanted.generation && !descendant
  }

  #isReplaceable(at: Instant): boolean {
    const fromMs = replaceableAtMs(this.#state, this.#openSinceMs)
    if (fromMs === null) return false
    if (fromMs > at.wall) this.#wakeAt(at.now + (fromMs - at.wall))
    return fromMs <= at.wall
  }

  #mayTake(wanted: { epoch: Epoch; generation: Generation }, at: Instant): boolean {
    return this.#isFree(wanted, at) && this.#isFull(this.#self)
  }

  #canOpen(
    wanted: { epoch: Epoch; generation: Generation; force?: boolean },
    at: Instant,
  ): boolean {
    if (this.#state.misconfigured !== null && wanted.force !== true) return false
    return this.#isFree(wanted, at) && this.heldUntil(at) === null
  }

  #ready(key: string, at: Instant): boolean {
    // Without a leader a proposal can only be refused; its coming steps us again.
    if (this.#leader === null) return false
    const known = this.#proposals.get(key)
    if (known?.inFlight === true) return false
    if (known !== undefined && known.retryAtMs > at.now) {
      this.#wakeAt(known.retryAtMs)
      return false
    }
    this.#proposals.set(key, { inFlight: true, retryAtMs: 0 })
    return true
  }

  #ensure(key: string, entry: LogEntry, at: Instant): void {
    if (this.#ready(key, at)) this.#effects.push({ type: "propose", key, entry })
  }

  #wakeAt(atMs: number): void {
    this.#wakeAtMs = Math.min(this.#wakeAtMs, atMs)
  }
}

/** Two results of one attempt differ in their seals, not in the pair that they name. */
function isSame(a: Pair, b: Pair): boolean {
  return a.epoch === b.epoch && a.generation === b.generation && a.lineage === b.lineage
}
