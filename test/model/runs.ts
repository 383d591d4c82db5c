/** Runs of the simulator for the model to follow: what is recorded of one, which rules hold in its world, what comes of it. */

import type { ReplayPolicy } from "../../src/core/oauth/types.ts"
import type { MemberId } from "../../src/core/refresh/types.ts"
import type { Plan } from "../../src/testing/swarm-plan.ts"
import { type Listener, runSeed } from "../../src/testing/swarm.ts"
import type { World } from "../../src/testing/world.ts"
import { FOR_EVER, REJECT } from "./cases.ts"
import type { Setting } from "./moment.ts"
import { EVENTS, type Happening, type Rules, SAFE } from "./rules.ts"
import { Follower, Forbidden } from "./trace.ts"
import type { TraceEvent } from "./events.ts"
import { at } from "./state.ts"
import { Recorder } from "./watch.ts"

/** One run as it was heard. */
export interface Recorded {
  readonly seed: number
  readonly plan: Plan
  readonly members: readonly MemberId[]
  readonly events: readonly TraceEvent[]
  /** What the model has no word for ended the trace; null: it goes to the end of the faults. */
  readonly ends: string | null
}

export interface Followed {
  /** The most states that the model could be in at once. */
  readonly ways: number
  /** Null: the model accepts the run. Else the last events, why the next one is forbidden, and the last states. */
  readonly refusal: string | null
}

export async function record(seed: number): Promise<Recorded> {
  const heard: { plan: Plan; recorder: Recorder; world: () => World }[] = []
  const listen: Listener["listen"] = (plan, world) => {
    const recorder = new Recorder(plan, world)
    heard.push({ plan, recorder, world })
    return recorder.watch
  }
  await runSeed(seed, { listen })
  const { plan, recorder, world } = at(heard, 0)
  const members = world().members.map(({ id }) => id)
  return { seed, plan, members, events: recorder.finish(), ends: recorder.ends }
}

/** Asks the model whether it allows what was heard. */
export function follow({
  plan,
  members,
  events,
}: Pick<Recorded, "plan" | "members" | "events">): Followed {
  const follower = new Follower(settingOf(plan), members)
  try {
    for (const event of events) follower.take(event)
  } catch (error) {
    if (!(error instanceof Forbidden)) throw error
    return { ways: follower.ways, refusal: error.message }
  }
  return { ways: follower.ways, refusal: null }
}

/** Everything may happen as often as it does. */
const UNBOUNDED = Object.fromEntries(EVENTS.map((event) => [event, Infinity])) as Record<
  Happening,
  number
>

/** The model of one simulated world. */
function settingOf({ voters, learners, policy, lastResort }: Plan): Setting {
  const members = voters + learners
  const asks = policy.type === "strict" && lastResort === "ask"
  return {
    rules: {
      ...SAFE,
      ...rulesOf(policy),
      ...(asks ? { resend: "never" } : {}),
      restart: "knows-snapshot",
      connections: "unseen",
    },
    bounds: {
      ...UNBOUNDED,
      members,
      voters: (1 << voters) - 1,
      generations: Infinity,
      later: Infinity,
    },
  }
}

function rulesOf(policy: ReplayPolicy): Partial<Rules> {
  switch (policy.type) {
    case "strict":
      return {}
    case "reject":
      return REJECT
    case "multi-use":
      return { ...FOR_EVER, policy: "multi-use" }
    case "idempotent":
      return FOR_EVER
    case "confirm":
      return { policy: "confirm" }
    case "grace":
      return { policy: policy.answers === "same" ? "grace-same" : "grace-new" }
    default:
      return policy satisfies never
  }
}
