/** Waits for the step that a fault is aimed at. Decides when a step has begun, and when to wait no longer. */

import type { Step } from "./plan.ts"
import { now, type World } from "./world.ts"

/** A step that does not come is not waited for any longer: the fault strikes all the same. */
const AIM_MS = 4_000

/** The beginnings of the steps, for whoever aims at one. */
export class Aim {
  readonly #world: World
  readonly #demands: readonly unknown[]
  readonly #eventsBefore: number
  readonly #generation: number
  readonly #waiting = new Set<() => void>()

  constructor(world: World, demands: readonly unknown[]) {
    this.#world = world
    this.#demands = demands
    this.#eventsBefore = world.account.events.length
    this.#generation = world.account.generation
    world.noted = () => {
      for (const look of this.#waiting) look()
    }
  }

  /** Resolves when the step has begun in this round, or will not for a while. */
  begun(step: Step): Promise<void> {
    if (step === "idle") return Promise.resolve()
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(late)
        this.#waiting.delete(look)
        resolve()
      }
      const late = setTimeout(done, AIM_MS)
      const look = (): void => {
        const waitMs = this.#startsIn(step)
        if (waitMs === null) return
        this.#waiting.delete(look)
        if (waitMs <= 0) done()
        else setTimeout(done, waitMs)
      }
      this.#waiting.add(look)
      look()
    })
  }

  /** In ms; null: it is not in sight. */
  #startsIn(step: Exclude<Step, "idle">): number | null {
    const { account, history } = this.#world
    const events = account.events.slice(this.#eventsBefore)
    const sighted = history.sightings.filter(({ generation }) => generation > this.#generation)
    switch (step) {
      case "agreeing":
        return this.#demands.length > 0 ? 0 : null
      case "connecting":
        return this.#world.running().some(({ member }) => member.seen?.holder != null) ? 0 : null
      case "posting":
        return events.length > 0 ? 0 : null
      case "answered": {
        const committed = events.find(({ type }) => type === "committed")
        return committed?.type === "committed" ? committed.answersAt - now() : null
      }
      case "replicating":
        return sighted.length > 0 ? 0 : null
      case "after": {
        const seats = new Set(sighted.map(({ seat }) => seat))
        return this.#world.running().every(({ name }) => seats.has(name)) ? 0 : null
      }
      default:
        return step satisfies never
    }
  }
}
