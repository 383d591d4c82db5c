import { expect, test } from "vitest"

import { type Watched, StageWatch } from "../../src/coordination/stage-watch.ts"
import { expiresAtMs } from "../../src/core/refresh/status.ts"
import type { ClusterState } from "../../src/core/refresh/types.ts"
import { memberClock, type Scheduler, virtualScheduler } from "../../src/testing/clock.ts"
import { DOUBT, LOGIN, pair, report, state, turn } from "../core/refresh/fixtures.ts"

const ENDS = expiresAtMs(pair(1))
const EMPTY = state()

interface Setting {
  readonly scheduler: Scheduler
  readonly watch: StageWatch
  readonly told: string[]
  readonly see: (changes: Partial<Watched>) => void
}

/** A watch whose world begins `leftMs` before the token's end. */
function setting(leftMs: number, of: ClusterState): Setting {
  const scheduler = virtualScheduler()
  const clock = memberClock(scheduler, { wallOffsetMs: ENDS - leftMs })
  const told: string[] = []
  let watched: Omit<Watched, "wallMs"> = {
    state: of,
    quorum: true,
    settled: true,
    demanding: false,
    stopped: false,
    trouble: null,
    heldUntilMs: null,
    mayResend: false,
    reachable: () => true,
  }
  const watch = new StageWatch(
    clock,
    () => ({ ...watched, wallMs: clock.wallMs() }),
    () => {
      const { stage, cause } = watch.current()
      told.push(`${scheduler.nowMs} ${stage} ${cause ?? "-"}`)
    },
  )
  return {
    scheduler,
    watch,
    told,
    see: (changes) => {
      watched = { ...watched, ...changes }
      watch.look()
    },
  }
}

test("listeners hear of what time alone brings: the end of the token, and of patience", () => {
  const { scheduler, told, watch } = setting(1_000, state(LOGIN, turn(), report(2, DOUBT)))
  watch.look()

  scheduler.runFor(700_000)

  expect(told).toEqual(["0 ready in_doubt", "1000 connecting in_doubt", "601000 relogin stuck"])
  expect(scheduler.pending).toBe(0)
})

test("an attempt that takes too long is told, counted from when this member saw its turn", () => {
  const { scheduler, see, told } = setting(-60_000, state(LOGIN))
  see({ demanding: true })
  scheduler.runFor(5_000)
  see({ state: state(LOGIN, turn()) })

  scheduler.runFor(20_000)

  expect(told).toEqual(["0 refreshing -", "20000 connecting slow_answer"])
})

test("a stage holds since it began, whatever its cause was meanwhile", () => {
  const { scheduler, see, watch } = setting(0, state(LOGIN))
  see({ quorum: false })
  const began = watch.current().sinceMs
  scheduler.runFor(5_000)

  see({ quorum: true, stopped: true })
  expect(watch.current()).toMatchObject({ cause: "store_failed", sinceMs: began })

  see({ stopped: false })
  expect(watch.current()).toMatchObject({ stage: "refreshing", sinceMs: began + 5_000 })
})

test("nothing is told twice, and nobody is woken for a stage that only an event can end", () => {
  const { scheduler, told, watch } = setting(0, EMPTY)
  watch.look()
  watch.look()

  expect(told).toEqual(["0 relogin never_logged_in"])
  expect(scheduler.pending).toBe(0)
})
