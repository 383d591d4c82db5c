import { expect, test } from "vitest"

import { toldOf } from "../../src/cli/commands/run.ts"
import { languageOf } from "../../src/cli/language.ts"
import { durationText, statusLine, statusText } from "../../src/cli/text.ts"
import { stageTexts } from "../../src/core/refresh/texts.ts"
import { SETTLED, TOKEN } from "./samples.ts"

const plain = (_: string, text: string): string => text
const look = { nowMs: 1_700_000, paint: plain, key: "in a file", texts: stageTexts() }

test("a status reads like this", () => {
  const away = { ...SETTLED, stage: "connecting", cause: "no_quorum", quorum: false } as const
  const status = {
    ...away,
    role: "follower",
    leader: "z6MkB.1",
    holder: "z6MkB.1",
    sinceMs: 1_600_000,
    leaderSeenAtMs: 1_500_000,
    nextAttemptAtMs: 1_712_000,
  } as const

  expect(statusText(status, look).split("\n")).toEqual([
    "Connecting...",
    "  because      too few members are reachable to agree",
    "  what to do   Open another device of this login, or check the network.",
    "  since        1 min 40 s ago",
    "  next attempt in 12 s",
    "  token        generation 3 of login 1, expired 1 min 40 s ago",
    "  refreshes    desk",
    "  cluster      no quorum, led by desk, heard 3 min 20 s ago",
    "  key          in a file",
    "",
    "NAME               ROLE     LINK       GENERATION  HEARD  ID",
    "laptop (this one)  voter    connected  3           -      z6MkA.1",
    "desk               learner  away       -           -      z6MkB.1",
  ])
})

test("a host that can start no courier says what that means", () => {
  expect(statusText({ ...SETTLED, courier: "inline" }, look)).toContain(
    "courier      none: to kill",
  )
  expect(statusText(SETTLED, look)).not.toContain("courier")
})

test("one line says the stage and why", () => {
  expect(statusLine(SETTLED, stageTexts())).toBe("Ready")
  expect(statusLine({ ...SETTLED, cause: "no_quorum" }, stageTexts())).toBe(
    "Ready (too few members are reachable to agree)",
  )
})

test.each([
  [{ LC_ALL: "zh_CN.UTF-8", LANG: "en_US.UTF-8" }, "zh-Hans"],
  [{ LC_ALL: "", LC_MESSAGES: "zh", LANG: "C" }, "zh-Hans"],
  [{ LANG: "zh_TW.UTF-8" }, "zh-Hans"],
  [{ LC_ALL: "C", LANG: "zh_CN.UTF-8" }, "en"],
  [{ LANG: "zha_CN" }, "en"],
  [{}, "en"],
])("an environment of %j is spoken to in %s", (environment, language) => {
  expect(languageOf(environment)).toBe(language)
})

test("a duration shows the units that matter", () => {
  const said = [0, 999, 59_999, 60_000, 299_000, 300_500, 3_600_000, 7_380_000, 180_000_000]
  expect(said.map(durationText)).toEqual([
    "0 s",
    "0 s",
    "59 s",
    "1 min",
    "4 min 59 s",
    "5 min",
    "1 h",
    "2 h 3 min",
    "2 d 2 h",
  ])
})

test("a running member tells which token it has and never the token", () => {
  const name = (id: string): string => id
  const told = toldOf({ type: "token", token: TOKEN }, name)

  expect(told.json).toEqual({ event: "token", generation: 3, epoch: 1, expires_at: 1_600 })
  expect(`${JSON.stringify(told.json)}${told.text}`).not.toContain("at-3")
  expect(toldOf({ type: "token", token: null }, name).json).toMatchObject({ generation: null })
  expect(toldOf({ type: "member", id: "x", connected: false }, name)).toEqual({
    json: { event: "member", id: "x", connected: false },
    text: "x went away",
  })
  expect(toldOf({ type: "status", status: SETTLED }, name).json).toMatchObject({
    event: "status",
    stage: "ready",
  })
})
