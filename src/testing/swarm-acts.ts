/**
 * What can happen to a simulated cluster, and how likely each is. Decides the acts; which of them a seed draws, and what
 * must hold all the same, is decided elsewhere.
 */

import { below, between, type Random } from "../core/base/random.ts"
import type { DiskFault } from "./storage.ts"
import type { Garbage, ServerFaults } from "./simulated-server.ts"
import { WELL } from "./simulated-server.ts"
import { pick } from "./pick.ts"
import { nameOf } from "./swarm-invariants.ts"
import type { People } from "./swarm-people.ts"
import { rollBack } from "./swarm-rollback.ts"
import { CLEAR } from "./trip.ts"
import type { SimulatedMember, World } from "./world.ts"

/** The story that an act happens in. */
export interface Stage {
  readonly random: Random
  readonly world: World
  readonly people: People
  /** Faults may still happen. */
  readonly chaos: boolean
  note(line: string): void
  /** Anybody. */
  member(): SimulatedMember
  /** Does it after `ms`, unless the faults are over by then. */
  later(ms: number, act: () => void): void
  /** A fault that was prepared has struck. */
  struck(kind: string): void
  /** A disk was put back. */
  forget(member: SimulatedMember): void
}

export interface Act {
  readonly name: string
  /** Of a person who uses the account, somebody who repairs, or a fault. */
  readonly kind: "use" | "repair" | "fault"
  /** Among the acts of the story. */
  readonly weight: number
  /** False: it did not apply. */
  readonly act: (story: Stage) => boolean | void
}

const fault = (name: string, weight: number, act: Act["act"]): Act => ({
  name,
  kind: "fault",
  weight,
  act,
})
const repair = (name: string, weight: number, act: Act["act"]): Act => ({
  name,
  kind: "repair",
  weight,
  act,
})

const DISK_DEATHS: readonly ((random: Random) => DiskFault)[] = [
  () => ({ type: "crash", written: false }),
  () => ({ type: "crash", written: true }),
  () => ({ type: "unsynced" }),
  (random) => ({ type: "torn", share: random() }),
]
const GARBAGE: readonly Garbage[] = ["page", "empty", "cut-late", "cut-early", "prefixed"]
const FOUR_HOURS_MS = 4 * 3_600_000

const PROCESSES: readonly Act[] = [
  fault("crash", 3, (story) => {
    const member = story.member()
    story.note(`the application of ${nameOf(member)} dies`)
    member.crash()
    story.later(between(story.random, 100, 20_000), () => member.start())
  }),
  fault("die-in-post", 6, (story) => {
    const member = story.member()
    const who = pick(story.random, ["courier", "courier", "application", "machine"])
    story.note(`the ${who} of ${nameOf(member)} will die in a POST`)
    member.dieInNextPost(
      () => {
        story.note(`the ${who} of ${nameOf(member)} dies`)
        story.struck(`${who}-in-post`)
        if (who === "courier") return member.crashCourier()
        if (who === "machine") member.crashMachine()
        else member.crash()
        story.later(between(story.random, 100, 60_000), () => member.start())
      },
      between(story.random, 0, 250),
    )
    return false
  }),
  fault("machine", 2, (story) => {
    const member = story.member()
    story.note(`the machine of ${nameOf(member)} dies`)
    member.crashMachine()
    story.later(between(story.random, 1_000, 90_000), () => member.start())
  }),
  fault("die-at-send", 3, (story) => {
    const member = story.member()
    story.note(`${nameOf(member)} will die behind a message`)
    member.dieAtSend(1 + below(story.random, 20))
    story.later(between(story.random, 5_000, 30_000), () => member.start())
  }),
  fault("sleep", 3, (story) => {
    const member = story.member()
    story.note(`${nameOf(member)} sleeps`)
    member.sleep()
    story.later(between(story.random, 500, story.random() < 0.3 ? 300_000 : 40_000), () =>
      member.wake(),
    )
  }),
]

const DISKS: readonly Act[] = [
  fault("die-at-write", 4, (story) => {
    const member = story.member()
    const death = pick(story.random, DISK_DEATHS)(story.random)
    story.note(`${nameOf(member)} will die at a write (${death.type})`)
    member.disk.plan(1 + below(story.random, 8), death)
    story.later(between(story.random, 5_000, 30_000), () => {
      // Whether the machine went with it decides what an unsynced write is worth.
      if (!member.running && story.random() < 0.5) member.crashMachine()
      member.start()
    })
  }),
  fault("disk-error", 1, (story) => {
    const member = story.member()
    story.note(`the disk of ${nameOf(member)} fails once`)
    const written = story.random() < 0.5
    member.disk.plan(1 + below(story.random, 8), { type: "io-error", written })
  }),
  fault("disk-full", 1, (story) => {
    const member = story.member()
    story.note(`the disk of ${nameOf(member)} is full`)
    member.disk.fill(true)
    story.later(between(story.random, 2_000, 60_000), () => member.disk.fill(false))
  }),
  fault("rollback", 2, (story) => rollBack(story, "settled")),
  fault("rollback-in-turn", 1, (story) => rollBack(story, "in-turn")),
]

const CLOCKS: readonly Act[] = [
  fault("clock-jump", 1, (story) => {
    const member = story.member()
    const ms = (story.random() < 0.5 ? 1 : -1) * FOUR_HOURS_MS
    story.note(`the clock of ${nameOf(member)} jumps by ${ms} ms`)
    member.jumpClock(ms)
    story.later(between(story.random, 5_000, 120_000), () => member.rightClock())
  }),
]

const NETWORK: readonly Act[] = [
  fault("partition", 3, (story) => {
    const { members } = story.world
    const cut = below(story.random, members.length) + 1
    const groups = [members.slice(0, cut), members.slice(cut)].map((group) =>
      group.map(({ id }) => id),
    )
    story.note(`partition after m${cut - 1}`)
    story.world.network.partition(groups)
  }),
  fault("one-way", 3, (story) => {
    const [from, to] = [story.member(), story.member()]
    if (from === to) return false
    story.note(`${nameOf(from)} cannot reach ${nameOf(to)}`)
    story.world.network.cut(from.id, to.id)
    return true
  }),
  repair("heal", 9, (story) => {
    story.note("the network heals")
    story.world.network.heal()
  }),
  fault("lossy", 2, (story) => {
    story.note("the network misbehaves")
    story.world.network.setFaults({
      loss: between(story.random, 0, 0.3),
      duplication: between(story.random, 0, 0.3),
      reorder: between(story.random, 0, 0.3),
      delayMs: [1, between(story.random, 5, 400)],
      silent: story.random() < 0.3,
    })
  }),
  repair("orderly", 4, (story) => {
    story.note("the network behaves")
    orderly(story)
  }),
]

const SERVER: readonly Act[] = [
  fault("route", 3, (story) => {
    story.note("the way to the server misbehaves")
    const some = (share: number): number => (story.random() < 0.4 ? share : 0)
    // Offline is what a laptop is most often: whatever is tried at once after a failure fails again.
    const luck = story.random()
    story.world.setRoute({
      refused: luck < 0.2 ? 1 : luck < 0.4 ? 0.5 : 0,
      requestLost: some(0.4),
      replyLost: some(0.4),
      late: some(0.4),
    })
  }),
  fault("throttle", 2, (story) => serve(story, { throttled: true })),
  fault("outage", 2, (story) => serve(story, { unavailable: true })),
  fault("fails-after-commit", 1, (story) => serve(story, { failsAfterCommit: true })),
  fault("garbage", 1, (story) => serve(story, { garbage: pick(story.random, GARBAGE) })),
  fault("terse", 1, (story) => serve(story, { terse: true })),
  fault("narrowed", 1, (story) => serve(story, { narrows: true })),
  fault("not-rotated", 1, (story) => serve(story, { keepsToken: true })),
  fault("revoked", 0.4, (story) => {
    const family = story.people.family()
    if (family === null) return false
    story.note(`the provider revokes family ${family}`)
    story.world.server.revoke(family)
    return true
  }),
  repair("server-heals", 9, (story) => {
    story.note("the server and the way to it are well")
    story.world.setRoute(CLEAR)
    story.world.server.setFaults(WELL)
  }),
]

const PEOPLE: readonly Act[] = [
  {
    name: "use",
    kind: "use",
    weight: 30,
    act: (story) => story.people.use(story.member(), story.random() < 0.2),
  },
  repair("restart", 10, (story) => {
    for (const member of story.world.members) {
      if (member.broken) member.crash()
      if (story.random() < 0.7) member.start()
    }
  }),
  fault("login", 1, (story) => story.people.login(story.member())),
  fault("two-logins", 0.5, (story) => {
    story.people.login(story.member())
    story.people.login(story.member())
  }),
  fault("takeover", 0.5, (story) => story.people.takeOver(story.member())),
  fault("removal", 0.4, (story) =>
    story.people.remove(story.member(), story.member(), story.random() < 0.3),
  ),
  fault("logout", 0.7, (story) => story.people.logout(story.member())),
]

export const ACTS: readonly Act[] = [
  ...PEOPLE,
  ...PROCESSES,
  ...DISKS,
  ...CLOCKS,
  ...NETWORK,
  ...SERVER,
]

/** A network with some delay and no fault. */
export function orderly(story: Stage): void {
  story.world.network.setFaults({
    loss: 0,
    duplication: 0,
    reorder: 0,
    delayMs: [1, 5],
    silent: false,
  })
}

function serve(story: Stage, faults: Partial<ServerFaults>): void {
  const retryAfterSeconds = 1 + below(story.random, 30)
  story.note(`the server: ${JSON.stringify(faults)}`)
  story.world.server.setFaults({ ...faults, retryAfterSeconds })
}
