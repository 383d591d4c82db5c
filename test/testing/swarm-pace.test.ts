// How often the server is asked, and how soon again: each rule is shown a story that breaks it.

import { describe, expect, test } from "vitest"

import type { ReplayPolicy } from "../../src/core/oauth/types.ts"
import { ALONE } from "../../src/core/refresh/types.ts"
import { Pace } from "../../src/testing/swarm-pace.ts"
import type { Sending, SendingEnd } from "../../src/testing/watch.ts"
import type { SimulatedMember } from "../../src/testing/world.ts"

const member = { at: 0, id: "m0" } as unknown as SimulatedMember
const THROTTLED: SendingEnd = {
  type: "answered",
  status: 429,
  refreshToken: null,
  retryAfterSeconds: 20,
}

function sending(turn: number): Sending {
  return {
    member,
    refreshToken: "canary-rt-1",
    key: { epoch: 1, generation: 2, parent: "p", turn, attempt: 1 },
  }
}

describe("a storm is more than thirty requests begun within a minute", () => {
  const said = (everyMs: number): boolean => {
    const pace = new Pace({ type: "strict" })
    const times = Array.from({ length: 200 }, (_, at) => at * everyMs)
    return times.some((atMs) => pace.carries(atMs) !== null)
  }

  test("one every two seconds is none", () => expect(said(2_000)).toBe(false))
  test("a little more is", () => expect(said(1_950)).toBe(true))
})

describe("a later turn waits as long as the server told the earlier one", () => {
  const early = (
    turn: number,
    atMs: number,
    { earlier = 7, policy = "strict" as "strict" | "reject", consented = false } = {},
  ): string | null => {
    const pace = new Pace({ type: policy } satisfies ReplayPolicy)
    pace.ends(sending(earlier), THROTTLED, 0)
    return pace.leaves(sending(turn), atMs, consented)
  }

  test("before that it is too early", () => {
    expect(early(8, 10_000)).toBe("m0 sends 1.2 10.0 s before the server wants it back")
    expect(early(8, 16_999)).not.toBe(null)
  })
  test("a clock that another does not share may mistake the time", () => {
    const pace = new Pace({ type: "strict" })
    pace.started([12_000].map((clockErrorMs) => ({ clockErrorMs }) as SimulatedMember))
    pace.ends(sending(7), THROTTLED, 0)

    expect(pace.leaves(sending(8), 4_999, false)).not.toBe(null)
    expect(pace.leaves(sending(8), 5_000, false)).toBe(null)
  })
  test("seconds are rounded", () => expect(early(8, 17_000)).toBe(null))
  test("the turn itself may be sent again", () => expect(early(7, 10_000)).toBe(null))
  test("what one met alone nobody else knows", () =>
    expect(early(8, 10_000, { earlier: ALONE })).toBe(null))
  test("who replaces a turn does not know what it met", () =>
    expect(early(8, 10_000, { policy: "reject" })).toBe(null))
  test("a person may insist", () => expect(early(8, 10_000, { consented: true })).toBe(null))

  test("an answer without a time asks for nothing", () => {
    const pace = new Pace({ type: "strict" })
    pace.ends(sending(7), { ...THROTTLED, retryAfterSeconds: null }, 0)
    pace.ends(sending(7), { type: "no-answer" }, 0)

    expect(pace.leaves(sending(8), 1, false)).toBe(null)
  })
})
