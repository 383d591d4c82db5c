import { createHash } from "node:crypto"
import { execFileSync } from "node:child_process"

import { expect, test } from "vitest"

import { lab } from "./quorate.ts"

const digest = (token: unknown): string =>
  `sha256:${createHash("sha256").update(String(token)).digest("hex")}`

test("token prints the access token alone, before a login exits with 3", async () => {
  const one = await lab()
  await one.init()
  const before = await one.run("token")
  const minted = await one.server.mint()

  const login = await one.fed(JSON.stringify(minted), "login", "--import", "-")
  const token = await one.run("token")

  expect(before).toMatchObject({ code: 3, stdout: "" })
  expect(before.stderr).toMatch(/^quorate: .+\nhint: .+\n$/)
  expect(login).toMatchObject({ code: 0, stderr: "" })
  expect(token).toEqual({ code: 0, stdout: `${minted.access_token}\n`, stderr: "" })
  expect(await one.run("token", "--header")).toMatchObject({
    stdout: `Authorization: Bearer ${minted.access_token}\n`,
  })
})

test("token --json has its exact keys, wherever the global options stand", async () => {
  const one = await lab()
  const minted = await one.loggedIn()

  const after = await one.json("token", "--profile", one.profile)
  const before = await one.run("--profile", one.profile, "--json", "token")

  expect(Object.keys(after.value)).toEqual([
    "access_token",
    "token_type",
    "expires_at",
    "generation",
    "epoch",
    "source",
  ])
  expect(after.value).toMatchObject({
    access_token: minted.access_token,
    token_type: "Bearer",
    generation: 1,
    epoch: 1,
    source: "cache",
  })
  const left = Number(after.value["expires_at"]) - Date.now() / 1_000
  expect(Number.isInteger(after.value["expires_at"])).toBe(true)
  expect(Math.abs(left - 300)).toBeLessThan(20)
  expect(JSON.parse(before.stdout)).toEqual(after.value)
})

test("force and a rejected token make a new generation, another token does not", async () => {
  const one = await lab()
  await one.loggedIn()

  const forced = await one.json("token", "--force")
  expect(forced).toMatchObject({ code: 0, value: { generation: 2, source: "refresh" } })

  const second = forced.value["access_token"]
  const rejected = await one.json("token", "--rejected", digest(second))
  expect(rejected).toMatchObject({ code: 0, value: { generation: 3, source: "refresh" } })

  // That token is not the current one any more: whoever was refused gets what there is.
  const late = await one.fed(`${String(second)}\n`, "token", "--rejected", "-", "--json")
  expect(JSON.parse(late.stdout)).toEqual({ ...rejected.value, source: "cache" })
  const short = await one.json("token", "--min-ttl", "400")
  expect(short).toMatchObject({ code: 0, value: { generation: 4 } })
  expect(one.server.counters()).toMatchObject({ posts: 3, refreshes: 3, tokensSentTwice: 0 })
})

test("cached-only serves what is valid and exits with 4 when nothing is", async () => {
  const one = await lab()
  await one.init()
  const nobody = await one.run("token", "--cached-only")
  const minted = await one.server.mint()
  await one.fed(JSON.stringify(minted), "login", "--import", "-")
  const valid = await one.run("token", "--cached-only")
  await one.fed(JSON.stringify({ ...minted, expires_at: 1_000 }), "login", "--import", "-")

  const expired = await one.json("token", "--cached-only")

  expect(nobody).toMatchObject({ code: 4, stdout: "" })
  expect(valid).toMatchObject({ code: 0, stdout: `${minted.access_token}\n` })
  expect(expired).toMatchObject({ code: 4, value: { error: { code: "NO_VALID_TOKEN" } } })
  expect(one.server.counters().posts).toBe(0)
})

test("an unreachable server is a time-out", async () => {
  const one = await lab()
  await one.loggedIn()
  await one.server.setOffline(true)
  const away = await one.json("token", "--force", "--timeout", "1")
  expect(away).toMatchObject({ code: 4, value: { error: { code: "TIMEOUT" } } })
  // The old token is still good.
  expect(await one.run("token")).toMatchObject({ code: 0 })
})

test.each([
  [401, "invalid_client"],
  [400, "unauthorized_client"],
  [400, "invalid_scope"],
  [400, "use_dpop_nonce"],
  [404, "no_such_page"],
])("a client that is refused with %i %s is refused at once", async (status, error) => {
  const one = await lab({ turnAway: { status, remaining: 99, retryAfter: null, error } })
  await one.loggedIn()

  const refused = await one.json("token", "--force")

  expect(refused).toMatchObject({ code: 6, value: { error: { code: "CLIENT_REFUSED" } } })
})

test("a login that the server has ended exits with 3", async () => {
  const one = await lab()
  const minted = await one.loggedIn()
  one.server.revokeFamily(minted.refresh_token)

  const ran = await one.json("token", "--force")

  expect(ran).toMatchObject({ code: 3, value: { error: { code: "LOGIN_REQUIRED" } } })
})

test("no refresh token is printed, and none stands in a process's arguments", async () => {
  const one = await lab({ delayBeforeCommitMs: 700 })
  const minted = await one.loggedIn()
  const refreshing = one.start("token", "--force", "--json")
  await expect.poll(() => one.server.counters().inFlight, { timeout: 10_000 }).toBe(1)
  const processes = execFileSync("ps", ["-eo", "args"], { encoding: "utf8" })
  await refreshing.ended
  await one.run("status")
  await one.run("status", "--json")
  await one.run("login", "--import", one.file("bad", `{"refresh_token": "${minted.refresh_token}`))
  await one.fed(minted.refresh_token, "login", "--import", "-")
  await one.run("login", minted.refresh_token)
  await one.run(`--client-secret=${minted.refresh_token}`, "token")
  await one.run("token", "--min-ttl", minted.refresh_token)
  await one.run(minted.refresh_token)
  await one.run("logout")

  const words = one.said().match(/[A-Za-z0-9_-]{16,}/g) ?? []

  expect(processes).toContain("token --force --json")
  expect(processes).not.toContain(minted.refresh_token)
  expect(processes).not.toContain(minted.access_token)
  expect(words.length).toBeGreaterThan(5)
  expect(words.filter((word) => one.server.numberOf(word) !== undefined)).toEqual([])
})
