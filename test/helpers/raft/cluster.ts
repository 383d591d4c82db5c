/**
 * A simulated cluster of Raft cores: one virtual clock, a lossy network, slow disks, crashes that lose what was not
 * synced. Performs the effects in the order the contract asks for and shows every step to the safety checker.
 * What happens when is decided by the schedule that drives it.
 */

import { between, below, type Random } from "../../../src/core/base/random.ts"
import { SafetyChecker, printEntry } from "../../../src/core/raft/invariants.ts"
import { applyWrite, genesis } from "../../../src/core/raft/persisted.ts"
import { RaftCore } from "../../../src/core/raft/raft.ts"
import type {
  Config,
  Effects,
  Entry,
  Input,
  NodeId,
  Persisted,
  RaftMessage,
  RaftOptions,
  Settlement,
  Write,
  WriteSeq,
} from "../../../src/core/raft/types.ts"
import { EventQueue } from "./queue.ts"

/** How bad the world is. Chances are per message. */
export interface Weather {
  loss: number
  duplicate: number
  latencyMsMax: number
  writeMsMax: number
  /** A node whose disk takes ten times as long; null for none. */
  slowDisk: NodeId | null
}

export const FAIR: Weather = {
  loss: 0,
  duplicate: 0,
  latencyMsMax: 3,
  writeMsMax: 2,
  slowDisk: null,
}

type Event =
  | {
      readonly type: "deliver"
      readonly from: Node
      readonly fromRun: number
      readonly to: Node
      readonly toRun: number
      readonly message: RaftMessage
    }
  | { readonly type: "written"; readonly node: Node; readonly run: number }
  | { readonly type: "timer"; readonly node: Node; readonly run: number; readonly at: number }

/** What became of one proposal; `run` tells whether its proposer still remembers it. */
export interface Proposal {
  readonly node: Node
  readonly run: number
  result: Settlement | null
}

export interface Node {
  readonly id: NodeId
  core: RaftCore | null
  run: number
  /** What survives a crash. */
  disk: Persisted
  /** What the core believes to be on the disk in the end. */
  memory: Persisted
  /** Asked for and not durable yet, oldest first. */
  writes: Write[]
  written: WriteSeq
  held: { readonly to: NodeId; readonly message: RaftMessage; readonly after: WriteSeq }[]
  timerAt: number | null
  /** The state machine: how far it is, and a hash of all it applied. */
  applied: number
  state: number
}

const TRACE_LINES_MAX = 80

export class Cluster {
  readonly nodes: readonly Node[]
  readonly checker: SafetyChecker
  readonly proposals: Map<string, Proposal> = new Map()
  readonly weather: Weather = { ...FAIR }
  now = 0
  steps = 0
  messages = 0
  hash = 0
  /** Messages pass only between nodes of one side. */
  sides: Map<NodeId, number> = new Map()
  /** The last lines of what happened, if asked for. */
  readonly trace: string[] | null
  readonly #events = new EventQueue<Event>()
  readonly #random: Random
  readonly #options: Omit<RaftOptions, "self">
  /** The state machine's hash after each index, as the first to get there computed it. */
  readonly #states = new Map<number, number>()
  readonly #byId: ReadonlyMap<NodeId, Node>

  constructor(
    ids: readonly NodeId[],
    config: Config,
    options: Omit<RaftOptions, "self">,
    random: Random,
    trace: boolean,
  ) {
    this.#random = random
    this.#options = options
    this.trace = trace ? [] : null
    this.nodes = ids.map((id) => newNode(id, genesis(config, encode(0))))
    this.#byId = new Map(this.nodes.map((node) => [node.id, node]))
    this.checker = new SafetyChecker((id) => this.#node(id).disk)
    for (const node of this.nodes) this.start(node)
  }

  #node(id: NodeId): Node {
    const node = this.#byId.get(id)
    if (node === undefined) throw new Error(`no node ${id}`)
    return node
  }

  /** Runs until `at`, event by event, in order. */
  runUntil(at: number): void {
    for (let next = this.#events.pop(); next !== undefined; next = this.#events.pop()) {
      if (next.at > at) {
        this.#events.push(next.at, next.value)
        break
      }
      this.now = next.at
      this.#happen(next.value)
    }
    this.now = at
  }

  start(node: Node): void {
    node.run += 1
    node.memory = node.disk
    node.applied = node.disk.snapshot.index
    node.state = decode(node.disk.snapshot.data)
    this.#checkState(node)
    const options = { ...this.#options, self: node.id }
    node.core = RaftCore.open(node.disk, options, this.#random, this.now)
    this.#note(node, 1, "starts")
    this.step(node, { type: "wake" })
  }

  /** The process dies; of the writes under way a random part had reached the disk, oldest first. */
  crash(node: Node): void {
    const reached = below(this.#random, node.writes.length + 1)
    for (const write of node.writes.slice(0, reached)) node.disk = applyWrite(node.disk, write)
    node.core = null
    node.writes = []
    node.written = 0
    node.held = []
    node.timerAt = null
    this.#note(node, 2, "crashes")
  }

  propose(node: Node, id: string): void {
    if (node.core === null) return
    this.proposals.set(id, { node, run: node.run, result: null })
    this.step(node, { type: "propose", id, data: new Uint8Array(1) })
  }

  changeConfig(node: Node, id: string, config: Config): void {
    this.proposals.set(id, { node, run: node.run, result: null })
    this.step(node, { type: "change-config", id, config })
  }

  compact(node: Node): void {
    this.step(node, { type: "compact", index: node.applied, data: encode(node.state) })
  }

  step(node: Node, input: Input): void {
    if (node.core === null) return
    this.steps += 1
    const effects = node.core.step(input, this.now)
    const status = node.core.status(this.now)
    if (effects.write !== null) this.#write(node, effects.write)
    this.#note(node, 3 + status.term * 16 + status.commit, describe(input), status.role)
    this.checker.observe({ status, run: node.run, memory: node.memory })
    for (const send of effects.send) this.#send(node, send)
    this.#apply(node, effects)
    for (const { id, result, index } of effects.settled) this.#settled(node, id, result, index)
    this.#arm(node, effects.nextWakeAt)
  }

  #write(node: Node, write: Write): void {
    node.memory = applyWrite(node.memory, write)
    node.writes.push(write)
    const slow = this.weather.slowDisk === node.id ? 10 : 1
    const at = this.now + between(this.#random, 0, this.weather.writeMsMax * slow)
    this.#events.push(at, { type: "written", node, run: node.run })
  }

  #send(node: Node, send: Node["held"][number]): void {
    if (send.after > node.written) node.held.push(send)
    else this.#release(node, send.to, send.message)
  }

  #release(from: Node, toId: NodeId, message: RaftMessage): void {
    this.checker.released(from.id, toId, message)
    const to = this.#node(toId)
    this.messages += 1
    const copies = this.#random() < this.weather.duplicate ? 2 : 1
    for (let copy = 0; copy < copies; copy += 1) {
      if (this.#random() < this.weather.loss) continue
      const at = this.now + between(this.#random, 0.1, this.weather.latencyMsMax)
      this.#events.push(at, {
        type: "deliver",
        from,
        fromRun: from.run,
        to,
        toRun: to.run,
        message,
      })
    }
  }

  #happen(event: Event): void {
    switch (event.type) {
      case "deliver": {
        const { from, to, message } = event
        // A connection ends with its process, so a forwarded proposal never meets the next run of its receiver.
        const forwarded = message.type === "forward" || message.type === "forward-response"
        if (forwarded && event.toRun !== to.run) return
        if ((this.sides.get(from.id) ?? 0) !== (this.sides.get(to.id) ?? 0)) return
        this.step(to, { type: "message", from: from.id, message })
        break
      }
      case "written":
        if (event.run === event.node.run && event.node.core !== null) this.#written(event.node)
        break
      case "timer":
        if (event.run !== event.node.run || event.node.timerAt !== event.at) return
        event.node.timerAt = null
        this.step(event.node, { type: "wake" })
        break
      default:
        return event satisfies never
    }
  }

  /** The disk works in order: whichever write's time has come, the oldest is done. */
  #written(node: Node): void {
    const write = node.writes.shift()
    if (write === undefined) return
    node.disk = applyWrite(node.disk, write)
    node.written = write.seq
    this.step(node, { type: "written", seq: write.seq })
    const free = node.held.filter(({ after }) => after <= node.written)
    node.held = node.held.filter(({ after }) => after > node.written)
    for (const { to, message } of free) this.#release(node, to, message)
  }

  #apply(node: Node, effects: Effects): void {
    if (effects.restore !== null) {
      node.applied = effects.restore.index
      node.state = decode(effects.restore.data)
      this.#checkState(node)
    }
    for (const entry of effects.apply) {
      if (entry.index !== node.applied + 1) {
        throw new Error(`${node.id} applies ${entry.index} after ${node.applied}`)
      }
      this.checker.applied(node.id, entry)
      node.applied = entry.index
      node.state = mix(node.state, entry)
      this.#checkState(node)
    }
  }

  /** State machine safety through snapshots: the same index, the same state. */
  #checkState(node: Node): void {
    const known = this.#states.get(node.applied) ?? node.state
    if (known !== node.state) throw new Error(`${node.id} has another state at ${node.applied}`)
    this.#states.set(node.applied, node.state)
  }

  #settled(node: Node, id: string, result: Settlement, index: number | null): void {
    const proposal = this.proposals.get(id)
    if (proposal === undefined || proposal.node !== node || proposal.run !== node.run) {
      throw new Error(`${node.id} settles ${id}, which it was not asked`)
    }
    if (proposal.result !== null) throw new Error(`${id} is settled twice`)
    proposal.result = result
    if (result !== "committed") return
    const print = this.checker.committed(index ?? 0) ?? "nothing"
    const right = print.endsWith(` ${id}`) || print.includes("|")
    if (!right) throw new Error(`${id} was called committed, but ${index} is ${print}`)
  }

  #arm(node: Node, at: number | null): void {
    if (at === node.timerAt) return
    node.timerAt = at
    if (at !== null) {
      const due = Math.max(at, this.now)
      node.timerAt = due
      this.#events.push(due, { type: "timer", node, run: node.run, at: due })
    }
  }

  #note(node: Node, code: number, what: string, role = ""): void {
    const where = this.nodes.indexOf(node)
    this.hash =
      (Math.imul(this.hash ^ (code * 8 + where), 0x01000193) + Math.floor(this.now * 64)) >>> 0
    if (this.trace === null) return
    this.trace.push(`${this.now.toFixed(1)} ${node.id}.${node.run} ${role} ${what}`)
    if (this.trace.length > TRACE_LINES_MAX) this.trace.shift()
  }
}

function newNode(id: NodeId, disk: Persisted): Node {
  return {
    id,
    core: null,
    run: 0,
    disk,
    memory: disk,
    writes: [],
    written: 0,
    held: [],
    timerAt: null,
    applied: 0,
    state: 0,
  }
}

function describe(input: Input): string {
  return input.type === "message"
    ? `< ${input.from} ${JSON.stringify(input.message)}`
    : JSON.stringify(input)
}

function mix(state: number, entry: Entry): number {
  let mixed = state
  for (const char of printEntry(entry))
    mixed = Math.imul(mixed ^ (char.codePointAt(0) ?? 0), 0x01000193)
  return mixed >>> 0
}

function encode(state: number): Uint8Array {
  return new Uint8Array([state >>> 24, state >>> 16, state >>> 8, state].map((byte) => byte & 255))
}

function decode(data: Uint8Array): number {
  return data.reduce((state, byte) => ((state << 8) | byte) >>> 0, 0)
}
