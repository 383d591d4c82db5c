/**
 * One seed, one history: a cluster of one to five nodes lives through a random amount of loss, delay, repetition,
 * partitions, crashes, slow disks, compaction, transfers and membership changes, and is checked after every step.
 * Then the world is repaired and the cluster must serve again. The same seed gives the same history.
 */

import { below, between, seededRandom, type Random } from "../../../src/core/base/random.ts"
import { sortedConfig } from "../../../src/core/raft/membership.ts"
import type { Config, NodeId } from "../../../src/core/raft/types.ts"
import { Cluster, FAIR, type Node } from "./cluster.ts"

const ELECTION_MS = 100
const OPTIONS = { electionMs: ELECTION_MS, heartbeatMs: 30, appendBytesMax: 200, pendingMax: 8 }
/** Names in no useful order, so that nothing can lean on it. */
const NAMES: readonly NodeId[] = ["delta", "alpha", "echo", "bravo", "charlie"]

export interface FuzzResult {
  readonly seed: number
  /** Of everything that happened. */
  readonly hash: number
  readonly steps: number
  readonly messages: number
  readonly committed: number
}

/** @throws {Error} naming the seed, the broken rule and, with `trace`, the last steps before it. */
export function fuzz(seed: number, trace = false): FuzzResult {
  const random = seededRandom(seed)
  const cluster = newCluster(random, trace)
  try {
    chaos(cluster, random)
    heal(cluster)
    const committed = serve(cluster, random)
    return { seed, hash: cluster.hash, steps: cluster.steps, messages: cluster.messages, committed }
  } catch (error) {
    const lines = cluster.trace === null ? "" : `\n${cluster.trace.join("\n")}`
    const what = error instanceof Error ? error.message : String(error)
    throw new Error(`seed=${seed} step=${cluster.steps}: ${what}${lines}`, { cause: error })
  }
}

function newCluster(random: Random, trace: boolean): Cluster {
  const size = pick(random, [1, 2, 3, 3, 4, 5, 5])
  const ids = NAMES.slice(0, size)
  // Some start as learners or outside, so that membership has somewhere to go.
  const voters = Math.max(1, size - pick(random, [0, 0, 1, 2]))
  const learners = below(random, size - voters + 1)
  const config = sortedConfig({
    voters: ids.slice(0, voters),
    learners: ids.slice(voters, voters + learners),
  })
  return new Cluster(ids, config, OPTIONS, random, trace)
}

interface Plan {
  readonly crashes: number
  readonly partitions: number
  readonly proposals: number
  readonly changes: number
  readonly compactions: number
  readonly oddities: number
  readonly isolations: number
}

function chaos(cluster: Cluster, random: Random): void {
  const { weather } = cluster
  weather.loss = random() < 0.5 ? 0 : between(random, 0, 0.3)
  weather.duplicate = random() < 0.5 ? 0 : between(random, 0, 0.3)
  weather.latencyMsMax = pick(random, [2, 10, 40, 150])
  weather.writeMsMax = pick(random, [1, 5, 30, 120])
  weather.slowDisk = random() < 0.6 ? null : pick(random, cluster.nodes).id
  const plan: Plan = {
    crashes: pick(random, [0, 1, 3, 8]),
    partitions: pick(random, [0, 1, 4]),
    proposals: pick(random, [4, 12]),
    changes: pick(random, [0, 0, 1, 3]),
    compactions: pick(random, [0, 1, 3]),
    oddities: pick(random, [0, 1, 2]),
    isolations: pick(random, [0, 1, 3]),
  }
  const total = Object.values(plan).reduce((sum, weight) => sum + weight, 0)
  const until = between(random, 1000, 5000)
  for (let n = 0; cluster.now < until; n += 1) {
    cluster.runUntil(cluster.now + between(random, 0, pick(random, [5, 30, 60])))
    disturb(cluster, random, plan, random() * total, n)
  }
}

function disturb(cluster: Cluster, random: Random, plan: Plan, draw: number, n: number): void {
  const node = pick(random, cluster.nodes)
  let left = draw
  if ((left -= plan.crashes) < 0) {
    const alive = node.core !== null
    if (alive) cluster.crash(node)
    if (!alive || random() < 0.5) cluster.start(node)
  } else if ((left -= plan.partitions) < 0) {
    cluster.sides = new Map(
      random() < 0.4 ? [] : cluster.nodes.map(({ id }) => [id, below(random, 2)]),
    )
  } else if ((left -= plan.proposals) < 0) {
    if (node.core !== null) cluster.propose(node, `p${n}`)
  } else if ((left -= plan.changes) < 0) {
    change(cluster, random, `c${n}`)
  } else if ((left -= plan.compactions) < 0) {
    cluster.compact(node)
  } else if ((left -= plan.isolations) < 0) {
    isolate(cluster, random, n)
  } else {
    surprise(cluster, random, node)
  }
}

/**
 * The road to figure 8: a leader is cut off and goes on taking proposals, so that a long log of an old term meets a
 * short one of a newer term. Sometimes the newest leader dies at the moment they meet.
 */
function isolate(cluster: Cluster, random: Random, n: number): void {
  const old = leader(cluster)
  if (old === undefined) return
  if (random() < 0.3) cluster.weather.slowDisk = old.id
  cluster.sides = new Map([[old.id, 2]])
  if (random() < 0.2) change(cluster, random, `x${n}`)
  proposeSome(cluster, random, old, `o${n}`)
  cluster.runUntil(cluster.now + between(random, ELECTION_MS, 5 * ELECTION_MS))
  const newest = leader(cluster)
  if (newest !== undefined && newest !== old) {
    proposeSome(cluster, random, newest, `n${n}`)
    if (random() < 0.5) cluster.runUntil(cluster.now + between(random, 0, ELECTION_MS))
    if (random() < 0.4) cluster.compact(newest)
    if (random() < 0.4) cluster.crash(newest)
  }
  if (random() < 0.8) cluster.sides = new Map()
}

function proposeSome(cluster: Cluster, random: Random, node: Node, id: string): void {
  const count = below(random, 5)
  for (let i = 0; i < count; i += 1) cluster.propose(node, `${id}.${i}`)
}

function surprise(cluster: Cluster, random: Random, node: Node): void {
  const other = pick(random, cluster.nodes)
  switch (below(random, 5)) {
    case 0:
      cluster.step(node, { type: "transfer", to: random() < 0.5 ? other.id : undefined })
      break
    case 1:
      cluster.step(node, { type: "resumed" })
      break
    case 2:
      cluster.step(node, { type: "wake" })
      break
    default:
      cluster.step(node, { type: "peer", id: other.id, up: random() < 0.5 })
  }
}

/** One random step, asked of every node that believes to lead. */
function change(cluster: Cluster, random: Random, id: string): void {
  const subject = pick(random, cluster.nodes).id
  for (const node of cluster.nodes) {
    const status = node.core?.status(cluster.now)
    if (status?.role !== "leader") continue
    const config = moved(status.config, subject, below(random, 3))
    // Now and then a second voter moves too, which must be refused.
    const second = pick(random, cluster.nodes).id
    const wanted = random() < 0.2 ? moved(config, second, below(random, 3)) : config
    cluster.changeConfig(node, `${id}${node.id}`, wanted)
  }
}

function moved(config: Config, subject: NodeId, where: number): Config {
  const voters = config.voters.filter((id) => id !== subject)
  const learners = config.learners.filter((id) => id !== subject)
  if (where === 0 || voters.length === 0)
    return sortedConfig({ voters: [...voters, subject], learners })
  if (where === 1) return sortedConfig({ voters, learners: [...learners, subject] })
  return { voters, learners }
}

function heal(cluster: Cluster): void {
  const { writeMsMax, latencyMsMax } = cluster.weather
  Object.assign(cluster.weather, FAIR)
  cluster.sides = new Map()
  for (const node of cluster.nodes) {
    if (node.core === null) cluster.start(node)
  }
  // Connections come back, and the transport says so.
  for (const node of cluster.nodes) {
    for (const { id } of cluster.nodes) cluster.step(node, { type: "peer", id, up: true })
  }
  // What the bad weather had under way takes its time.
  cluster.runUntil(cluster.now + Math.max(latencyMsMax, 10 * writeMsMax))
}

/** With the world repaired a proposal commits, and everybody who belongs gets it. Returns how far the log got. */
function serve(cluster: Cluster, random: Random): number {
  let attempt = 0
  let goal: number | null = null
  for (; goal === null; attempt += 1) {
    if (attempt > 60) throw new Error("liveness: nothing commits in a healthy cluster")
    const id = `final${attempt}`
    cluster.propose(pick(random, cluster.nodes), id)
    cluster.runUntil(cluster.now + ELECTION_MS / 2)
    if (cluster.proposals.get(id)?.result === "committed") goal = leader(cluster)?.applied ?? null
  }
  cluster.runUntil(cluster.now + 4 * ELECTION_MS)
  const head = leader(cluster)
  if (head === undefined) throw new Error("liveness: the leader is gone without a reason")
  const config = head.core?.status(cluster.now).config
  for (const node of cluster.nodes) {
    const member = config?.voters.includes(node.id) || config?.learners.includes(node.id)
    if (member && node.applied < goal) throw new Error(`liveness: ${node.id} stays behind`)
  }
  checkProposals(cluster)
  checkQuiet(cluster, head)
  return head.applied
}

function leader(cluster: Cluster): Node | undefined {
  const leading = cluster.nodes.filter((node) => node.core?.status(cluster.now).role === "leader")
  const term = (node: Node): number => node.core?.status(cluster.now).term ?? 0
  return leading.toSorted((a, b) => term(b) - term(a))[0]
}

/** Whoever still runs learned what became of its proposals, and nothing that was refused is in the log. */
function checkProposals(cluster: Cluster): void {
  const committed = new Set<string>()
  for (let index = 1; ; index += 1) {
    const print = cluster.checker.committed(index)
    if (print === undefined) break
    committed.add(print.split(" ")[1] ?? "")
  }
  for (const [id, { node, run, result }] of cluster.proposals) {
    if (result === null && node.run === run) throw new Error(`${node.id} never settled ${id}`)
    if (result === "refused" && committed.has(id))
      throw new Error(`${id} was refused, and committed`)
  }
}

/** A lone voter with nothing left to tell has no timer. */
function checkQuiet(cluster: Cluster, head: Node): void {
  const config = head.core?.status(cluster.now).config
  if (config?.voters.length === 1 && head.timerAt !== null) {
    throw new Error(`${head.id} is alone and still awake`)
  }
}

function pick<T>(random: Random, items: readonly T[]): T {
  const item = items[below(random, items.length)]
  if (item === undefined) throw new Error("nothing to pick from")
  return item
}
