// A profile's key where the keychain is missing or does not answer (DESIGN §10); a real one is in test/desktop.

import { existsSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"

import { expect, onTestFinished, test } from "vitest"

import { type Lab, lab } from "../cli/quorate.ts"

/** A session without a bus: the machine of a service, or of a script. */
async function withoutKeychain(): Promise<Lab> {
  const one = await lab()
  one.environment = { DBUS_SESSION_BUS_ADDRESS: "", XDG_RUNTIME_DIR: one.directory }
  one.keepsKeyInFile = false
  return one
}

/** Accepts and says nothing. @returns its address. */
async function silentBus(directory: string): Promise<string> {
  const path = join(directory, "bus")
  const server = createServer(() => {})
  await new Promise<void>((resolve) => server.listen(path, resolve))
  onTestFinished(() => void server.close())
  return `unix:path=${path}`
}

test("without a keychain the key is in a file, which init, status and doctor say", async () => {
  const one = await withoutKeychain()
  await one.loggedIn()

  const said = `in the file ${join(one.profile, "key")}, mode 0600; no keychain used`
  expect(one.said()).toContain(said)
  expect((await one.run("status")).stdout).toContain(said)
  expect((await one.run("doctor")).stdout).toContain(said)
  expect(await one.json("init", ...settingsOf(one))).toMatchObject({
    code: 0,
    value: { key: "file", created: false },
  })
})

test("who insists on a keychain gets an error where there is none, and no key in a file", async () => {
  const one = await withoutKeychain()

  expect(await one.json("init", ...settingsOf(one), "--key", "keychain")).toMatchObject({
    code: 5,
    value: { error: { code: "KEYCHAIN_UNAVAILABLE", hint: expect.stringContaining("--key file") } },
  })
  expect(existsSync(join(one.profile, "key"))).toBe(false)
  expect(await one.json("token")).toMatchObject({ code: 3 })
})

test("a profile keeps its key where it is, whatever is said later", async () => {
  const one = await withoutKeychain()
  await one.init()

  expect(await one.json("init", ...settingsOf(one), "--key", "keychain")).toMatchObject({
    code: 2,
    value: {
      error: { code: "ALREADY_INITIALIZED", message: expect.stringMatching(/kept in the file/) },
    },
  })
  expect((await one.run("init", ...settingsOf(one), "--key", "drawer")).stderr).toContain(
    "--key must be",
  )
})

test(
  "a keychain that hangs is given up after 3 s, and nothing is made",
  { timeout: 60_000 },
  async () => {
    const one = await lab()
    one.environment = { DBUS_SESSION_BUS_ADDRESS: await silentBus(one.directory) }
    one.keepsKeyInFile = false
    const startedAtMs = performance.now()

    expect(await one.json("init", ...settingsOf(one))).toMatchObject({
      code: 5,
      value: { error: { code: "KEYCHAIN_LOCKED", message: expect.stringMatching(/within 3 s/) } },
    })

    expect(performance.now() - startedAtMs).toBeGreaterThan(3_000)
    expect(performance.now() - startedAtMs).toBeLessThan(12_000)
    expect(readdirSync(one.profile)).toEqual(["host.lock"])
  },
)

test("a store without its key is an error, and no second key is made", async () => {
  const one = await withoutKeychain()
  await one.loggedIn()
  rmSync(join(one.profile, "key"))

  for (const args of [["token"], ["token", "--cached-only"], ["status"]]) {
    expect(await one.json(...args)).toMatchObject({
      code: 5,
      value: { error: { code: "KEY_UNUSABLE", hint: expect.stringMatching(/^restore it/) } },
    })
  }
  expect(await one.json("init", ...settingsOf(one))).toMatchObject({ code: 5 })
  expect(existsSync(join(one.profile, "key"))).toBe(false)
})

test("of two places for one key neither is guessed", async () => {
  const one = await withoutKeychain()
  await one.loggedIn()
  const entry = join(one.profile, "keychain")

  writeFileSync(entry, `${"0".repeat(32)}\n`, { mode: 0o600 })
  const both = await one.json("token")
  rmSync(join(one.profile, "key"))
  writeFileSync(entry, "../../somebody's\n", { mode: 0o600 })
  const nonsense = await one.json("token")

  for (const ran of [both, nonsense]) {
    expect(ran).toMatchObject({ code: 5, value: { error: { code: "KEY_UNUSABLE" } } })
  }
})

function settingsOf(one: Lab): readonly string[] {
  return ["--issuer", one.server.issuer, "--client-id", "quorate-public"]
}
