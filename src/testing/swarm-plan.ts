/** What one seed draws before its story begins: the cluster, its server, its clocks, and which kinds of faults it meets. */

import { between, type Random } from "../core/base/random.ts"
import type { ReplayPolicy } from "../core/oauth/types.ts"
import type { RaftOptions } from "../core/raft/types.ts"
import type { Fallback } from "../core/refresh/alone.ts"
import type { LastResort } from "../core/refresh/doubt.ts"
import { pick } from "./pick.ts"
import type { MachineClock } from "./simulated-member.ts"
import { LATE_MS } from "./trip.ts"
import { type Act, ACTS } from "./swarm-acts.ts"

export interface Plan {
  readonly voters: number
  readonly learners: number
  readonly policy: ReplayPolicy
  readonly lastResort: LastResort
  readonly fallback: Fallback
  readonly lifetimeSeconds: number
  readonly lateMs: number
  readonly courierSurvives: boolean
  readonly pacing: Omit<RaftOptions, "self">
  /** Real keys and every message through the wire code. */
  readonly real: boolean
  readonly clocks: readonly MachineClock[]
  readonly acts: readonly Act[]
  /** Mean time between two acts, in ms. */
  readonly restMs: number
  /** Somebody logs in again as soon as the token is of no use, whatever the cluster still tries. */
  readonly impatient: boolean
}

const STRICT: ReplayPolicy = { type: "strict" }
const POLICIES: readonly ReplayPolicy[] = [
  { type: "reject" },
  { type: "multi-use" },
  { type: "confirm" },
  { type: "idempotent" },
  { type: "grace", windowSeconds: 30, answers: "same" },
  { type: "grace", windowSeconds: 60, answers: "new" },
]
const CLUSTERS: readonly (readonly [voters: number, learners: number])[] = [
  [1, 0],
  [1, 1],
  [3, 0],
  [3, 0],
  [3, 0],
  [3, 1],
  [5, 0],
]
/** A loopback or home network, and one that would rather be quiet. */
const PACINGS: readonly (readonly [electionMs: number, heartbeatMs: number])[] = [
  [1_000, 200],
  [1_500, 450],
  [3_000, 900],
]
/** One seed in so many runs with real keys. */
const REAL_EVERY = 20
const SKEW_MS = 120_000
/** Shorter than what a holder waits before it sends again. */
const GRACE_LATE_MS = 7_000

export function drawPlan(seed: number, random: Random): Plan {
  const [voters, learners] = pick(random, CLUSTERS)
  const [electionMs, heartbeatMs] = pick(random, PACINGS)
  // Swarm testing (Groce et al. 2012): each seed leaves many kinds of faults out, so that rare pairs meet.
  const share = between(random, 0.25, 0.75)
  const skewed = random() < 0.3
  const policy = random() < 0.5 ? STRICT : pick(random, POLICIES)
  const drawn = ACTS.filter(({ kind }) => kind !== "fault" || random() < share)
  return {
    voters,
    learners,
    policy,
    // A request that is later than the window of its policy is a replay to the server, and no client can know it.
    lateMs: policy.type === "grace" ? GRACE_LATE_MS : LATE_MS,
    lastResort: random() < 0.5 ? "resend" : "ask",
    fallback: pick(random, ["proof", "proof", "proof", "never", "eager"] as const),
    lifetimeSeconds: pick(random, [60, 120, 120, 300, 600]),
    courierSurvives: random() < 0.6,
    pacing: { electionMs, heartbeatMs, appendBytesMax: 65_536, pendingMax: 64 },
    real: seed % REAL_EVERY === 0,
    clocks: Array.from({ length: voters + learners }, () => ({
      skewMs: Math.round(between(random, -1, 1) * (skewed ? SKEW_MS : 500)),
      drift: skewed ? between(random, -0.0002, 0.0002) : 0,
      countsSleep: random() < 0.5,
    })),
    acts: drawn,
    restMs: pick(random, [500, 1_000, 2_000, 4_000]),
    impatient: random() < 0.3,
  }
}
