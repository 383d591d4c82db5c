/**
 * What befalls the cluster, drawn: the same seed and round give the same faults, aimed at the same steps. Decides nothing about
 * how a fault is made, nor which step it hits in the end: the machine has its own pace.
 */

import { below, between, type Random, seededRandom } from "../../src/core/base/random.ts"
import { pick } from "../../src/testing/pick.ts"

/** Of a refresh, in order. */
export const STEPS = [
  "idle",
  "agreeing",
  "connecting",
  "posting",
  "answered",
  "replicating",
  "after",
] as const
export type Step = (typeof STEPS)[number]

export type Fault =
  /** group: all that the host started in its own group. profile: host and guests. machine: its couriers, too. */
  | {
      readonly type: "kill"
      readonly what: "host" | "guest" | "courier" | "group" | "profile" | "machine"
    }
  | { readonly type: "stop"; readonly what: "host" | "courier"; readonly forMs: number }
  /** The wall clock of all processes of a profile. */
  | { readonly type: "clock"; readonly offMs: number; readonly forMs: number }
  /** Between one member and the others. out, back: what it sends, or what is sent to it, is swallowed. */
  | {
      readonly type: "members"
      readonly how: "cut" | "hole" | "out" | "back" | "slow"
      readonly forMs: number
    }
  /**
   * Between all members and the server. reset: what is connected breaks, and whoever tries again gets through. drop: the answer
   * under way is lost.
   */
  | {
      readonly type: "server"
      readonly how: "cut" | "reset" | "hole" | "drop"
      readonly forMs: number
    }
  | { readonly type: "disk"; readonly forMs: number }

export interface Strike {
  readonly fault: Fault
  readonly aim: Step
  /** After the beginning of that step, in ms. */
  readonly afterMs: number
  /** At whom: the member that refreshes, or one by its number. */
  readonly whom: "holder" | number
}

export interface Round {
  readonly number: number
  /** The server's own time, in ms: before it commits, and before it answers. */
  readonly delayBeforeCommitMs: number
  readonly delayAfterCommitMs: number
  /** Between members, in ms, each way. */
  readonly linkMs: number
  /** Which processes ask for a newer token, by number; and so many more when the first faults are over. */
  readonly askers: readonly number[]
  readonly strikes: readonly Strike[]
}

const FOR_MS = { min: 300, max: 4_000 }
/** A go that a courier takes up after 5 s is refused: some stops are longer. */
const STOP_MS_MAX = 6_500
const DAY_MS = 86_400_000

/** What the rounds aim at, in turn: most that can be lost is lost while the request is at the server. */
const AIMS: readonly Step[] = [...STEPS, "posting"]
/** So many of the faults that are aimed at a request at the server are the server's own. */
const SERVER_SHARE = 0.25

/** How long after its beginning a step is struck, at most, in ms. */
const WITHIN_MS: Readonly<Record<Step, number>> = {
  idle: 60,
  agreeing: 15,
  connecting: 25,
  posting: 250,
  answered: 12,
  replicating: 12,
  after: 200,
}

/** @param hasDisk whether a disk can be filled. */
export function planOf(seed: number, number: number, seats: number, hasDisk: boolean): Round {
  const random = seededRandom(Math.imul(seed, 0x9e3779b1) + number)
  // The first draws of neighbouring seeds are alike.
  for (let at = 0; at < 4; at += 1) random()
  const first = strike(random, AIMS[number % AIMS.length] ?? "idle", hasDisk)
  const second = strike(random, pick(random, STEPS), hasDisk)
  return {
    number,
    delayBeforeCommitMs: Math.round(between(random, 20, 400)),
    delayAfterCommitMs: Math.round(between(random, 0, 60)),
    linkMs: random() < 0.5 ? 0 : Math.round(between(random, 1, 40)),
    askers: Array.from({ length: 1 + below(random, 3) }, () => below(random, seats)),
    strikes: random() < 0.4 ? [first, second] : [first],
  }
}

function strike(random: Random, aim: Step, hasDisk: boolean): Strike {
  return {
    fault: fault(random, aim, hasDisk),
    aim,
    afterMs: Math.round(random() * WITHIN_MS[aim]),
    whom: random() < 0.7 ? "holder" : below(random, 3),
  }
}

function fault(random: Random, aim: Step, hasDisk: boolean): Fault {
  const forMs = Math.round(between(random, FOR_MS.min, FOR_MS.max))
  const isServer = random() < SERVER_SHARE && aim === "posting"
  const drawn = isServer ? 0.9 : random()
  if (drawn < 0.45) {
    const what = pick(random, [
      "host",
      "host",
      "guest",
      "courier",
      "group",
      "profile",
      "machine",
    ] as const)
    return { type: "kill", what }
  }
  if (drawn < 0.6) {
    const ms = Math.round(between(random, FOR_MS.min, STOP_MS_MAX))
    return { type: "stop", what: pick(random, ["host", "courier"] as const), forMs: ms }
  }
  if (drawn < 0.68) {
    const offMs = Math.round(between(random, -DAY_MS, DAY_MS))
    return { type: "clock", offMs, forMs }
  }
  if (drawn < 0.84) {
    const how = pick(random, ["cut", "hole", "out", "back", "slow"] as const)
    return { type: "members", how, forMs }
  }
  if (drawn < 0.94 || !hasDisk) {
    return { type: "server", how: pick(random, ["cut", "reset", "hole", "drop"] as const), forMs }
  }
  return { type: "disk", forMs }
}

/** A fault in a few words, as the summary counts it. */
export function nameOf(fault: Fault): string {
  switch (fault.type) {
    case "kill":
      return `kill ${fault.what}`
    case "stop":
      return `stop ${fault.what}`
    case "clock":
      return "clock jumps"
    case "members":
      return fault.how === "out" || fault.how === "back"
        ? "members one-way"
        : `members ${fault.how}`
    case "server":
      return `server ${fault.how}`
    case "disk":
      return "disk full"
    default:
      return fault satisfies never
  }
}

/** Whether it may leave a doubt that nobody can help: the courier dies in the middle, or its answer is lost. */
export function mayLeaveDoubt(fault: Fault): boolean {
  return (
    (fault.type === "kill" && (fault.what === "courier" || fault.what === "machine")) ||
    (fault.type === "server" && fault.how !== "hole")
  )
}
