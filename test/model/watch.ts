/**
 * Writes down what a simulated run does, as events for the model. Listens to the world, to the disks where the world says
 * nothing, and to what each replica applies, for which production has no port: those ears are put on the class once, and a
 * replica that no listener started is not heard.
 *
 * A run is followed until it does something that the model has no word for: `ends` says what.
 */

import { type Applied, Replica } from "../../src/coordination/replica.ts"
import { OwnTurn } from "../../src/core/refresh/own-turn.ts"
import type { AppEntry, Write } from "../../src/core/raft/types.ts"
import { ALONE, type LogEntry } from "../../src/core/refresh/types.ts"
import type { WireMessage } from "../../src/ports/transport.ts"
import type { Plan } from "../../src/testing/swarm-plan.ts"
import { BLIND, type Sending, type SendingEnd, type WorldWatch } from "../../src/testing/watch.ts"
import type { SimulatedMember, World } from "../../src/testing/world.ts"
import { decodeEntry } from "../../src/wire/entries.ts"
import type { Reply, TraceEvent } from "./events.ts"

type Hears = (raw: AppEntry, applied: Applied) => void

const ears = new WeakMap<Replica, Hears>()
/** Made, and not yet said to belong to anybody: its coordinator is being made. */
const newborn: Replica[] = []

const apply = Reflect.get(Replica.prototype, "apply") as (
  this: Replica,
  raw: AppEntry,
) => Applied | null
const restore = Reflect.get(Replica.prototype, "restore") as (
  this: Replica,
  data: Uint8Array,
) => void
Replica.prototype.restore = function (data): void {
  if (!ears.has(this)) newborn.push(this)
  restore.call(this, data)
}
Replica.prototype.apply = function (raw): Applied | null {
  const applied = apply.call(this, raw)
  if (applied !== null) ears.get(this)?.(raw, applied)
  return applied
}

/** Told when a person lets a member send its own turn's token once more: no entry and no row says so. */
let consented: () => void = () => {}
const allow = Reflect.get(OwnTurn.prototype, "allow") as (this: OwnTurn) => boolean
OwnTurn.prototype.allow = function (): boolean {
  consented()
  return allow.call(this)
}

interface Trip {
  /** Its go, which is none if the lock was taken. */
  readonly go: number
  open: boolean
  left: boolean
  /** A row says so, although no byte left: the disk failed over it. */
  claimed: boolean
  recorded: boolean
  ended: boolean
}

export class Recorder {
  readonly events: TraceEvent[] = []
  /** Why the rest of the run is not followed; null: it is. */
  ends: string | null = null
  readonly #plan: Plan
  readonly #world: () => World
  readonly #seen = new Set<string>()
  readonly #trips = new Map<Sending, Trip>()
  /** The newest trip of each member. */
  readonly #newest = new Map<number, Sending>()
  /** The newest request with each token. */
  readonly #sent = new Map<string, Sending>()
  /** Newest token of each family. */
  readonly #current = new Map<number, string>()
  readonly #voided = new Set<string>()
  /** Whose answer was recorded. */
  readonly #answered = new Set<Sending>()
  readonly #dying = new Set<number>()
  /** Of the process that runs. */
  readonly #replicas = new Map<number, Replica>()
  /** Newest entry that each member applied. */
  readonly #last = new Map<number, number>()

  constructor(plan: Plan, world: () => World) {
    this.#plan = plan
    consented = () => this.#stop("a person's consent")
    this.#world = world
  }

  get watch(): WorldWatch {
    return {
      ...BLIND,
      carries: (sending) => this.#carries(sending),
      leaves: (sending) => this.#leaves(sending),
      judged: (sending, status) => this.#judged(sending, status),
      ends: (sending, end) => this.#ended(sending, end),
      recorded: (sending) => this.#recorded(sending),
      message: (from, _, message) => this.#message(from, message),
      wrote: (member, write) => this.#wrote(member, write),
      started: (member) => this.#started(member),
      died: (member) => this.#died(member),
    }
  }

  /** The events, without the goes that found the lock taken. */
  finish(): readonly TraceEvent[] {
    const goes = new Set([...this.#trips.values()].flatMap(({ go, ended }) => (ended ? [go] : [])))
    return this.events.filter(({ type }, at) => type !== "go" || goes.has(at))
  }

  #tell(event: TraceEvent): void {
    if (this.ends === null) this.events.push(event)
  }

  #stop(why: string): void {
    this.ends ??= why
  }

  #started(member: SimulatedMember): void {
    const { at } = member
    this.#dead(member)
    const persisted = member.disk.content.persisted
    if (persisted === null) return
    const { snapshot, entries } = persisted
    const last = entries.at(-1)?.index ?? snapshot.index
    if (last < (this.#last.get(at) ?? 0)) this.#stop("a disk went back")
    const sending = this.#newest.get(at)
    if (sending !== undefined && this.#answered.delete(sending)) {
      if (this.#rowOf(sending) === "sending")
        this.#tell({ type: "forgotten", member: at, row: "answered" })
      else this.#answered.add(sending)
    }
    const unsent = sending !== undefined && this.#trips.get(sending)?.claimed === true
    if (unsent && this.#rowOf(sending) === "none")
      this.#tell({ type: "forgotten", member: at, row: "claimed" })
    this.#tell({ type: "started", member: at, snapshotIndex: snapshot.index })
    const own = newborn.splice(0).at(-1)
    if (own === undefined) return
    this.#replicas.set(at, own)
    ears.set(own, (raw, applied) => {
      // What a dead process still does in its last moment is done by nobody.
      if (this.#replicas.get(at) !== own) return
      this.#last.set(at, raw.index)
      this.#flush(at)
      this.#tell({ type: "applied", member: at, index: raw.index, id: raw.id, ...applied })
    })
  }

  /** A process that dies within an event does the rest of it all the same, and is dead when the next one begins. */
  #died(member: SimulatedMember): void {
    const { scheduler } = this.#world()
    // A proposal that was written by the very write that killed its leader.
    for (const entry of member.disk.content.persisted?.entries ?? []) {
      if (entry.type === "app") this.#proposed(member, entry.id, entry.data)
    }
    this.#dying.add(member.at)
    scheduler.schedule(scheduler.nowMs, () => this.#dead(member))
  }

  #dead(member: SimulatedMember): void {
    if (!this.#dying.delete(member.at)) return
    this.#replicas.delete(member.at)
    this.#flush(member.at)
    this.#voids(member)
    this.#tell({ type: "crashed", member: member.at })
  }

  #message(from: SimulatedMember, message: WireMessage): void {
    if (message.type === "show") this.#stop("a pair was shown")
    if (message.type !== "raft" || message.message.type !== "forward") return
    this.#proposed(from, message.message.id, message.message.data)
  }

  #wrote(member: SimulatedMember, write: Write): void {
    for (const entry of write.append ?? []) {
      if (entry.type === "app") this.#proposed(member, entry.id, entry.data)
    }
    const index = write.snapshot?.value.index
    if (index !== undefined) this.#tell({ type: "snapshot", member: member.at, index })
  }

  #proposed(member: SimulatedMember, id: string, data: Uint8Array): void {
    if (this.#seen.has(id)) return
    this.#seen.add(id)
    const entry = decodeEntry(data)
    if (entry.type === "turn" && entry.consent) this.#stop("a person's consent")
    const who = this.#proposerOf(entry) ?? member
    this.#flush(who.at)
    if (entry.type === "report") this.#voids(who)
    if (entry.type === "login") this.#mints()
    if (entry.type === "logout") this.#stop("a logout, which revokes at the server")
    this.#tell({ type: "proposed", member: who.at, id, entry })
  }

  /** Most entries name who proposes them: a leader may be heard first. */
  #proposerOf(entry: LogEntry): SimulatedMember | undefined {
    const id =
      entry.type === "turn" || entry.type === "report"
        ? entry.holder
        : entry.type === "result" || entry.type === "login"
          ? entry.pair.by
          : entry.type === "vouch"
            ? entry.member
            : null
    return this.#world().members.find((member) => member.id === id)
  }

  /** Rows that fence an attempt off; the world does not tell when they are written, and nobody acts on them before this. */
  #voids(member: SimulatedMember): void {
    for (const { key, record } of member.disk.content.attempts.values()) {
      const name = `${member.at} ${key.turn}/${key.attempt}`
      if (record.type !== "void" || this.#voided.has(name)) continue
      this.#voided.add(name)
      this.#tell({ type: "row", member: member.at, key: { ...key }, row: "voided" })
    }
  }

  /** New logins, which the world does not tell. */
  #mints(): void {
    const { server } = this.#world()
    for (let family = 1; server.currentOf(family) !== ""; family += 1) {
      const token = server.currentOf(family)
      if (this.#current.has(family)) continue
      this.#current.set(family, token)
      this.#tell({ type: "minted", token })
    }
  }

  // -- trips -----------------------------------------------------------------------------------------------------------

  #carries(sending: Sending): void {
    const { member, key, refreshToken: token } = sending
    this.#flush(member.at)
    this.#voids(member)
    if (key.turn === ALONE) this.#stop("spent alone")
    const go = this.events.length
    this.#trips.set(sending, {
      go,
      open: true,
      left: false,
      claimed: false,
      recorded: false,
      ended: false,
    })
    this.#newest.set(member.at, sending)
    this.#tell({ type: "go", member: member.at, key: { ...key }, token })
  }

  #leaves(sending: Sending): void {
    const trip = this.#trips.get(sending)
    if (trip === undefined) return
    trip.left = true
    trip.ended = true
    const { member, key, refreshToken: token } = sending
    this.#tell({ type: "row", member: member.at, key: { ...key }, row: "claimed" })
    const { scheduler } = this.#world()
    this.#sent.set(token, sending)
    scheduler.schedule(scheduler.nowMs + this.#plan.lateMs + 1, () => {
      if (this.#sent.get(token) === sending) this.#tell({ type: "gone", token })
    })
  }

  #judged(sending: Sending, status: number): void {
    const { member, refreshToken: token } = sending
    const heard = this.#trips.get(sending)?.open ?? false
    this.#tell({
      type: "arrived",
      member: member.at,
      token,
      heard,
      reply: this.#reply(token, status),
    })
  }

  #reply(token: string, status: number): Reply {
    if (status === 429 || status === 503) return { type: "later" }
    const { server } = this.#world()
    this.#mints()
    const family = server.familyOf(token) ?? 0
    const current = server.currentOf(family)
    if (this.#current.get(family) !== current) {
      this.#current.set(family, current)
      return { type: "issued", token: current, clean: status === 200 }
    }
    const { policy } = this.#plan
    const renews = policy.type === "grace" && policy.answers === "new"
    // A server that grants without a new token: the model names each generation by its token.
    if (status >= 500 || (status === 200 && (renews || server.isCurrent(token))))
      this.#stop("a token was kept")
    if (status === 200) return { type: "again" }
    return { type: "refused", revoked: server.isRevoked(family) }
  }

  #ended(sending: Sending, end: SendingEnd): void {
    const trip = this.#trips.get(sending)
    if (trip === undefined) return
    const { member, key } = sending
    trip.open = false
    trip.ended = true
    trip.claimed = !trip.left && this.#rowOf(sending) === "sending"
    if (trip.claimed)
      this.#tell({ type: "row", member: member.at, key: { ...key }, row: "claimed" })
    const how = { unsent: "unsent", answered: "replied", "no-answer": "silent" } as const
    this.#tell({ type: "ended", member: member.at, end: how[end.type] })
    trip.recorded = end.type !== "answered"
    if (end.type !== "answered" || end.refreshToken !== null) return
    const arrival = this.events.findLastIndex(
      (event) => event.type === "arrived" && event.member === member.at,
    )
    const told = this.events[arrival]
    if (told?.type === "arrived" && told.reply.type === "issued")
      this.events[arrival] = { ...told, reply: { ...told.reply, clean: false } }
  }

  #recorded(sending: Sending): void {
    const trip = this.#trips.get(sending)
    if (trip === undefined || trip.recorded) return
    trip.recorded = true
    this.#answered.add(sending)
    this.#tell({ type: "row", member: sending.member.at, key: { ...sending.key }, row: "answered" })
  }

  /** An answer whose record failed, or was the last thing that its courier did. */
  #flush(member: number): void {
    const sending = this.#newest.get(member)
    const trip = sending === undefined ? undefined : this.#trips.get(sending)
    if (sending === undefined || trip === undefined || trip.open || trip.recorded) return
    trip.recorded = true
    const row = this.#rowOf(sending) === "answered" ? "unheard" : "unrecorded"
    if (row === "unheard") this.#answered.add(sending)
    this.#tell({ type: "row", member, key: { ...sending.key }, row })
  }

  #rowOf({ member, key }: Sending): string {
    const rows = [...member.disk.content.attempts.values()]
    const mine = rows.find((row) => row.key.turn === key.turn && row.key.attempt === key.attempt)
    return mine?.record.type ?? "none"
  }
}
