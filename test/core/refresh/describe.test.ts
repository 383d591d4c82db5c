import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"

import { describe, expect, test } from "vitest"

import { describeStage, reasonOf, type StageStatus } from "../../../src/core/refresh/describe.ts"
import type { Stage } from "../../../src/core/refresh/status.ts"
import { stageTexts } from "../../../src/core/refresh/texts.ts"

const SRC = join(import.meta.dirname, "../../../src")
const read = (path: string): string => readFileSync(join(SRC, path), "utf8")
const STAGES: readonly Stage[] = ["ready", "refreshing", "retrying", "connecting", "relogin"]
const HAN = /\p{Script=Han}/u

const member = (name: string, connected: boolean, self = false) => ({
  id: `${name}.1`,
  name,
  connected,
  self,
})

function told(stage: Stage, cause: string | null, suspects: readonly string[] = []): StageStatus {
  const members = [member("laptop", true, true), member("desk", false), member("phone", false)]
  return { stage, cause, suspects: suspects.map((name) => `${name}.1`), members }
}

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
  const callers = new Set(["LOGIN_REQUIRED", "NO_VALID_TOKEN", "PENDING_REFRESH"])
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

describe("the words of the contract", () => {
  test.each<[StageStatus, string]>([
    [told("connecting", "no_quorum"), "Connecting..."],
    [told("relogin", "invalid_grant"), "Log in again to restore the service"],
    [told("relogin", "stuck", ["desk"]), "Log in again to restore the service, or open desk"],
    [
      told("relogin", "stuck", ["desk", "phone"]),
      "Log in again to restore the service, or open desk or phone",
    ],
    // Opening this device, or one that is connected, would help nobody.
    [told("relogin", "stuck", ["laptop"]), "Log in again to restore the service"],
    [told("relogin", "stuck"), "Log in again to restore the service"],
    // A login that is known to be dead is saved by no device.
    [told("relogin", "invalid_grant", ["desk"]), "Log in again to restore the service"],
  ])("%j is titled %s", (status, title) => {
    expect(describeStage(status).title).toBe(title)
  })

  test("ready, refreshing and retrying are silent and ask for nothing", () => {
    const silent = STAGES.filter((stage) => describeStage(told(stage, "no_quorum")).silent)

    expect(silent).toEqual(["ready", "refreshing", "retrying"])
    for (const stage of silent) expect(describeStage(told(stage, "no_quorum")).action).toBeNull()
    expect(describeStage(told("ready", null))).toEqual({
      silent: true,
      title: "Ready",
      detail: null,
      action: null,
    })
  })

  test("a device that may hold the pair is named before anybody is asked to log in", () => {
    expect(describeStage(told("connecting", "in_doubt", ["desk"])).action).toBe("Open desk.")
    expect(describeStage(told("connecting", "in_doubt")).action).toBeNull()
  })

  test.each([
    ["invalid_grant", "relogin", "login_ended"],
    ["http_400", "relogin", "login_ended"],
    ["http_400", "connecting", "client_refused"],
    ["invalid_client", "connecting", "client_refused"],
    ["http_429", "connecting", "busy"],
    ["http_503", "connecting", "busy"],
    ["http_409", "connecting", "conflict"],
    ["http_499", "connecting", "client_refused"],
    ["http_500", "connecting", "server_failed"],
    ["http_502", "connecting", "server_failed"],
    ["http_399", "connecting", "misunderstood"],
    ["http_4000", "connecting", "other"],
    ["a_http_400", "connecting", "other"],
    ["slow_down", "connecting", "busy"],
    ["temporarily_unavailable", "connecting", "busy"],
    ["concurrent_refresh", "connecting", "conflict"],
    ["server_error", "connecting", "server_failed"],
    ["use_dpop_nonce", "connecting", "client_refused"],
    ["invalid_grant", "connecting", "login_ended"],
    ["EHOSTUNREACH", "connecting", "unreachable"],
    ["EAI_AGAIN", "connecting", "unreachable"],
    ["EAI_AGAIN_", "connecting", "other"],
    ["E", "connecting", "other"],
    ["AN_EPIPE", "connecting", "other"],
    ["EPIPE2", "connecting", "other"],
    ["CERT_HAS_EXPIRED", "connecting", "insecure"],
    ["SELF_SIGNED_CERT_IN_CHAIN", "connecting", "insecure"],
    ["DEPTH_ZERO_SELF_SIGNED_CERT", "connecting", "insecure"],
    ["HOSTNAME_MISMATCH", "connecting", "insecure"],
    ["EPROTO", "connecting", "insecure"],
    ["ERR_SSL_WRONG_VERSION_NUMBER", "connecting", "insecure"],
    ["NO_CERT", "connecting", "other"],
    ["constructor", "connecting", "other"],
  ] as const)("%s in %s is told as %s", (cause, stage, reason) => {
    expect(reasonOf(stage, cause)).toBe(reason)
  })

  test("a cause without words is quoted, and cannot forge a line", () => {
    expect(describeStage(told("connecting", "new_cause")).detail).toBe("the cause is new_cause")
    expect(describeStage(told("connecting", "x\n\u001B[2Jy")).detail).toBe("the cause is x???2Jy")
    const long = "a".repeat(99)
    expect(describeStage(told("connecting", long)).detail).toBe(`the cause is ${"a".repeat(64)}`)
  })
})

test("an embedder replaces what it wants to and keeps the rest", () => {
  const texts = stageTexts("zh-Hans", {
    titles: { connecting: "稍候" },
    details: { no_quorum: "等其他设备" },
    actions: { no_quorum: null },
    or: "、",
  })

  expect(describeStage(told("connecting", "no_quorum"), texts)).toEqual({
    silent: false,
    title: "稍候",
    detail: "等其他设备",
    action: null,
  })
  expect(describeStage(told("relogin", "stuck", ["desk", "phone"]), texts).title).toBe(
    "请重新登录以恢复服务，或打开 desk、phone",
  )
})
