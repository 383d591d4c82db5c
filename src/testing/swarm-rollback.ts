/**
 * A disk that goes back: an image is taken, and later put back as a restored backup is. Decides when that is fair. Raft
 * itself does not survive a member that forgets what it promised; so nothing it said since may matter any more: the
 * others are at its term, under one leader, and hold all that it acknowledged.
 */

import { between } from "../core/base/random.ts"
import { lastIndexOf, termOf } from "../core/raft/persisted.ts"
import { persistedOf } from "./log-reader.ts"
import type { Stage } from "./swarm-acts.ts"
import type { DiskImage } from "./disk.ts"
import { nameOf } from "./swarm-invariants.ts"
import type { SimulatedMember, World } from "./world.ts"

const done = new WeakSet<World>()
/** Between image and restore, and how long a moment is waited for that is fair. */
const AGE_MS: readonly [number, number] = [1_000, 90_000]
const LOOK_MS = 500
const LOOKS_MAX = 60
const BACK_MS = 1_000

/**
 * At most one member of a story.
 *
 * @param when `settled`: while no turn of its own is open. `in-turn`: whenever Raft allows it.
 */
export function rollBack(story: Stage, when: "settled" | "in-turn"): boolean {
  const member = story.member()
  if (done.has(story.world) || member.carrying || story.world.members.length < 3) return false
  // What it is doing now is no part of an image that a backup would take.
  if (member.coordinator === null || member.coordinator.status().holder === member.id) return false
  done.add(story.world)
  const image = member.disk.image()
  story.note(`an image of ${nameOf(member)} is taken`)
  const attempt = (looks: number): void => {
    const settled = when === "in-turn" || isSettled(story.world, member)
    if (!settled || !isFair(story.world, member) || isNoted(image, member)) {
      if (looks < LOOKS_MAX) story.later(LOOK_MS, () => attempt(looks + 1))
      return
    }
    story.note(`the disk of ${nameOf(member)} goes back to its image`)
    member.restore(image)
    story.forget(member)
    story.later(BACK_MS, () => member.start())
  }
  story.later(between(story.random, ...AGE_MS), () => attempt(0))
  return true
}

/**
 * A turn that was asked for before the image was taken and opened after it: to the restored disk nothing was sent under it,
 * since its note says that it was asked for and no claim says more. Only a member that knows itself to be restored could tell
 * (the model's "image between intent and claim").
 */
function isNoted({ intents }: DiskImage, member: SimulatedMember): boolean {
  const noted = new Set([...intents.values()].flat())
  return persistedOf(member).entries.some((entry) => entry.type === "app" && noted.has(entry.id))
}

/** It forgets no request whose turn is still open. */
function isSettled(world: World, member: SimulatedMember): boolean {
  const holders = world.members.map(({ coordinator }) => coordinator?.status().holder)
  return !member.carrying && !holders.includes(member.id)
}

function isFair(world: World, member: SimulatedMember): boolean {
  const own = persistedOf(member)
  const last = lastIndexOf(own)
  const { term } = own.hard
  const others = world.members.filter((one) => one !== member)
  const leaders = new Set(others.map(({ coordinator }) => coordinator?.status().leader))
  if (leaders.size !== 1 || leaders.has(null) || leaders.has(undefined)) return false
  // A leader that goes back is followed by one that the others elect among themselves.
  return others.every((one) => {
    const disk = persistedOf(one)
    const has = disk.snapshot.index >= last || termOf(disk, last) === termOf(own, last)
    return has && disk.hard.term >= term
  })
}
