/**
 * Holds a run of the real code against the model: each event of the run must be a step that the model can make. Where it
 * may make several, all are kept (subset construction); when none is left the run did what the model forbids.
 *
 * The steps are the model's own, found by their labels. What the model cannot see (who is connected, when a snapshot is
 * written) is either open in it (`connections: "unseen"`) or told by the event.
 */

import type { LogEntry, Verdict } from "../../src/core/refresh/types.ts"
import type { Reply, TraceEvent } from "./events.ts"
import { compact, descends, foldTo } from "./compact.ts"
import { accept, type Entry, type View, words } from "./log.ts"
import { Dictionary } from "./dictionary.ts"
import { Moment, type Setting } from "./moment.ts"
import { exactKey } from "./names.ts"
import { allSteps } from "./protocol.ts"
import { at, copy, type Journal, PHASE, REPLY, start, type State } from "./state.ts"
import { describe, isReply } from "./reading.ts"
import { tell } from "./telling.ts"

type Event<T extends TraceEvent["type"]> = Extract<TraceEvent, { type: T }>
type Check = (to: State, from: State) => boolean
const ANY: Check = () => true

/** More ways than this: the trace says too little to be worth following. */
const WAYS_MAX = 2_000

/** The run did what no path of the model does. */
export class Forbidden extends Error {
  override readonly name: string = "Forbidden"
}

export class Follower {
  /** Every state that the model can be in after what was heard. */
  states: readonly State[]
  /** The most states that were possible at once. */
  ways = 1
  heard = 0
  readonly #setting: Setting
  readonly #told: string[] = []
  readonly #words: Dictionary
  /** Indices of the entries that had an effect, in order; and of all that were applied by anybody. */
  readonly #effects: number[] = []
  readonly #applied = new Set<number>()
  /** What the server said to the courier of each member, and how that trip ended. */
  readonly #replies = new Map<number, Reply | "silent">()
  /** Members whose newest answer is in memory only. */
  readonly #unrecorded = new Set<number>()

  /** @param members - ids in their order of the genesis. */
  constructor(setting: Setting, members: readonly string[]) {
    this.#setting = setting
    this.#words = new Dictionary(members)
    const state = start(setting.bounds)
    state.base = { ...state.base, head: 0, epoch: 0, family: 0 }
    state.server = {
      parent: [0],
      family: [0],
      generation: [0],
      current: [0],
      revoked: [0],
      used: [0],
      window: [0],
      key: [0],
    }
    Object.assign(state, { posts: [0], twice: [0], logouts: [0] })
    for (const member of state.members) member.up = 0
    this.states = [state]
  }

  /** @throws Forbidden when no state of the model allows the event. */
  take(event: TraceEvent): void {
    this.heard += 1
    this.#told.push(tell(event))
    this.#take(event)
  }

  #take(event: TraceEvent): void {
    switch (event.type) {
      case "minted":
        return this.#words.mint(event.token)
      case "started":
        this.#snapshot(event.member, event.snapshotIndex)
        return this.#step([`m${event.member} restarts`])
      case "crashed":
        return this.#crashed(event)
      case "snapshot":
        return this.#snapshot(event.member, event.index)
      case "proposed":
        return this.#proposed(event.member, event.id, event.entry)
      case "applied":
        return this.#appliedBy(event)
      case "go":
        return this.#go(event)
      case "row":
        return this.#row(event)
      case "forgotten":
        return this.#forget(event.member, event.row === "claimed" ? { turn: 0, token: 0 } : {})
      case "gone":
        return this.#gone(event)
      case "arrived":
        return this.#arrived(event)
      case "ended":
        return this.#ended(event)
      default:
        return event satisfies never
    }
  }

  // -- steps -----------------------------------------------------------------------------------------------------------

  /** What the model may do from any of its states by a step with one of these labels. */
  #after(labels: readonly (string | RegExp)[], check: Check = ANY): State[] {
    const wanted = (label: string): boolean =>
      labels.some((each) => (typeof each === "string" ? each === label : each.test(label)))
    const next = this.states.flatMap((state) =>
      allSteps(new Moment(this.#setting, state, wanted)).flatMap(({ to }) =>
        check(to, state) ? [to] : [],
      ),
    )
    return next
  }

  /** The run is in one of these states; the same state twice is one. */
  #become(states: readonly State[], why: string): void {
    const { rules } = this.#setting
    const kept = new Map<string, State>()
    for (const state of states) {
      if (states.length === 1 || !kept.has(exactKey(state))) kept.set(exactKey(state), state)
    }
    if (kept.size === 0) throw this.#forbidden(why)
    if (kept.size > WAYS_MAX) throw this.#forbidden("too many ways: the trace says too little")
    const lawful = [...kept.values()].filter(
      ({ posts, gamble }) =>
        rules.policy !== "strict" || gamble > 0 || !posts.some((count) => count > 1),
    )
    if (lawful.length === 0) throw this.#forbidden("a token was sent twice")
    this.states = lawful
    this.ways = Math.max(this.ways, lawful.length)
  }

  #step(labels: readonly (string | RegExp)[], check: Check = ANY): void {
    const said = labels.map((each) => (typeof each === "string" ? each : each.source))
    this.#become(this.#after(labels, check), `no state has the step "${said.join('" or "')}"`)
  }

  /** States where nothing is to be done stay; the others must be able to do it. */
  #stepUnless(idle: (state: State) => boolean, labels: readonly (string | RegExp)[]): void {
    const said = labels.map((each) => (typeof each === "string" ? each : each.source))
    const next = [...this.states.filter(idle), ...this.#after(labels)]
    this.#become(next, `no state has the step "${said.join('" or "')}"`)
  }

  /** A fact that is no step: changes every state. */
  #edit(change: (state: State) => void): void {
    for (const state of this.states) change(state)
    this.#become(this.states, "")
  }

  #forbidden(why: string): Forbidden {
    const states = this.states.slice(0, 3).map((state) => describe(this.#setting, state))
    const before = this.#told.slice(-25)
    return new Forbidden([...before, `FORBIDDEN: ${why}`, ...states].join("\n"))
  }

  // -- members and disks -----------------------------------------------------------------------------------------------

  #crashed({ member }: Event<"crashed">): void {
    if (this.#unrecorded.delete(member)) this.#forget(member)
    // Its last go may have reached the courier, which is heard of only later.
    const goes = new RegExp(`^m${member} has token \\d+ carried`)
    this.states = [...this.states, ...this.#after([goes])]
    this.#step([`the application of m${member} crashes`])
  }

  #forget(member: number, more: Partial<Journal> = {}): void {
    this.#edit((state) => {
      Object.assign(at(state.members, member).journal, { answer: 0, pair: 0, ...more })
    })
  }

  /** A request that left long ago arrives no more. */
  #gone({ token }: Event<"gone">): void {
    const gone = this.#words.token(token)
    this.#edit((state) => {
      state.late = state.late.filter((each) => each.token !== gone)
    })
  }

  /** Its place in the log of a state, of which the first entries may be folded already. */
  #place(state: State, index: number): number {
    const known = this.#effects.filter((each) => each <= index).length
    return Math.max(0, known - (this.#effects.length - state.log.length))
  }

  #snapshot(member: number, index: number): void {
    this.#edit((state) => {
      const place = this.#place(state, index)
      const { saved, applied } = at(state.members, member)
      Object.assign(at(state.members, member), {
        saved: Math.max(saved, place),
        applied: Math.max(applied, place),
      })
      compact(state, this.#setting.rules)
    })
  }

  // -- the log ---------------------------------------------------------------------------------------------------------

  #proposed(member: number, id: string, entry: LogEntry): void {
    if (entry.type === "login") this.#login(member, entry.pair.lineage)
    const named = this.#words.entry(entry, id)
    if (named === null || named.type === "remove") return
    if (named.type === "turn") return this.#asksFor(member, id, named)
    if (named.type === "doubt") this.#doubts(member, named)
    const who = named.type === "logout" ? `a person at m${member}` : `m${member}`
    const same = words(named)
    const label = `${who} proposes ${same}, delayed`
    const idle = this.states.filter(
      (state) =>
        state.delayed.some((each) => words(each) === same) || this.#isPast(state, member, named),
    )
    const next = [...idle, ...this.#after([label])]
    const late = next.length > 0 ? next : this.#earlier(member, label)
    this.#become(late, `no state has the step "${label}"`)
  }

  /** A proposal is heard when it reaches the leader: its member may have applied more since. */
  #earlier(member: number, label: string | RegExp): readonly State[] {
    const now = this.states
    const found = now.flatMap((state) => {
      const { applied } = at(state.members, member)
      for (let then = applied - 1; then >= 0; then--) {
        const before = copy(state)
        at(before.members, member).applied = then
        this.states = [before]
        const next = this.#after([label])
        for (const to of next) at(to.members, member).applied = applied
        if (next.length > 0) return next
      }
      return []
    })
    this.states = now
    return found
  }

  /** Told again, and of no effect any more. */
  #isPast(state: State, member: number, entry: Entry): boolean {
    const end = foldTo(state, state.log.length, this.#setting.rules)
    if (accept(end, entry, state.server, this.#setting.rules) !== end) return false
    // Of a turn that is over: its holder has not heard that yet, and its record is gone.
    if (entry.type === "doubt") return end.doubt || end.turn !== entry.turn
    // Sealed for an epoch that somebody else has ended meanwhile.
    if (entry.type === "login" && entry.epoch < end.epoch) return true
    if (entry.type !== "result" && entry.type !== "login") return false
    const { parent } = state.server
    const { pair } = at(state.members, member).journal
    return (
      descends(state, end.head, entry.token) || (pair !== 0 && parent[entry.token] !== end.head)
    )
  }

  /** A holder that has no answer may call it a doubt, also when its disk forgot that it ever meant to ask: then it counts as sent. */
  #doubts(member: number, named: Extract<Entry, { type: "doubt" }>): void {
    const { turn } = named
    const next = this.states.filter((state) => {
      // By what the log says: the report may be an earlier run's, heard when the next one knows less.
      const view = foldTo(state, state.log.length, this.#setting.rules)
      const { journal } = at(state.members, member)
      if (view.turn !== turn || view.holder !== member) return true
      if (journal.turn === turn && journal.answer !== 0 && journal.answer !== REPLY.later)
        return false
      Object.assign(journal, { turn, token: view.head, answer: 0 })
      if (!state.delayed.some((each) => words(each) === words(named))) state.delayed.push(named)
      return true
    })
    this.#become(next, `m${member} has the answer of turn ${turn}, and calls it a doubt`)
  }

  #asksFor(member: number, id: string, entry: Extract<Entry, { type: "turn" }>): void {
    const { token, replaces } = entry
    const over = replaces === 0 ? "" : " takes over:"
    const instead = replaces === 0 ? "" : ` instead of turn ${replaces}`
    const label = new RegExp(
      `^m${member}${over} proposes turn \\d+ on token ${token} for m${member}${instead}, delayed$`,
    )
    const next = this.#after([label])
    const late = next.length > 0 ? next : this.#earlier(member, label)
    this.#become(late, `no state has the step "${label.source}"`)
    const numbers = this.states.map(({ delayed }) => {
      const last = delayed.at(-1)
      return last?.type === "turn" ? last.turn : 0
    })
    if (new Set(numbers).size !== 1) throw this.#forbidden("the model numbers the turn in two ways")
    this.#words.asks(id, at(numbers, 0))
  }

  /** Whoever logs in has a token of a new family; an earlier login of this member that nobody took is let go. */
  #login(member: number, lineage: string): void {
    const name = this.#words.nameOf(lineage)
    if (this.#words.knows(name)) return
    this.#edit((state) => void (at(state.members, member).journal.login = 0))
    this.#words.learn(name, at(this.states, 0).server.parent.length)
    this.#step([`a person logs in at m${member}`])
  }

  #appliedBy({ member, index, id, entry, verdict }: Event<"applied">): void {
    if (!this.#applied.has(index)) {
      this.#applied.add(index)
      this.#committed(index, this.#words.entry(entry, id), entry, verdict)
    }
    if (!this.#effects.includes(index)) return
    // Whoever restored a snapshot knows it already.
    const isKnown = (state: State): boolean =>
      at(state.members, member).applied >= this.#place(state, index)
    const isNext = (_: State, from: State): boolean =>
      at(from.members, member).applied === this.#place(from, index) - 1
    const next = this.#after([new RegExp(`^m${member} applies `)], isNext)
    this.#become([...this.states.filter(isKnown), ...next], "it is not the next entry")
  }

  #committed(index: number, named: Entry | null, entry: LogEntry, verdict: Verdict): void {
    if (named === null) return
    const { rules } = this.#setting
    const end = (state: State): View => foldTo(state, state.log.length, rules)
    const takes = (state: State): boolean => {
      const before = end(state)
      return accept(before, named, state.server, rules) !== before
    }
    const again = named.type === "doubt" && this.states.every((state) => end(state).doubt)
    // The model has no server that says when: the log keeps a turn away that did not wait, as if it had never come.
    if (verdict.type === "ignored" && verdict.refusal === "too-early") return
    if (verdict.type === "ignored" || again) {
      const same = this.states.filter((state) => !takes(state))
      return this.#become(same, `the log ignored ${words(named)}, which the model takes`)
    }
    const label =
      named.type === "remove"
        ? `a person removes m${named.member} for good`
        : `late, there commits ${words(named)}`
    const states = this.#after([label], (_, from) => takes(from))
    // Before it is folded: the step may fold it at once, when nobody is left to apply it.
    this.#effects.push(index)
    this.#words.commit(index, entry, named)
    this.#become(states, `the log took ${words(named)}, which the model does not`)
  }

  // -- the courier -----------------------------------------------------------------------------------------------------

  #go({ member, key, token }: Event<"go">): void {
    const name = `m${member} has token ${this.#words.token(token)} carried`
    const turn = this.#words.turn(key.turn)
    this.#replies.delete(member)
    const going = (state: State): boolean => {
      const { courier } = at(state.members, member)
      return courier.phase === PHASE.ready && courier.turn === turn
    }
    const label = key.attempt > 1 ? `${name} again` : name
    // A go that its application did not live to see through is known already.
    const next = [...this.states.filter(going), ...this.#after([label], going)]
    this.#become(next, `no state has the step "${label}" under turn ${turn}`)
  }

  #row(event: Event<"row">): void {
    switch (event.row) {
      case "claimed":
        return this.#step([new RegExp(`^the courier of m${event.member} claims and sends`)])
      case "voided":
        return this.#voided(event)
      case "answered":
      case "unheard":
      case "unrecorded":
        return this.#answered(event)
      default:
        return event.row satisfies never
    }
  }

  #voided({ member, key }: Event<"row">): void {
    const turn = this.#words.turn(key.turn)
    const label = `m${member} finds no record of turn ${turn}`
    // To fence off a second send, or a turn that has ended, changes nothing that the model knows of.
    const idle = (state: State): boolean => {
      const view = new Moment(this.#setting, state).viewOf(member)
      return key.attempt > 1 || view.turn !== turn || view.holder !== member
    }
    // Written by an application that dies in the same instant.
    if (this.states.every(({ members }) => at(members, member).up === 0)) {
      return this.#edit((state) => void (at(state.members, member).journal.fenced = turn))
    }
    this.#stepUnless(idle, [label, `${label} yet`])
  }

  #arrived({ member, token, heard, reply }: Event<"arrived">): void {
    const sent = this.#words.token(token)
    // A window may have closed before: only now it matters, and only this family's.
    const isClosed = ({ server }: State): boolean => server.window[at(server.family, sent)] === 0
    const closed = this.#after(["the server's window closes"], isClosed)
    this.states = [...this.states, ...closed]
    if (heard) this.#replies.set(member, reply)
    if (!heard && reply.type === "later") {
      return this.#edit((state) => {
        const place = state.late.findIndex((each) => each.token === sent)
        if (place >= 0) state.late.splice(place, 1)
      })
    }
    const puts = reply.type === "later" ? `puts token ${sent} of m${member} off` : null
    const label = heard
      ? `the server ${puts ?? `answers token ${sent} of m${member}`}`
      : `a late request with token ${sent} arrives, nobody listens`
    const said = (to: State, from: State): boolean =>
      isReply(reply, to, from, heard ? member : null)
    let next = this.#after([label], said)
    if (next.length === 0 && reply.type === "refused" && reply.revoked) {
      // Revoked by the provider, for reasons of its own.
      this.#edit(({ server }) => void (server.revoked[at(server.family, sent)] = 1))
      next = this.#after([label], said)
    }
    if (reply.type === "issued" && next.length > 0) {
      this.#words.learn(reply.token, at(next, 0).server.parent.length - 1)
    }
    this.#become(next, `no state has the step "${label}" with the reply ${JSON.stringify(reply)}`)
  }

  #ended({ member, end }: Event<"ended">): void {
    const courier = `the courier of m${member}`
    const lost = new RegExp(`^the request with token \\d+ of m${member} is lost$`)
    if (end === "replied") return
    if (end === "silent") {
      this.#replies.set(member, "silent")
      // Whether the request still arrives is not known; that a reply is lost needs no step of its own.
      const late = new RegExp(`^${courier} gives up, token \\d+ still on the way$`)
      return this.#step([lost, late, `the response to m${member} is lost`])
    }
    // Claimed, but the disk failed over it: no byte left, so it was no send.
    this.#edit((state) => {
      const { courier: own, journal } = at(state.members, member)
      if (own.phase !== PHASE.sent) return
      if (own.again === 1) journal.resends = 0
      else state.posts[own.token] = at(state.posts, own.token) - 1
    })
    this.#step([`${courier} cannot connect`, new RegExp(`^${courier} refuses`), lost])
  }

  #answered({ row, member }: Event<"row">): void {
    const reply = this.#replies.get(member)
    this.#replies.delete(member)
    if (reply === "silent" || reply === undefined) return
    const lost = `the response to m${member} is lost`
    const records = new RegExp(`^the courier of m${member} records `)
    const clean = reply.type === "refused" || (reply.type === "issued" && reply.clean)
    // What comes with a new token may say nothing of it. What is not recorded only the application knows, if it lives.
    if (row !== "unrecorded") return this.#step(clean ? [records] : [records, lost])
    this.#unrecorded.add(member)
    this.#step([records, lost])
  }
}
