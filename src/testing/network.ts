/**
 * A network in one process and in virtual time: decides which message arrives, when, how often and in what order, and
 * what members notice of a broken connection. Messages pass the real wire code. What the messages mean is not looked at.
 */

import { between, type Random } from "../core/base/random.ts"
import type { MemberId } from "../core/refresh/types.ts"
import type { Transport, TransportHandlers, WireMessage } from "../ports/transport.ts"
import { FrameError } from "../wire/errors.ts"
import { decodeMessage, encodeMessage } from "../wire/messages.ts"
import type { Scheduler } from "./clock.ts"
import { type Faults, FAULTLESS, type NetworkFaults, withFaults } from "./faults.ts"
import { topology } from "./topology.ts"

export interface SimulatedNetworkOptions {
  /** Messages under way per direction; more are dropped. @defaultValue 1_024 */
  readonly queueMax?: number | undefined
  /** Every how-manieth message is encoded and decoded; 0: none, for speed. @defaultValue 1 */
  readonly codecEvery?: number | undefined
  /** Sees the bytes of every message that is encoded. */
  readonly observeBytes?: ((bytes: Uint8Array) => void) | undefined
  /** Sees every message that is handed to the network. */
  readonly observe?: ((from: MemberId, to: MemberId, message: WireMessage) => void) | undefined
}

export interface SimulatedTransportOptions {
  /** Members of different clusters refuse each other. @defaultValue "cluster" */
  readonly clusterId?: string | undefined
  /** Who is admitted. @defaultValue everybody */
  readonly approved?: readonly MemberId[] | undefined
}

export interface NetworkCounts {
  readonly sent: number
  readonly delivered: number
  readonly dropped: number
}

export interface SimulatedNetwork {
  /** A transport for one life of a member; a new one after a crash takes its place. */
  transport(self: MemberId, options?: SimulatedTransportOptions): Transport
  /** Nothing passes from `from` to `to` any more; the other way still does. */
  cut(from: MemberId, to: MemberId): void
  /** Ends one cut, or all cuts and partitions. */
  heal(from?: MemberId, to?: MemberId): void
  /** Members of different groups cannot talk; whoever is in no group is alone. */
  partition(groups: readonly (readonly MemberId[])[]): void
  /** The process is gone at once, without a word; peers notice as `noticeMs` says. */
  crash(id: MemberId): void
  /** The process is frozen: what arrives is kept, in bounds, until {@link SimulatedNetwork.resume}. */
  suspend(id: MemberId): void
  resume(id: MemberId): void
  /** Merges into the faults in force. */
  setFaults(faults: NetworkFaults): void
  readonly counts: NetworkCounts
}

interface Node {
  readonly self: MemberId
  readonly clusterId: string
  readonly approved: ReadonlySet<MemberId> | null
  handlers: TransportHandlers | null
  /** Connected peers, each with the {@link Pair.connection} that this member believes in. */
  readonly up: Map<MemberId, number>
}

/** The connection between two members. */
interface Pair {
  /** Advances when it breaks: what was under way then never arrives, and whoever believes in the old one must notice. */
  connection: number
}

/** One direction of a pair of members. */
interface Line {
  readonly pair: Pair
  underWay: number
  /** When the newest orderly message arrives. */
  lastAtMs: number
  notice: (() => void) | null
}

/** @param random the only source of chance: the same seed gives the same run. */
export function simulatedNetwork(
  scheduler: Scheduler,
  random: Random,
  faults: NetworkFaults = {},
  options: SimulatedNetworkOptions = {},
): SimulatedNetwork {
  const network = new Network(scheduler, random, options)
  network.setFaults(faults)
  return network
}

class Network implements SimulatedNetwork {
  readonly counts: { sent: number; delivered: number; dropped: number } = {
    sent: 0,
    delivered: 0,
    dropped: 0,
  }
  readonly #scheduler: Scheduler
  readonly #random: Random
  readonly #queueMax: number
  readonly #codecEvery: number
  readonly #observe: SimulatedNetworkOptions["observe"]
  readonly #observeBytes: SimulatedNetworkOptions["observeBytes"]
  readonly #nodes = new Map<MemberId, Node>()
  /** By sender, then by receiver: looked up for every message. */
  readonly #lines = new Map<MemberId, Map<MemberId, Line>>()
  readonly #topology = topology()
  readonly #suspended = new Map<MemberId, (() => void)[]>()
  #faults: Faults = FAULTLESS

  constructor(scheduler: Scheduler, random: Random, options: SimulatedNetworkOptions) {
    this.#scheduler = scheduler
    this.#random = random
    this.#queueMax = options.queueMax ?? 1_024
    this.#codecEvery = options.codecEvery ?? 1
    this.#observe = options.observe
    this.#observeBytes = options.observeBytes
  }

  transport(self: MemberId, options: SimulatedTransportOptions = {}): Transport {
    const node: Node = {
      self,
      clusterId: options.clusterId ?? "cluster",
      approved: options.approved === undefined ? null : new Set(options.approved),
      handlers: null,
      up: new Map(),
    }
    return {
      start: (handlers) => {
        node.handlers = handlers
        const earlier = this.#nodes.get(self)
        if (earlier !== undefined) this.#vanish(earlier, false)
        this.#nodes.set(self, node)
        this.#reviewAll(self)
        return Promise.resolve()
      },
      send: (to, message) => this.#send(node, to, message),
      addresses: () => [`/memory/${self}`],
      kick: () => this.#reviewAll(self),
      close: () => {
        this.#vanish(node, true)
        return Promise.resolve()
      },
    }
  }

  cut(from: MemberId, to: MemberId): void {
    this.#topology.cut(from, to)
    this.#review(from, to)
  }

  heal(from?: MemberId, to?: MemberId): void {
    if (from !== undefined && to !== undefined) {
      this.#topology.heal(from, to)
      this.#review(from, to)
      return
    }
    this.#topology.healAll()
    this.#reviewEverybody()
  }

  partition(groups: readonly (readonly MemberId[])[]): void {
    this.#topology.partition(groups)
    this.#reviewEverybody()
  }

  crash(id: MemberId): void {
    const node = this.#nodes.get(id)
    if (node !== undefined) this.#vanish(node, false)
  }

  suspend(id: MemberId): void {
    if (!this.#suspended.has(id)) this.#suspended.set(id, [])
  }

  resume(id: MemberId): void {
    const kept = this.#suspended.get(id) ?? []
    this.#suspended.delete(id)
    // One by one: between two messages a process does what the first one made it promise.
    for (const deliver of kept) this.#scheduler.schedule(this.#scheduler.nowMs, deliver)
  }

  setFaults(faults: NetworkFaults): void {
    this.#faults = withFaults(this.#faults, faults)
  }

  #send(node: Node, to: MemberId, message: WireMessage): void {
    if (node.handlers === null) return
    this.counts.sent += 1
    this.#observe?.(node.self, to, message)
    const line = this.#line(node.self, to)
    const { connection } = line.pair
    const lost = this.#random() < this.#faults.loss
    const full = line.underWay >= this.#queueMax
    if (lost || full || node.up.get(to) !== connection || !this.#topology.open(node.self, to)) {
      this.counts.dropped += 1
      return
    }
    const encodes = this.#codecEvery > 0 && this.counts.sent % this.#codecEvery === 0
    const packed = encodes ? packedOrNull(message) : null
    if (encodes && packed === null) {
      this.counts.dropped += 1
      return
    }
    if (packed !== null) this.#observeBytes?.(packed)
    const read = (): WireMessage => (packed === null ? message : decodeMessage(packed))
    const copies = this.#random() < this.#faults.duplication ? 2 : 1
    for (let copy = 0; copy < copies; copy += 1) {
      const orderly = this.#random() >= this.#faults.reorder
      let atMs = this.#scheduler.nowMs + this.#draw(this.#faults.delayMs)
      if (orderly) atMs = line.lastAtMs = Math.max(atMs, line.lastAtMs)
      line.underWay += 1
      this.#scheduler.schedule(atMs, () => {
        line.underWay -= 1
        this.#arrive(node.self, to, connection, read)
      })
    }
  }

  #arrive(from: MemberId, to: MemberId, connection: number, read: () => WireMessage): void {
    const broken = this.#pair(from, to).connection !== connection
    const node = this.#nodes.get(to)
    if (broken || node === undefined || !this.#topology.open(from, to)) {
      this.counts.dropped += 1
      return
    }
    // The sender's hello came before its message.
    if (node.up.get(from) !== connection) this.#notice(to, from)
    this.#hand(node, () => {
      if (node.up.get(from) !== connection) return
      this.counts.delivered += 1
      node.handlers?.message(from, read())
    })
  }

  /** Runs it now, or when a frozen process goes on. */
  #hand(node: Node, event: () => void): void {
    const kept = this.#suspended.get(node.self)
    if (kept === undefined) event()
    else if (kept.length < this.#queueMax) kept.push(event)
    else this.counts.dropped += 1
  }

  #vanish(node: Node, orderly: boolean): void {
    node.handlers = null
    node.up.clear()
    if (this.#nodes.get(node.self) !== node) return
    this.#nodes.delete(node.self)
    this.#suspended.delete(node.self)
    for (const other of this.#nodes.keys()) {
      this.#pair(node.self, other).connection += 1
      // A closing or dying process says so, by FIN or RST; a machine that is gone does not.
      if (!this.#faults.silent || orderly) this.#plan(other, node.self)
    }
  }

  #reviewEverybody(): void {
    for (const id of this.#nodes.keys()) this.#reviewAll(id)
  }

  #reviewAll(id: MemberId): void {
    for (const other of this.#nodes.keys()) if (other !== id) this.#review(id, other)
  }

  /** Plans what each of two members will notice of the state of their connection. */
  #review(a: MemberId, b: MemberId): void {
    this.#plan(a, b)
    this.#plan(b, a)
  }

  #plan(self: MemberId, peer: MemberId): void {
    const line = this.#line(self, peer)
    line.notice?.()
    const atMs = this.#scheduler.nowMs + this.#draw(this.#faults.noticeMs)
    line.notice = this.#scheduler.schedule(atMs, () => this.#notice(self, peer))
  }

  #notice(self: MemberId, peer: MemberId): void {
    const node = this.#nodes.get(self)
    if (node === undefined) return
    const pair = this.#pair(self, peer)
    const known = node.up.get(peer)
    if (this.#connected(self, peer)) {
      if (known === pair.connection) return
      const { connection } = pair
      this.#hand(node, () => {
        if (node.up.delete(peer)) node.handlers?.peer(peer, false)
        node.up.set(peer, connection)
        node.handlers?.peer(peer, true)
      })
      return
    }
    if (known === undefined) return
    if (known === pair.connection) {
      // One open direction keeps a connection standing: the loss of the other shows only as silence.
      if (this.#faults.silent || this.#topology.open(self, peer) || this.#topology.open(peer, self))
        return
      pair.connection += 1
      this.#plan(peer, self)
    }
    this.#hand(node, () => {
      if (node.up.delete(peer)) node.handlers?.peer(peer, false)
    })
  }

  /** True when a hello can be exchanged: both live, both approve, both directions open. */
  #connected(a: MemberId, b: MemberId): boolean {
    const left = this.#nodes.get(a)
    const right = this.#nodes.get(b)
    if (left === undefined || right === undefined) return false
    if (left.clusterId !== right.clusterId) return false
    if (left.approved?.has(b) === false || right.approved?.has(a) === false) return false
    return this.#topology.open(a, b) && this.#topology.open(b, a)
  }

  #pair(a: MemberId, b: MemberId): Pair {
    return this.#line(a, b).pair
  }

  #line(from: MemberId, to: MemberId): Line {
    const known = this.#lines.get(from)?.get(to)
    if (known !== undefined) return known
    const pair = this.#lines.get(to)?.get(from)?.pair ?? { connection: 0 }
    const line: Line = { pair, underWay: 0, lastAtMs: 0, notice: null }
    let lines = this.#lines.get(from)
    if (lines === undefined) {
      lines = new Map()
      this.#lines.set(from, lines)
    }
    lines.set(to, line)
    return line
  }

  #draw(range: readonly [number, number]): number {
    return between(this.#random, range[0], range[1])
  }
}

/** Null when it fits no frame. */
function packedOrNull(message: WireMessage): Uint8Array | null {
  try {
    return encodeMessage(message)
  } catch (error) {
    if (error instanceof FrameError) return null
    throw error
  }
}
