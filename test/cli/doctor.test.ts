import { expect, test } from "vitest"

import { check, checksJson, checkText } from "../../src/cli/doctor/check.ts"
import { writable } from "../../src/cli/doctor/disk.ts"
import { checkLifetimes, loginCheck, membersCheck } from "../../src/cli/doctor/login.ts"
import { clockCheck } from "../../src/cli/doctor/server.ts"
import { vendorOf } from "../../src/cli/doctor/vendors.ts"
import { SETTLED } from "./samples.ts"

const plain = (_: string, text: string): string => text
const HOUR_MS = 3_600_000

test("a check is one line: its result, its name, what was found and what to do", () => {
  const bad = check("fault", "key", "it is gone", "restore it")

  expect(checkText(bad, plain)).toBe("fault  key                     it is gone (restore it)")
  expect(checkText(check("ok", "clock", "agrees"), plain)).toBe(
    "ok     clock                   agrees",
  )
  expect(checksJson([bad])).toEqual({
    ok: false,
    checks: [{ name: "key", result: "fault", detail: "it is gone", hint: "restore it" }],
  })
  expect(checksJson([check("warn", "clock", "x")])).toMatchObject({ ok: true })
})

test.each([
  [null, "warn", "the server told no time that could be compared"],
  [{ offsetMs: 400, uncertaintyMs: 600 }, "ok", "agrees with the server's"],
  [{ offsetMs: -20_000, uncertaintyMs: 600 }, "ok", "20 s ahead of the server's"],
  [{ offsetMs: -30_601, uncertaintyMs: 600 }, "warn", "30 s ahead of the server's"],
  [{ offsetMs: 7_200_000, uncertaintyMs: 600 }, "warn", "2 h behind the server's"],
])("a clock offset of %j is %s", (offset, result, detail) => {
  expect(clockCheck(offset)).toMatchObject({ result, detail })
})

test.each([
  [HOUR_MS, 30 * 24 * HOUR_MS, "ok ok"],
  [HOUR_MS + 1, null, "warn ok"],
  [299_999, 30 * 24 * HOUR_MS - 1, "warn warn"],
  [300_000, 1, "ok warn"],
])("lifetimes of %i ms and %j ms are %s", (accessMs, refreshMs, results) => {
  const checks = checkLifetimes({ accessMs, refreshMs })

  expect(checks.map(({ result }) => result).join(" ")).toBe(results)
  for (const { hint, result } of checks) expect(hint === null).toBe(result === "ok")
})

test("without a login there are no lifetimes", () => {
  expect(checkLifetimes(null)).toEqual([])
})

test.each([
  ["ready", null, "ok"],
  ["retrying", "http_503", "ok"],
  ["connecting", "no_quorum", "warn"],
  ["relogin", "never_logged_in", "warn"],
  ["relogin", "logged_out", "warn"],
  ["relogin", "invalid_grant", "fault"],
  ["relogin", "stuck", "fault"],
] as const)("a login that is %s because of %j is %s", (stage, cause, result) => {
  expect(loginCheck({ ...SETTLED, stage, cause }).result).toBe(result)
})

test("members are told with their generations, and who is behind or away", () => {
  const [laptop, desk] = SETTLED.members
  if (laptop === undefined || desk === undefined) throw new Error("two are there")
  const behind = { ...desk, connected: true, generation: 2 }

  expect(membersCheck(SETTLED)).toMatchObject({
    result: "ok",
    detail: "laptop (this one) generation 3, desk generation unknown, away",
  })
  expect(membersCheck({ ...SETTLED, members: [laptop, behind] })).toMatchObject({
    result: "warn",
    detail: "laptop (this one) generation 3, desk generation 2",
  })
  expect(membersCheck({ ...SETTLED, quorum: false })).toMatchObject({
    result: "warn",
    hint: "too few are reachable to agree",
  })
})

test("a directory that cannot be written is a fault with the system's word for it", () => {
  expect(writable("/proc/no/such")).toMatchObject({
    result: "fault",
    detail: expect.stringMatching(/ENOENT/),
  })
})

test.each([
  ["https://tenant.eu.auth0.com/", "Auth0"],
  ["https://dev-1.okta.com/oauth2/default", "Okta"],
  ["https://accounts.google.com", "Google"],
  ["https://login.microsoftonline.com/common/v2.0", "Microsoft Entra"],
  ["https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_x", "Amazon Cognito"],
  ["https://abc.supabase.co/auth/v1", "Supabase"],
  ["https://login.example/auth/realms/main", "Keycloak"],
  ["https://login.example/realms/main", "Keycloak"],
  ["https://notauth0.com/", null],
  ["https://accounts.google.com.example", null],
  ["no address", null],
])("%s is of %s", (address, name) => {
  expect(vendorOf(address)?.name ?? null).toBe(name)
})
