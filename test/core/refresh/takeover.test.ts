import { describe, expect, test } from "vitest"

import { genesis } from "../../../src/core/refresh/fold.ts"
import { previewTakeOver } from "../../../src/core/refresh/takeover.ts"
import { DOUBT, LOGIN, MEMBERS, provider, REJECTED, report, state, turn } from "./fixtures.ts"

const STRICT = provider({ type: "strict" })

describe("before a person takes over", () => {
  test("a login that is dead, or that nobody made, is called hopeless", () => {
    expect(previewTakeOver(genesis("c", MEMBERS), "a", true)).toEqual({ type: "hopeless" })
    const dead = state(provider({ type: "multi-use" }), LOGIN, turn(), report(3, REJECTED))
    expect(previewTakeOver(dead, "a", true)).toEqual({ type: "hopeless" })
  })

  test.each(["multi-use", "reject", "idempotent"] as const)(
    "%s makes it safe, whoever may have spent the token",
    (type) => {
      const open = state(provider({ type }), LOGIN, turn("b"), report(3, DOUBT, "b"))

      expect(previewTakeOver(open, "a", false)).toEqual({ type: "safe" })
    },
  )

  test("without a turn it is safe with a quorum, and without one any member may be spending", () => {
    expect(previewTakeOver(state(STRICT, LOGIN), "a", true)).toEqual({ type: "safe" })
    expect(previewTakeOver(state(STRICT, LOGIN), "a", false)).toEqual({
      type: "risky",
      because: "no_quorum",
      holder: null,
    })
  })

  test("a turn in doubt is a risk also for its holder", () => {
    const doubt = state(STRICT, LOGIN, turn("a"), report(3, DOUBT))
    const risk = { type: "risky", because: "in_doubt", holder: "a" }

    expect(previewTakeOver(doubt, "a", true)).toEqual(risk)
    expect(previewTakeOver(doubt, "b", true)).toEqual(risk)
  })

  test("an open turn is a risk for all but its holder, who knows its record", () => {
    const open = state(LOGIN, turn("b"))

    expect(previewTakeOver(open, "b", false)).toEqual({ type: "safe" })
    expect(previewTakeOver(open, "a", true)).toEqual({
      type: "risky",
      because: "open_turn",
      holder: "b",
    })
  })
})
