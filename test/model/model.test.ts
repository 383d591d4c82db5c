import { describe, expect, test } from "vitest"

import { BROKEN_CASES } from "./broken.ts"
import { boundsOf, type Case, SAFE_CASES, setting } from "./cases.ts"
import { check } from "./checker.ts"
import { protocol } from "./protocol.ts"

/** More than any case here has: a search that meets it was not exhaustive, and fails. */
const STATES_MAX = 100_000
const PATIENCE_MS = 60_000

/** A search that never came this far has proved nothing. */
function mustSee({ happens }: Case): string[] {
  return (happens.machineCrash ?? 0) > 0 ? ["all refreshed", "in doubt"] : ["all refreshed"]
}

// DESIGN §9: exhaustive within the bounds of each title, every interleaving of members, couriers, server and network.
describe("the rules of a refresh hold in every state", () => {
  test.each(SAFE_CASES.map((each) => [each.name, boundsOf(each), each] as const))(
    "%s (%s)",
    (_, __, each) => {
      const report = check(protocol(setting(each)), { states: STATES_MAX, until: null })

      expect(report.broken).toEqual({})
      expect(report.complete).toBe(true)
      expect(report.seen).toEqual(expect.arrayContaining(mustSee(each)))
    },
    PATIENCE_MS,
  )
})

// The model itself is tested: a rule less, and it must find the way to lose the account.
describe("without its rule the account is lost", () => {
  test.each(BROKEN_CASES.map((each) => [each.name, each.fails, each.steps, each] as const))(
    "%s: %s fails in %i steps",
    (_, fails, steps, each) => {
      const report = check(protocol(setting(each)), {
        states: STATES_MAX,
        until: fails === "S3" ? null : fails,
      })

      expect(report.broken[fails] ?? []).toHaveLength(steps)
    },
    PATIENCE_MS,
  )
})
