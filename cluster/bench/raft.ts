/**
 * How many proposals a second three cores commit in one process, with stores that keep nothing: what Raft itself costs.
 *
 * Usage: node cluster/bench/raft.ts [--seconds 2] [--nodes 3] [--batch 1]
 */

import { parseArgs } from "node:util"
import { seededRandom } from "../../src/core/base/random.ts"
import { genesis } from "../../src/core/raft/persisted.ts"
import { RaftCore } from "../../src/core/raft/raft.ts"
import type { Effects, Input, NodeId } from "../../src/core/raft/types.ts"

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "2" },
    nodes: { type: "string", default: "3" },
    batch: { type: "string", default: "1" },
  },
})
const BATCH = Number(values.batch)
const COMPACT_EVERY = 1000
const NO_DATA = new Uint8Array()

interface Delivery {
  readonly to: NodeId
  readonly input: Input
}

const ids = Array.from({ length: Number(values.nodes) }, (_, i) => `n${i}`)
const disk = genesis({ voters: ids, learners: [] }, NO_DATA)
const pace = { electionMs: 1000, heartbeatMs: 300, appendBytesMax: 65_536, pendingMax: BATCH }
const cores = new Map<NodeId, RaftCore>()
for (const [seed, self] of ids.entries()) {
  cores.set(self, RaftCore.open(disk, { ...pace, self }, seededRandom(seed), 0))
}
let queue: Delivery[] = []
let steps = 0
let committed = 0

function step(id: NodeId, input: Input, now: number): void {
  const core = cores.get(id)
  if (core === undefined) return
  steps += 1
  const effects: Effects = core.step(input, now)
  for (const { to, message } of effects.send) {
    queue.push({ to, input: { type: "message", from: id, message } })
  }
  if (effects.write !== null) step(id, { type: "written", seq: effects.write.seq }, now)
  for (const { result } of effects.settled) if (result === "committed") committed += 1
  const last = effects.apply.at(-1)
  if (last !== undefined && last.index % COMPACT_EVERY < effects.apply.length) {
    step(id, { type: "compact", index: last.index, data: NO_DATA }, now)
  }
}

function settle(now: number): void {
  while (queue.length > 0) {
    const batch = queue
    queue = []
    for (const { to, input } of batch) step(to, input, now)
  }
}

step("n0", { type: "wake" }, 0)
step("n0", { type: "wake" }, 2000)
settle(2000)

const data = new Uint8Array(64)
const start = performance.now()
const end = start + 1000 * Number(values.seconds)
for (let n = 0; performance.now() < end;) {
  for (let i = 0; i < BATCH; i += 1, n += 1) {
    step("n0", { type: "propose", id: `p${n}`, data }, 2000)
  }
  settle(2000)
}
const seconds = (performance.now() - start) / 1000
const rate = Math.round(committed / seconds)
const stepRate = Math.round(steps / seconds)
process.stdout.write(`${rate} proposals/s, ${stepRate} steps/s (n=${ids.length}, batch ${BATCH})\n`)
