// The nemesis would find nothing if it could not see: each rule that it watches, broken on purpose before its eyes.

import { createHash } from "node:crypto"

import { describe, expect, test } from "vitest"

import type { Seen } from "../../cluster/demo/protocol.ts"
import type { Family, Served } from "../../cluster/nemesis/account.ts"
import { History, type Sighting, tokensIn } from "../../cluster/nemesis/history.ts"
import { type Facts, stepAt } from "../../cluster/nemesis/moments.ts"
import { optionsOf } from "../../cluster/nemesis/options.ts"
import { planOf, STEPS } from "../../cluster/nemesis/plan.ts"

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex")

/** A login whose tokens are numbered from `first`, with so many generations. */
const family = (first: number, generations: number): Family => ({
  pairs: Array.from({ length: generations }, (_, at) => ({
    token: first + at,
    hashes: { access: sha256(`access-${first + at}`), refresh: sha256(`refresh-${first + at}`) },
  })),
})

const saw = (generation: number, more: Partial<Sighting> = {}): Sighting => ({
  seat: "laptop",
  profile: "laptop",
  run: 1,
  at: 0,
  epoch: 1,
  generation,
  hash: sha256(`access-${generation}`),
  ...more,
})

function watched(events: Served[] = [], families: Family[] = [family(1, 3)]): History {
  const history = new History({ events, families, family: families.at(-1)! })
  history.begin(7)
  return history
}

describe("a history without fault", () => {
  test("tokens that only grow newer, each sent once, break no rule", () => {
    const history = watched([
      { type: "arrived", token: 1, posts: 1, at: 1 },
      {
        type: "committed",
        token: 1,
        successor: 2,
        hashes: family(2, 1).pairs[0]!.hashes,
        at: 2,
        answersAt: 2,
      },
    ])
    history.saw(saw(1))
    history.saw(saw(2))
    history.shown("laptop", { stage: "ready", epoch: 1 } as Seen)
    history.judge()
    history.reckon(0, 0)

    expect(history.violations).toEqual([])
  })
})

describe("a broken rule is told, with its round", () => {
  test.each<[rule: string, breakIt: (history: History) => void]>([
    [
      "round 7: laptop, process 1, went back from 1.2 to 1.1",
      (to) => (to.saw(saw(2)), to.saw(saw(1))),
    ],
    ["that the server never issued", (to) => to.saw(saw(1, { hash: sha256("forged") }))],
    ["that was issued as generation 2", (to) => to.saw(saw(3, { hash: sha256("access-2") }))],
    [
      "asks for a login",
      (to) => to.shown("laptop", { stage: "relogin", cause: "dead", epoch: 1 } as Seen),
    ],
    ["1 tokens were spent twice", (to) => to.reckon(1, 0)],
    ["1 logins were revoked", (to) => to.reckon(0, 1)],
  ])("%s", (rule, breakIt) => {
    const history = watched()
    breakIt(history)
    history.judge()

    expect(history.violations.join("\n")).toContain(rule)
  })

  test.each<[rule: string, event: Served]>([
    ["token 2 was sent 2 times", { type: "arrived", token: 2, posts: 2, at: 1 }],
    [
      "refused token 2: invalid_grant",
      { type: "rejected", token: 2, error: "invalid_grant", at: 1 },
    ],
  ])("%s", (rule, event) => {
    const history = watched([event])
    history.judge()

    expect(history.violations.join("\n")).toContain(rule)
  })

  test("a token of an older login is sent when everybody has the new one", () => {
    const families = [family(1, 2), family(10, 1)]
    const history = watched([{ type: "arrived", token: 2, posts: 1, at: 1 }], families)
    history.everybodyHas(families[1]!)
    history.judge()

    expect(history.violations.join("\n")).toContain("token 2 of an older login was sent")
  })

  test("one epoch with the tokens of two logins", () => {
    const history = watched([], [family(1, 1), family(10, 1)])
    history.saw(saw(1))
    history.saw(saw(1, { seat: "desktop", hash: sha256("access-10") }))
    history.judge()

    expect(history.violations.join("\n")).toContain("of another login")
  })
})

test("a token is recognized in any text, and nothing else is", () => {
  const token = "Ab3_-".repeat(8) + "xyz"
  const hashes = new Set([sha256(token)])

  expect(tokensIn(`GET /?t=prefix_${token}-suffix failed`, hashes)).toBe(true)
  expect(tokensIn(`GET /?t=${token.slice(1)} failed`, hashes)).toBe(false)
})

describe("the step that a moment fell into", () => {
  const pair = family(2, 1).pairs[0]!
  const seen = (holder: string | null): Seen => ({ generation: 1, holder, cause: null }) as Seen
  const facts: Facts = {
    demands: [{ at: 10, endAt: 95 }],
    shown: [
      { seat: "laptop", at: 0, seen: seen(null) },
      { seat: "laptop", at: 20, seen: seen("laptop") },
    ],
    served: [
      { type: "arrived", token: 1, posts: 1, at: 30 },
      { type: "committed", token: 1, successor: 2, hashes: pair.hashes, at: 40, answersAt: 50 },
    ],
    sightings: [
      saw(2, { at: 60, hash: pair.hashes.access }),
      saw(2, { at: 70, seat: "desktop", hash: pair.hashes.access }),
    ],
    family: family(1, 2),
  }

  test.each([
    [5, "idle"],
    [15, "agreeing"],
    [25, "connecting"],
    [45, "posting"],
    [55, "answered"],
    [65, "replicating"],
    [100, "after"],
  ] as const)("at %i ms: %s", (at, step) => {
    const quiet = { ...facts, shown: at > 60 ? [] : facts.shown }
    expect(stepAt(at, new Set(["laptop", "desktop"]), quiet)).toBe(step)
  })
})

test("the same seed draws the same faults, another one others, and every step is aimed at", () => {
  const rounds = (seed: number): unknown =>
    Array.from({ length: 14 }, (_, at) => planOf(seed, at, 7, true))

  expect(rounds(1)).toEqual(rounds(1))
  expect(rounds(1)).not.toEqual(rounds(2))
  const aims = Array.from({ length: 14 }, (_, at) => planOf(1, at, 7, true).strikes[0]?.aim)
  expect(new Set(aims)).toEqual(new Set(STEPS))
})

describe("the command line", () => {
  test.each([
    [["--minutes", "0"], "--minutes must be"],
    [["--minutes", "soon"], "--minutes must be"],
    [["--seed", "-1"], "--seed"],
    [["--seed", "1.5"], "--seed must be"],
    [["--kills", "0"], "--kills must be"],
    [["--kills", "2", "--minutes", "1"], "--kills has no --minutes"],
    [["--frobnicate"], "--frobnicate"],
    [["now"], "now"],
  ])("%j is refused in a line", (args, problem) => {
    const options = optionsOf(args, () => 0)

    expect(options).toMatchObject({ type: "wrong", problem: expect.stringContaining(problem) })
  })

  test("a seed that nobody gave is drawn", () => {
    const options = { type: "faults", minutes: 0.5, seed: 501 }

    expect(optionsOf(["--minutes", "0.5"], () => 5e-7)).toEqual(options)
    expect(optionsOf(["--kills", "3"], () => 0)).toEqual({ type: "kills", times: 3, seed: 1 })
    expect(optionsOf(["--help"], () => 0)).toEqual({ type: "help" })
  })
})
