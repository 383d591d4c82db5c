import { describe, expect, test } from "vitest"

import { describeStage, reasonOf, type StageStatus } from "../../../src/core/refresh/describe.ts"
import { stageTexts } from "../../../src/core/refresh/texts.ts"
import { STAGES, told } from "./fixtures.ts"

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

  test.each(["in_doubt", "spent_elsewhere", "holder_away"])(
    "%s names the device that may hold the pair before anybody is asked to log in",
    (cause) => {
      const named = describeStage(told("connecting", cause, ["desk"]))

      expect(named).toMatchObject({ title: "Connecting...", action: "Open desk." })
      expect(describeStage(told("connecting", cause)).action).toBeNull()
    },
  )

  test("a device that is connected already is not named", () => {
    const status = told("relogin", "stuck", ["desk"])
    const members = status.members.map((one) => ({ ...one, connected: true }))

    expect(describeStage({ ...status, members }).title).toBe("Log in again to restore the service")
  })

  test("no device is named where opening one does not help", () => {
    expect(describeStage(told("connecting", "no_quorum", ["desk"])).action).not.toMatch(/desk/)
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

  test.each([
    ["starting", "starting"],
    ["not_initialized", "never_logged_in"],
    ["logged_out", "logged_out"],
    ["stuck", "stuck"],
    ["no_quorum", "no_quorum"],
    ["courier_died", "in_doubt"],
    ["spent_elsewhere", "spent_elsewhere"],
    ["holder_away", "holder_away"],
    ["slow_answer", "slow_answer"],
    ["no_full_member", "no_full_member"],
    ["earlier_request", "earlier_request"],
    ["idle", "idle"],
    ["CLAIM_FAILED", "store_failed"],
    ["timeout", "host_lost"],
    ["host_busy", "host_silent"],
    ["host_version", "host_version"],
    ["wrong_identity", "wrong_identity"],
    ["TIMEOUT", "unreachable"],
    ["captive_portal", "misunderstood"],
    ["BODY_TOO_LARGE", "misunderstood"],
    ["client_refused", "client_refused"],
    ["INSECURE_URL", "settings"],
    ["discovery_failed", "not_prepared"],
    ["found_unsent", "not_sent"],
    ["transient", "transient"],
  ] as const)("our own word %s is told as %s, in every stage", (cause, reason) => {
    expect(STAGES.map((stage) => reasonOf(stage, cause))).toEqual(STAGES.map(() => reason))
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
