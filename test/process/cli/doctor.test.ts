import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import { once } from "node:events"
import type { AddressInfo } from "node:net"
import { join } from "node:path"

import { expect, onTestFinished, test } from "vitest"

import { type Lab, lab } from "./quorate.ts"

interface Found {
  readonly name: string
  readonly result: string
  readonly detail: string
  readonly hint: string | null
}

interface Doctored {
  readonly code: number | null
  readonly ok: unknown
  readonly checks: readonly Found[]
  /** `server fault` of all that is not ok. */
  readonly bad: readonly string[]
  of(name: string): Found | undefined
}

async function doctor(one: Lab): Promise<Doctored> {
  const { code, value } = await one.json("doctor")
  const checks = value["checks"] as readonly Found[]
  return {
    code,
    ok: value["ok"],
    checks,
    bad: checks.filter(({ result }) => result !== "ok").map((at) => `${at.name} ${at.result}`),
    of: (name) => checks.find((at) => at.name === name),
  }
}

test("of a healthy login doctor tells everything that it looked at, one line each", async () => {
  const one = await lab({ accessTokenTtlSeconds: 600 })
  await one.loggedIn()

  const told = await doctor(one)
  const { code, stderr, stdout } = await one.run("doctor")

  expect(told).toMatchObject({ code: 0, ok: true, bad: [] })
  expect(told.checks.map(({ name }) => name)).toEqual([
    "file_system",
    "directory",
    "key",
    "store_readable",
    "store_writable",
    "host",
    "server",
    "clock",
    "refresh_grant",
    "revocation",
    "introspection",
    "replay_policy",
    "access_token_lifetime",
    "refresh_token_lifetime",
    "login",
    "members",
  ])
  for (const each of told.checks) {
    expect(Object.keys(each)).toEqual(["name", "result", "detail", "hint"])
  }
  expect(told.of("key")?.detail).toContain(`in the file ${join(one.profile, "key")}, mode 0600`)
  expect(told.of("server")?.detail).toContain(`${one.server.issuer}/token`)
  expect(told.of("access_token_lifetime")?.detail).toBe("10 min")
  expect(told.of("members")?.detail).toMatch(/ \(this one\) generation 1$/)
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
  const lines = stdout.trimEnd().split("\n")
  expect(lines).toHaveLength(told.checks.length)
  for (const line of lines) expect(line).toMatch(/^ok {5}[a-z_]+ +\S/)
  expect(one.server.counters().posts).toBe(0)
})

test("doctor sees the host, and says so of one that does not answer", async () => {
  const one = await lab()
  await one.loggedIn()
  const host = one.start("run")
  await host.prints(/started/)
  const running = await doctor(one)

  host.process.kill("SIGSTOP")
  const stopped = await doctor(one)
  host.process.kill("SIGCONT")

  const who = process.platform === "linux" ? `process ${host.process.pid}` : "a process"
  expect(running.of("host")).toMatchObject({
    result: "ok",
    detail: `${who} runs the member and answers`,
  })
  expect(running.of("members")?.result).toBe("ok")
  expect(stopped).toMatchObject({ code: 1, ok: false })
  expect(stopped.of("host")).toMatchObject({
    result: "fault",
    hint: expect.stringMatching(/suspended/),
  })
  expect(stopped.of("members")).toBeUndefined()
})

test("without a profile, without a login and without a server doctor finds and does not fail", async () => {
  const one = await lab()
  const bare = await doctor(one)
  expect(bare).toMatchObject({ code: 1, ok: false, bad: ["directory fault"] })
  expect(bare.of("directory")?.hint).toContain("quorate init")
  expect(existsSync(one.profile)).toBe(false)

  await one.init()
  const fresh = await doctor(one)
  expect(fresh).toMatchObject({ code: 0, ok: true, bad: ["login warn"] })
  expect(fresh.of("login")?.detail).toContain("nobody has logged in yet")

  await one.server.setOffline(true)
  const offline = await doctor(one)
  expect(offline).toMatchObject({ code: 1, bad: ["server fault", "login warn"] })
  expect(offline.of("server")?.detail).toContain("ECONNREFUSED")
})

test("a damaged store, a missing key and an open directory are faults with a way out", async () => {
  const one = await lab()
  await one.loggedIn()
  const key = readFileSync(join(one.profile, "key"))

  chmodSync(one.profile, 0o755)
  const open = await doctor(one)
  chmodSync(one.profile, 0o700)
  chmodSync(join(one.profile, "key"), 0o644)
  const readable = await doctor(one)
  rmSync(join(one.profile, "key"))
  const keyless = await doctor(one)
  writeFileSync(join(one.profile, "key"), key, { mode: 0o600 })
  const store = readFileSync(join(one.profile, "state.db"))
  writeFileSync(join(one.profile, "state.db"), store.fill(0x5a, 4_096), { mode: 0o600 })
  const damaged = await doctor(one)

  expect(open).toMatchObject({ code: 1, bad: ["directory fault"] })
  expect(open.of("directory")?.hint).toContain("chmod 700")
  expect(readable.bad).toEqual(["key fault"])
  expect(readable.of("key")?.hint).toContain("chmod 600")
  expect(keyless.bad).toEqual(["key fault"])
  expect(keyless.of("key")?.hint).toContain("restore it")
  expect(damaged).toMatchObject({ code: 1, bad: ["store_readable fault"] })
  expect(damaged.of("store_readable")?.detail).toContain("state.db")
})

test("a wrong clock and a server that offers little are warnings", async () => {
  const server = createServer((request, response) => {
    response.setHeader("date", new Date(Date.now() + 7_200_000).toUTCString())
    response.setHeader("content-type", "application/json")
    const issuer = `http://${request.headers.host ?? ""}`
    const grants = { grant_types_supported: ["authorization_code"] }
    response.end(JSON.stringify({ issuer, token_endpoint: `${issuer}/token`, ...grants }))
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  onTestFinished(() => void server.close())
  const one = await lab()
  const { port } = server.address() as AddressInfo
  await one.run("init", "--issuer", `http://127.0.0.1:${port}`, "--client-id", "app")

  const told = await doctor(one)

  const warned = ["clock warn", "refresh_grant warn", "revocation warn", "login warn"]
  expect(told).toMatchObject({ code: 0, ok: true, bad: warned })
  expect(told.of("clock")?.detail).toMatch(/^(?:1 h 59 min|2 h) behind the server's$/)
})

test("a token endpoint without documents is looked at without being asked for anything", async () => {
  const methods: (string | undefined)[] = []
  const server = createServer((request, response) => {
    methods.push(request.method)
    response.statusCode = 405
    response.end()
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  onTestFinished(() => void server.close())
  const one = await lab()
  const { port } = server.address() as AddressInfo
  const endpoint = `http://127.0.0.1:${port}/token`
  await one.run("init", "--token-endpoint", endpoint, "--client-id", "app")

  const told = await doctor(one)

  expect(told).toMatchObject({ code: 0, bad: ["login warn"] })
  expect(told.of("server")?.detail).toContain("no discovery document is used")
  expect(told.of("clock")?.result).toBe("ok")
  expect(methods).toEqual(["HEAD"])
})

test("doctor shows no token, no client secret and no key", async () => {
  const one = await lab()
  const { clientId, clientSecret } = one.server.clients.basic
  const secret = one.file("secret", clientSecret ?? "")
  const args = ["--client-id", clientId, "--client-secret-file", secret]
  await one.run("init", "--issuer", one.server.issuer, ...args)
  const minted = await one.server.mint({ clientId })
  await one.fed(JSON.stringify(minted), "login", "--import", "-")
  const forced = await one.json("token", "--force")
  const before = one.said().length

  await one.run("doctor")
  await one.json("doctor")
  await one.server.setOffline(true)
  await one.run("doctor")
  const said = one.said().slice(before)

  const key = readFileSync(join(one.profile, "key"))
  const canaries = [minted.access_token, minted.refresh_token, forced.value["access_token"]]
  const keys = [key.toString("hex"), key.toString("base64"), key.toString("base64url")]
  expect(said).toContain("access_token_lifetime")
  for (const secretText of [...canaries, ...keys, clientSecret]) {
    expect(said).not.toContain(String(secretText))
  }
  const words = said.match(/[A-Za-z0-9_-]{16,}/g) ?? []
  expect(words.filter((word) => one.server.numberOf(word) !== undefined)).toEqual([])
})
