/**
 * What can happen to a simulated cluster, and how likely each is. Decides the faults; which of them a seed draws, and what
 * must hold all the same, is `swarm.ts`.
 */

import { below, between, type Random } from "../core/base/random.ts"
import type { SimulatedMember, World } from "./world.ts"

/** The story that a fault happens in. */
export interface Stage {
  readonly random: Random
  readonly world: World
  /** Faults may still happen. */
  readonly chaos: boolean
  note(line: string): void
  fault(kind: string, line: string): void
  /** Anybody. */
  member(): SimulatedMember
  use(member: SimulatedMember, force: boolean): void
}

/** A name, a weight among the actions of the story, and what it does. */
export type Action = readonly [name: string, weight: number, act: (story: Stage) => void]

/** How people read a member. */
export function nameOf(story: Stage, member: SimulatedMember): string {
  return `m${story.world.members.indexOf(member)}`
}

export const ACTIONS: readonly Action[] = [
  ["use", 30, (story) => story.use(story.member(), story.random() < 0.3)],
  [
    "restart",
    10,
    (story) => {
      for (const member of story.world.members) {
        if (member.coordinator?.status().cause === "store_failed") member.crash()
        if (story.random() < 0.7) member.start()
      }
    },
  ],
  [
    "crash",
    4,
    (story) => {
      const member = story.member()
      story.fault("crash", `the application of ${nameOf(story, member)} dies`)
      member.crash()
      story.world.scheduler.schedule(
        story.world.scheduler.nowMs + between(story.random, 100, 60_000),
        () => member.start(),
      )
    },
  ],
  [
    "machine",
    2,
    (story) => {
      const member = story.member()
      story.fault("machine", `the machine of ${nameOf(story, member)} dies`)
      member.crashMachine()
      story.world.scheduler.schedule(
        story.world.scheduler.nowMs + between(story.random, 1_000, 300_000),
        () => member.start(),
      )
    },
  ],
  [
    "die-at-write",
    4,
    (story) => {
      const member = story.member()
      story.fault("die-at-write", `${nameOf(story, member)} will die at a write`)
      member.disk.plan(1 + below(story.random, 12), {
        type: "crash",
        written: story.random() < 0.5,
      })
      story.world.scheduler.schedule(story.world.scheduler.nowMs + 90_000, () => {
        if (story.chaos) member.crash()
        member.start()
      })
    },
  ],
  [
    "disk",
    1,
    (story) => {
      const member = story.member()
      story.fault("disk", `the disk of ${nameOf(story, member)} fails once`)
      const full = story.random() < 0.5
      member.disk.plan(
        1 + below(story.random, 12),
        full ? { type: "disk-full" } : { type: "io-error", written: story.random() < 0.5 },
      )
    },
  ],
  [
    "sleep",
    3,
    (story) => {
      const member = story.member()
      story.fault("sleep", `${nameOf(story, member)} sleeps`)
      member.sleep()
      story.world.scheduler.schedule(
        story.world.scheduler.nowMs + between(story.random, 1_000, 900_000),
        () => member.wake(),
      )
    },
  ],
  [
    "partition",
    4,
    (story) => {
      const { members } = story.world
      const cut = below(story.random, members.length) + 1
      const groups = [members.slice(0, cut), members.slice(cut)].map((group) =>
        group.map(({ id }) => id),
      )
      story.fault("partition", `partition after m${cut - 1}`)
      story.world.network.partition(groups)
    },
  ],
  [
    "one-way",
    3,
    (story) => {
      const [from, to] = [story.member(), story.member()]
      story.fault("one-way", `${nameOf(story, from)} cannot reach ${nameOf(story, to)}`)
      if (from !== to) story.world.network.cut(from.id, to.id)
    },
  ],
  [
    "heal",
    6,
    (story) => {
      story.note("the network heals")
      story.world.network.heal()
    },
  ],
  [
    "lossy",
    2,
    (story) => {
      story.fault("lossy", "the network misbehaves")
      story.world.network.setFaults({
        loss: between(story.random, 0, 0.3),
        duplication: between(story.random, 0, 0.3),
        reorder: between(story.random, 0, 0.3),
        delayMs: [1, between(story.random, 5, 400)],
        silent: story.random() < 0.3,
      })
    },
  ],
  [
    "orderly",
    3,
    (story) => {
      story.note("the network behaves")
      story.world.network.setFaults({
        loss: 0,
        duplication: 0,
        reorder: 0,
        delayMs: [1, 5],
        silent: false,
      })
    },
  ],
  [
    "route",
    3,
    (story) => {
      story.fault("route", "the way to the server misbehaves")
      story.world.setRoute({
        refused: between(story.random, 0, 0.6),
        requestLost: story.random() < 0.3 ? 0.2 : 0,
        replyLost: story.random() < 0.3 ? 0.2 : 0,
      })
    },
  ],
  [
    "server",
    3,
    (story) => {
      const faults = {
        throttled: story.random() < 0.4,
        unavailable: story.random() < 0.3,
        failsAfterCommit: story.random() < 0.1,
      }
      story.fault("server", `the server: ${JSON.stringify(faults)}`)
      story.world.server.setFaults(faults)
    },
  ],
  [
    "server-heals",
    6,
    (story) => {
      story.note("the server and the way to it are well")
      story.world.setRoute({ refused: 0, requestLost: 0, replyLost: 0 })
      story.world.server.setFaults({
        throttled: false,
        unavailable: false,
        failsAfterCommit: false,
      })
    },
  ],
]
