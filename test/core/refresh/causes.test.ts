/**
 * Every cause that the source can name has words. Apart from `describe.test.ts`, because it reads the source as text: under
 * `npm run mutants` that is another text.
 */

import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"

import { describe, expect, test } from "vitest"

import { describeStage, reasonOf } from "../../../src/core/refresh/describe.ts"
import { stageTexts } from "../../../src/core/refresh/texts.ts"
import { STAGES, told } from "./fixtures.ts"

const SRC = join(import.meta.dirname, "../../../src")
const read = (path: string): string => readFileSync(join(SRC, path), "utf8")
const HAN = /\p{Script=Han}/u

const MADE = [
  // A cause in a value, a variable or a default.
  /\b(?:cause|trouble)(?:: | = )"(\w+)"/g,
  /\bstopped \? "(\w+)"/g,
  // The helpers that make stages, doubts and failures.
  /\b(?:now|waiting)\((?:"\w+"|view), "(\w+)"/g,
  /\? "(\w+)" : "\w+"\)/g,
  /(?:#doubt|#end|explain)\("(\w+)"/g,
  /#fail\("\w+", "(\w+)"/g,
  /return "([A-Z_]+)"/g,
] as const

/** Every cause that stands in the source as a word, where causes are made. */
function spokenCauses(): readonly string[] {
  const rooms = ["coordination", "core/refresh", "core/oauth", "courier", "session"]
  const files = globSync(
    [...rooms.map((room) => `${room}/*.ts`), "endpoint/{exchange,target}.ts"],
    {
      cwd: SRC,
    },
  )
  const texts = files.map((path) => read(path))
  return [
    ...new Set(
      texts.flatMap((text) =>
        MADE.flatMap((made) => [...text.matchAll(made)].map((at) => at[1] ?? "")),
      ),
    ),
  ].filter((word) => !STAGES.some((stage) => stage === word))
}

/** Every word of a server that `dialects.ts` knows. */
function dialects(): readonly string[] {
  const families = /const FAMILIES[^{]*\{([\s\S]*?)\n\}/.exec(read("core/oauth/dialects.ts"))?.[1]
  const values = [...(families ?? "").matchAll(/[`"]([a-z_\s]+)[`"]/g)]
  return values.flatMap(([, words = ""]) => words.trim().split(/\s+/))
}

/** Errors that a process may meet while it looks for its member; the others are made for callers. */
function errors(): readonly string[] {
  const union = /export type ErrorCode =([\s\S]*?)\n\n/.exec(read("core/base/errors.ts"))?.[1] ?? ""
  const callers = new Set([
    "LOGIN_REQUIRED",
    "NO_VALID_TOKEN",
    "PENDING_REFRESH",
    "DECLINED",
    "LOGIN_FAILED",
  ])
  return [...union.matchAll(/"([A-Z_]+)"/g)]
    .map(([, code = ""]) => code)
    .filter((code) => !callers.has(code))
    .map((code) => code.toLowerCase())
}

const SYSTEM = ["ECONNREFUSED", "ECONNRESET", "ENOTFOUND", "EAI_AGAIN", "ENETUNREACH", "ETIMEDOUT"]
const TLS = ["CERT_HAS_EXPIRED", "UNABLE_TO_VERIFY_LEAF_SIGNATURE", "ERR_TLS_CERT_ALTNAME_INVALID"]
const STATUSES = [100, 302, 400, 403, 404, 409, 429, 500, 503, 599].map((code) => `http_${code}`)
const ENTRA = ["aadsts70008", "aadsts700016", "aadsts50196"]

describe("every cause has words", () => {
  const spoken = spokenCauses()
  const causes = [...spoken, ...dialects(), ...errors(), ...SYSTEM, ...TLS, ...STATUSES, ...ENTRA]

  test("the causes of the source were found", () => {
    const some = [
      "no_quorum",
      "stuck",
      "holder_away",
      "host_lost",
      "courier_died",
      "idle",
      "TIMEOUT",
    ]
    expect(spoken).toEqual(expect.arrayContaining(some))
    expect(causes).toEqual(expect.arrayContaining(["invalid_grant", "slow_down", "store_fenced"]))
    expect(causes.length).toBeGreaterThan(120)
  })

  const pairs = STAGES.flatMap((stage) => causes.map((cause) => [stage, cause] as const))

  test("in every stage, in both languages", () => {
    const wordless = pairs.filter(([stage, cause]) => {
      const english = describeStage(told(stage, cause))
      const chinese = describeStage(told(stage, cause), stageTexts("zh-Hans"))
      return !(
        reasonOf(stage, cause) !== "other" &&
        /^[a-z][^{}]+$/.test(english.detail ?? "") &&
        HAN.test(chinese.title) &&
        HAN.test(chinese.detail ?? "") &&
        (english.action === null || HAN.test(chinese.action ?? "")) &&
        !/[{}]/.test(Object.values(chinese).join(""))
      )
    })

    expect(wordless).toEqual([])
  })
})
