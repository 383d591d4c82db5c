// The profile's key in a real keychain (DESIGN §10): gnome-keyring on a bus of its own.

import { execFileSync } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

import { expect, test } from "vitest"

import { type Lab, lab } from "../process/cli/quorate.ts"
import { type Desktop, desktop } from "./keyring.ts"

const PROGRAM = fileURLToPath(new URL("../../src/machine/keychain-program.ts", import.meta.url))

/** The key that the keychain holds for the profile, in hexadecimal digits. */
function keyOf(one: Lab, at: Desktop): string {
  const account = readFileSync(join(one.profile, "keychain"), "utf8").trim()
  const answer = execFileSync(process.execPath, [PROGRAM], {
    input: JSON.stringify({ account, secret: null }),
    env: { ...process.env, ...at.environment },
    encoding: "utf8",
  })
  return (JSON.parse(answer) as { secret: string }).secret
}

function filesOf(profile: string): readonly string[] {
  return readdirSync(profile).toSorted()
}

/** A profile that is logged in, whose key is in the keychain because nothing else was said. */
async function loggedIn(at: Desktop): Promise<Lab> {
  const one = await labAt(at)
  await one.loggedIn()
  return one
}

async function labAt(at: Desktop): Promise<Lab> {
  const one = await lab()
  one.environment = at.environment
  one.keepsKeyInFile = false
  return one
}

test("where there is a keychain a new profile keeps its key there and nowhere else", async () => {
  const at = await desktop()

  const one = await loggedIn(at)

  expect(await one.json("token", "--force")).toMatchObject({ code: 0, value: { generation: 2 } })
  expect((await one.run("status")).stdout).toMatch(/key +in the keychain\n/)
  expect((await one.run("doctor")).stdout).toMatch(/ok +key +in the keychain\n/)
  const key = Buffer.from(keyOf(one, at), "hex")
  expect(key).toHaveLength(32)
  const forms = [key, key.toString("hex"), key.toString("base64"), key.toString("base64url")]
  const holding = filesOf(one.profile).filter((name) =>
    forms.some((form) => readFileSync(join(one.profile, name)).includes(form)),
  )
  expect(holding).toEqual([])
  expect(filesOf(one.profile)).not.toContain("key")
  expect(one.said()).not.toContain(key.toString("hex"))
})

test("a locked keychain is an error of its own and changes nothing; unlocked, all goes on", async () => {
  const at = await desktop()
  const one = await loggedIn(at)
  const before = filesOf(one.profile)

  at.lock()

  for (const args of [["token"], ["token", "--cached-only"], ["status"], ["logout"]]) {
    expect(await one.json(...args)).toMatchObject({
      code: 5,
      value: { error: { code: "KEYCHAIN_LOCKED", hint: expect.stringMatching(/^unlock it/) } },
    })
  }
  expect((await one.run("doctor")).stdout).toMatch(/fault +key +the keychain does not open/)
  expect(filesOf(one.profile)).toEqual(before)
  await at.unlock()
  expect(await one.json("token")).toMatchObject({ code: 0, value: { generation: 1 } })
})

test("a locked keychain is no reason to keep the key of a new profile in a file", async () => {
  const at = await desktop()
  const one = await labAt(at)
  const init = ["init", "--issuer", one.server.issuer, "--client-id", "app"]
  at.lock()

  const refused = await one.json(...init)
  const inFile = await one.json(...init, "--key", "file")

  expect(refused).toMatchObject({ code: 5, value: { error: { code: "KEYCHAIN_LOCKED" } } })
  expect(inFile).toMatchObject({ code: 0, value: { key: "file", created: true } })
})

test("a key that the keychain has lost is told, and no other is made", async () => {
  const at = await desktop()
  const one = await loggedIn(at)
  const other = await desktop()
  one.environment = other.environment

  expect(await one.json("token")).toMatchObject({
    code: 5,
    value: { error: { code: "KEYCHAIN_UNAVAILABLE", message: expect.stringMatching(/no key/) } },
  })
  expect(filesOf(one.profile)).not.toContain("key")
})
