import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"

import { expect, onTestFinished, test } from "vitest"

import { lab } from "./quorate.ts"

test("init says what it made, and the same again changes nothing", async () => {
  const one = await lab()
  const settings = ["--issuer", one.server.issuer, "--client-id", "app", "--scope", "a b"]

  const first = await one.json("init", ...settings)
  const again = await one.json("init", ...settings)

  expect(first).toMatchObject({ code: 0, value: { created: true, profile: one.profile } })
  expect(first.value["member"]).toMatch(/^z6Mk/)
  expect(first.value["encryption_key"]).toMatch(/^[A-Za-z0-9_-]{43}$/)
  expect(first.value["cluster_id"]).toMatch(/^[0-9a-f]{32}$/)
  expect(first.value["listen"]).toEqual(["/ip4/127.0.0.1/tcp/0"])
  expect(again).toEqual({ code: 0, value: { ...first.value, created: false } })
})

test("init with another setting is refused, naming its option", async () => {
  const one = await lab()
  const { issuer } = one.server
  const settings = ["init", "--issuer", issuer, "--client-id", "app"]
  await one.run(...settings)
  const secret = one.file("secret", "s\n")

  const others: readonly (readonly [option: string, args: readonly string[]])[] = [
    ["--client-id", ["init", "--issuer", issuer, "--client-id", "other"]],
    ["--issuer", ["init", "--issuer", "https://other.example", "--client-id", "app"]],
    ["--token-endpoint", [...settings, "--token-endpoint", `${issuer}/token`]],
    ["--scope", [...settings, "--scope", "x"]],
    ["--replay-policy", [...settings, "--replay-policy", "reject"]],
    ["--client-secret-file", [...settings, "--client-secret-file", secret]],
    ["--listen", [...settings, "--listen", "/ip4/127.0.0.1/tcp/4001"]],
  ]
  for (const [option, args] of others) {
    const { code, stderr, stdout } = await one.run(...args)
    expect({ option, code, stdout }).toEqual({ option, code: 2, stdout: "" })
    expect(stderr).toContain(option)
  }
  expect(await one.run(...settings)).toMatchObject({ code: 0 })
})

test("init names every wrong option at once and makes nothing", async () => {
  const one = await lab()

  const ran = await one.json(
    "init",
    "--issuer",
    "http://x.example",
    "--client-id",
    "app",
    "--replay-policy",
    "perhaps",
    "--listen",
    "here",
  )

  expect(ran).toMatchObject({ code: 2, value: { error: { code: "INVALID_OPTIONS" } } })
  const { message } = ran.value["error"] as { readonly message: string }
  for (const option of ["--issuer", "--replay-policy", "--listen"]) {
    expect(message).toContain(option)
  }
  expect(existsSync(one.profile)).toBe(false)
})

test("init refuses a client secret that others may read", async () => {
  const one = await lab()
  const open = one.file("secret", "S3CRET\n")
  chmodSync(open, 0o644)

  const refused = await one.init("--client-secret-file", open)
  chmodSync(open, 0o600)
  const taken = await one.init("--client-secret-file", open)

  expect(refused).toMatchObject({ code: 2, stdout: "" })
  expect(refused.stderr).toContain("--client-secret-file")
  expect(refused.stderr).toContain("chmod 600")
  expect(taken.code).toBe(0)
  expect(one.said()).not.toContain("S3CRET")
})

test("a profile that was never set up is not made by looking at it", async () => {
  const one = await lab()
  const response = one.file("response.json", JSON.stringify(await one.server.mint()))

  const commands = [
    ["token"],
    ["token", "--cached-only"],
    ["status"],
    ["members"],
    ["logout"],
    ["takeover"],
  ]
  for (const args of [...commands, ["run"], ["login"], ["login", "--import", response]]) {
    const { code, value } = await one.json(...args)
    expect({ args, code, value }).toMatchObject({
      args,
      code: 3,
      value: { error: { code: "NOT_INITIALIZED", hint: expect.stringMatching(/quorate init/) } },
    })
  }
  expect(existsSync(one.profile)).toBe(false)
})

test("files that are no profile of this user end with 5", async () => {
  const one = await lab()
  mkdirSync(one.profile, { mode: 0o700 })
  writeFileSync(join(one.profile, "state.db"), "not a database ".repeat(100), { mode: 0o600 })
  writeFileSync(join(one.profile, "key"), Buffer.alloc(32), { mode: 0o600 })
  for (const args of [["token"], ["status"], ["token", "--cached-only"]]) {
    expect(await one.json(...args)).toMatchObject({
      code: 5,
      value: { error: { code: "STORE_FOREIGN" } },
    })
  }
  expect(await one.init()).toMatchObject({ code: 5, stdout: "" })

  const open = join(one.directory, "open")
  mkdirSync(open)
  chmodSync(open, 0o755)
  expect(await one.run("status", "--profile", open)).toMatchObject({ code: 5 })
  const file = one.file("file", "")
  expect(await one.run("status", "--profile", file)).toMatchObject({ code: 5 })

  if (process.getuid?.() !== 0) return
  const foreign = join(one.directory, "foreign")
  mkdirSync(foreign, { mode: 0o700 })
  chownSync(foreign, 12_345, 12_345)
  const ran = await one.run("token", "--profile", foreign)
  expect(ran.code).toBe(5)
  expect(ran.stderr).toContain("another user")
})

test("a planted socket is refused by name, and stays as it was", async () => {
  const one = await lab()
  await one.loggedIn()
  const socket = join(one.profile, "socket")
  const listening = createServer(() => {})
  onTestFinished(() => void listening.close())
  const refused = async (message: RegExp): Promise<void> => {
    const before = lstatSync(socket)
    expect(await one.json("token", "--force")).toMatchObject({
      code: 5,
      value: { error: { code: "STORE_UNUSABLE", message: expect.stringMatching(message) } },
    })
    expect((await one.run("doctor")).stdout).toMatch(/fault +host/)
    expect(lstatSync(socket).ino).toBe(before.ino)
  }

  writeFileSync(socket, "not a socket", { mode: 0o600 })
  await refused(/is not a socket/)
  rmSync(socket)
  await new Promise<void>((resolve) => listening.listen(socket, resolve))
  chmodSync(socket, 0o666)
  await refused(/open to other users/)
  chmodSync(socket, 0o600)
  if (process.getuid?.() === 0) {
    chownSync(socket, 12_345, 12_345)
    await refused(/another user/)
  }
  expect(one.server.counters().posts).toBe(0)
})

test("a store of a newer version ends with 5 and says to update, and stays as it was", async () => {
  const one = await lab()
  await one.loggedIn()
  const store = join(one.profile, "state.db")
  const db = new DatabaseSync(store)
  db.exec("PRAGMA user_version = 99; PRAGMA wal_checkpoint(TRUNCATE)")
  db.close()
  const before = readFileSync(store)

  const response = one.file("more.json", JSON.stringify(await one.server.mint()))
  for (const args of [["token"], ["status"], ["login", "--import", response]]) {
    expect(await one.json(...args)).toMatchObject({
      code: 5,
      value: { error: { message: expect.stringMatching(/newer/) } },
    })
  }
  expect(readFileSync(store).equals(before)).toBe(true)
})

test("a directory that cannot be made or written ends with 5, and names it", async () => {
  const one = await lab()
  for (const profile of ["/sys/quorate", join(one.file("file", ""), "below")]) {
    const settings = ["--issuer", one.server.issuer, "--client-id", "app"]
    const { code, value } = await one.json("init", ...settings, "--profile", profile)
    expect({ code, value }).toMatchObject({
      code: 5,
      value: { error: { code: "STORE_UNUSABLE", message: expect.stringContaining(profile) } },
    })
  }
})
