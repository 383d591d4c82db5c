import { expect, test } from "vitest"

import { lab, objectOf } from "./quorate.ts"

const STATUS_KEYS = [
  "stage",
  "cause",
  "since",
  "next_attempt_at",
  "generation",
  "epoch",
  "expires_at",
  "quorum",
  "leader",
  "leader_seen_at",
  "holder",
  "role",
  "members",
]
const MEMBER_KEYS = ["id", "name", "role", "connected", "generation", "last_seen", "self"]

test("status and members have their exact keys, with times in whole seconds", async () => {
  const one = await lab()
  await one.loggedIn()

  const status = await one.json("status")
  const members = await one.json("members")

  expect(Object.keys(status.value)).toEqual(STATUS_KEYS)
  expect(status).toMatchObject({
    code: 0,
    value: { stage: "ready", cause: null, generation: 1, epoch: 1, quorum: true, role: "leader" },
  })
  for (const key of ["since", "expires_at", "leader_seen_at"]) {
    expect(Number.isInteger(status.value[key])).toBe(true)
    expect(Math.abs(Number(status.value[key]) - Date.now() / 1_000)).toBeLessThan(400)
  }
  const [member] = members.value["members"] as readonly Record<string, unknown>[]
  expect(Object.keys(members.value)).toEqual(["members"])
  expect(Object.keys(member ?? {})).toEqual(MEMBER_KEYS)
  expect(member).toMatchObject({ role: "voter", connected: true, generation: 1, self: true })
  expect(member?.["id"]).toBe(status.value["leader"])
  expect((await one.run("status")).stdout).toMatch(/^Ready\n/)
  expect((await one.run("members")).stdout).toMatch(/^NAME +ROLE .+\n.+\(this one\) +voter/)
})

test("without a login the status says what to do", async () => {
  const one = await lab()
  await one.init()

  const { code, stderr, stdout } = await one.run("status")

  expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
  expect(stdout).toMatch(/^Log in again to restore the service\n/)
  expect(stdout).toContain("nobody has logged in yet")
  expect(stdout).not.toContain("\u001B")
})

test("a person whose environment is Chinese reads the stage in Chinese, a program what it always reads", async () => {
  const one = await lab()
  await one.init()
  one.environment = { LC_ALL: "zh_CN.UTF-8" }

  const { stdout } = await one.run("status")

  expect(stdout).toMatch(/^请重新登录以恢复服务\n/)
  expect(stdout).toContain("尚未有人登录")
  expect((await one.json("status")).value).toMatchObject({ cause: "never_logged_in" })
})

test("run tells what happens, serves the others, and ends with the signal's code", async () => {
  const one = await lab()
  await one.init()
  const host = one.start("run", "--json")
  await host.prints(/"event":"started"/)
  const minted = await one.server.mint()

  await one.fed(JSON.stringify(minted), "login", "--import", "-")
  const token = await one.json("token", "--force")
  expect(token).toMatchObject({ code: 0, value: { generation: 2 } })
  expect(await one.json("status")).toMatchObject({ value: { stage: "ready", generation: 2 } })
  // The same settings, while it runs.
  expect(await one.init()).toMatchObject({ code: 0 })
  await host.prints(/"event":"token","generation":2/)
  host.process.kill("SIGTERM")
  const { code, stderr, stdout } = await host.ended

  const lines = stdout.trimEnd().split("\n").map(objectOf)
  expect({ code, stderr }).toEqual({ code: 143, stderr: "" })
  expect(lines.at(0)).toMatchObject({ event: "started", profile: one.profile })
  expect(lines.at(-1)).toEqual({ event: "stopped", signal: "SIGTERM" })
  expect(lines.filter(({ event }) => event === "token").at(-1)).toMatchObject({ generation: 2 })
  expect(stdout).not.toContain(minted.access_token)
  expect(stdout).not.toContain(String(token.value["access_token"]))
})

test("an interrupted command exits with 130 or 143 and says so once", async () => {
  const one = await lab()
  await one.loggedIn()
  const host = one.start("run")
  await host.prints(/started/)
  const watching = one.start("status", "--watch", "--json")
  await watching.prints(/"stage":"ready"/)
  const reading = one.start("token", "--rejected", "-", "--json")
  // More than a pipe holds: once it is written, the command is reading.
  await new Promise((resolve) => reading.process.stdin?.write("x".repeat(900_000), resolve))

  for (const each of [watching, reading, host]) each.process.kill("SIGINT")
  const [watched, read, hosted] = await Promise.all([watching.ended, reading.ended, host.ended])

  expect(watched).toMatchObject({ code: 130, stderr: "" })
  expect(objectOf(watched.stdout.trimEnd().split("\n").at(-1))).toHaveProperty("stage")
  expect(read).toMatchObject({ code: 130, stderr: "" })
  expect(objectOf(read.stdout)).toMatchObject({ error: { code: "INTERRUPTED" } })
  expect(hosted).toMatchObject({ code: 130, stderr: "" })
  expect(hosted.stdout).toMatch(/stopped by SIGINT\n$/)
})

test("after a logout through a running host there is no token", async () => {
  const one = await lab()
  await one.init()
  const host = one.start("run")
  await host.prints(/started/)
  await one.fed(JSON.stringify(await one.server.mint()), "login", "--import", "-")

  const logout = await one.json("logout")

  expect(logout).toEqual({ code: 0, value: { logged_out: true, epoch: 2 } })
  await expect.poll(async () => (await one.run("token")).code, { timeout: 20_000 }).toBe(3)
  expect(await one.run("token", "--cached-only")).toMatchObject({ code: 4, stdout: "" })
  expect(await one.run("logout")).toMatchObject({ code: 0 })
})

// A process that had only restored its token announced nothing when it went, and the store kept the old view.
test("after a logout without a host there is no token", async () => {
  const one = await lab()
  await one.loggedIn()

  expect(await one.run("logout")).toMatchObject({ code: 0 })

  expect(await one.run("token")).toMatchObject({ code: 3, stdout: "" })
})
