// What the log knows of a token that was sent twice, whoever says so.

import { describe, expect, test } from "vitest"

import { fold } from "../../../src/core/refresh/fold.ts"
import type { LogEntry } from "../../../src/core/refresh/types.ts"
import {
  ASKED_MS,
  LOGIN,
  pair,
  provider,
  report,
  result,
  state,
  turn,
  UNSPENT,
} from "./fixtures.ts"

const STRICT = provider({ type: "strict" })

describe("a pair whose parent may have been sent twice", () => {
  const REJECT = provider({ type: "reject" })
  const late = 2_000_000

  test("is known by what its holder says, from when it sent", () => {
    const after = state(STRICT, LOGIN, turn(), result(2, { resent: true }))

    expect(after.resentAtMs).toBe(1_000_000)
    expect(state(STRICT, LOGIN, turn(), result(2)).resentAtMs).toBeNull()
  })

  // Found by the model: the one that was replaced answers first, and its Result knows of no other turn.
  test("is known when a holder that was replaced answers first, from when the newest turn was asked for", () => {
    const taken = { ...turn("b", 1, 3), atMs: late } as LogEntry

    expect(state(REJECT, LOGIN, turn("a"), taken, result(2)).resentAtMs).toBe(late)
  })

  test("is known when an ordinary turn follows one that was replaced", () => {
    const again = { ...turn("c"), atMs: late } as LogEntry
    const open = state(REJECT, LOGIN, turn("a"), turn("b", 1, 3), report(4, UNSPENT, "b"), again)

    const after = fold(open, result(2, { by: "c" }), { index: 9, signed: true }).state

    expect(after.resentAtMs).toBe(late)
  })

  test("is known when the holder of an open turn was removed", () => {
    const gone: LogEntry = { type: "remove", member: "b", holderIsGone: true }

    expect(state(STRICT, LOGIN, turn("b"), gone, turn("a"), result(2)).resentAtMs).toBe(1_000_000)
  })

  test("is forgotten with the next pair and with a new login", () => {
    const twice = state(STRICT, LOGIN, turn(), result(2, { resent: true }), turn("a", 2))
    const next = fold(twice, result(3), { index: 9, signed: true }).state
    const login: LogEntry = { type: "login", pair: pair(1, { epoch: 2 }) }

    expect(twice.askedAtMs).toBe(ASKED_MS)
    expect(next).toMatchObject({ resentAtMs: null, askedAtMs: null })
    expect(fold(twice, login, { index: 9, signed: true }).state.resentAtMs).toBeNull()
  })
})
