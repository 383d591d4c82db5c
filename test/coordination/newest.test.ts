// What a member tells its peers of the time (DESIGN §8): what it knows, never what it guesses.

import { expect, test } from "vitest"

import { Newest } from "../../src/coordination/newest.ts"
import type { PeerMessage } from "../../src/core/refresh/types.ts"

/** What a member whose pair is the head tells, by what it knows of the time. */
function told(sure: boolean, learnt: boolean, loggingIn: boolean): number | null | undefined {
  const sent: PeerMessage[] = []
  const parts = {
    self: "a",
    server: { sure, learnt, nowMs: () => 7 },
    replica: { state: { epoch: 1, pair: { by: "a", generation: 1 } } },
    transport: { send: (_: string, message: PeerMessage) => sent.push(message) },
  }
  new Newest(parts as unknown as ConstructorParameters<typeof Newest>[0]).tell(["b"], loggingIn)
  const [message] = sent
  return message?.type === "newest" ? message.serverMs : undefined
}

test("a peer is told a time that is known, and no guess, not even with a login", () => {
  expect(told(true, true, false)).toBe(7)
  expect(told(true, false, true)).toBe(7)
  expect(told(false, false, false)).toBe(null)
  expect(told(false, false, true)).toBe(null)
})
