import { type AddressInfo, createServer } from "node:net"
import { once } from "node:events"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"

import { expect, test } from "vitest"

import { type JsonObject, type Lab, lab } from "./quorate.ts"

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, "close")
  return port
}

interface Device {
  readonly id: string
  readonly at: readonly ["--profile", string]
}

/** A desk that decides alone and a phone that learns from it, both of them running and logged in. */
async function deskAndPhone(one: Lab): Promise<{ readonly desk: Device; readonly phone: Device }> {
  const names = ["desk", "phone"] as const
  const made = await Promise.all(
    names.map(async (name) => {
      const profile = join(one.directory, name)
      const listen = `/ip4/127.0.0.1/tcp/${await freePort()}`
      const args = ["--issuer", one.server.issuer, "--client-id", "quorate-public"]
      const { value } = await one.json("init", ...args, "--profile", profile, "--listen", listen)
      return { name, profile, listen, value }
    }),
  )
  const members = made.map(({ listen, name, value }) => ({
    name,
    key: value["member"],
    encryption_key: value["encryption_key"],
    addresses: [listen],
    role: name === "desk" ? "voter" : "learner",
  }))
  const text = JSON.stringify({ cluster_id: "0123456789abcdef0123456789abcdef", members })
  for (const { profile } of made) {
    mkdirSync(profile, { recursive: true, mode: 0o700 })
    writeFileSync(join(profile, "members.json"), text, { mode: 0o600 })
  }
  const [desk, phone] = made.map(({ profile, value }) => ({
    id: `${String(value["member"])}.1`,
    at: ["--profile", profile] as const,
  }))
  if (desk === undefined || phone === undefined) throw new Error("two were made")
  for (const { at } of [desk, phone]) {
    await one.start("run", ...at, "--json").prints(/"event":"started"/)
  }
  await one.fed(JSON.stringify(await one.server.mint()), "login", "--import", "-", ...desk.at)
  await expect
    .poll(async () => (await one.run("token", ...phone.at)).code, { timeout: 15_000 })
    .toBe(0)
  return { desk, phone }
}

const errorOf = (value: JsonObject): JsonObject => value["error"] as JsonObject

test("remove ends a member's part, and refuses the holder of an open turn unless it is gone", async () => {
  const one = await lab({ delayBeforeCommitMs: 25_000 })
  const { desk, phone } = await deskAndPhone(one)
  one.start("token", "--force", ...phone.at)
  const holder = async (): Promise<unknown> =>
    (await one.json("status", ...desk.at)).value["holder"]
  await expect.poll(holder, { timeout: 15_000 }).toBe(phone.id)

  const refused = await one.json("remove", "phone", ...desk.at)
  const still = await one.json("members", ...desk.at)
  const removed = await one.json("remove", phone.id.slice(0, 12), "--holder-is-gone", ...desk.at)
  const left = await one.json("members", ...desk.at)

  expect(refused).toMatchObject({ code: 6, value: { error: { code: "HOLDS_TURN" } } })
  expect(errorOf(refused.value)["message"]).toContain("removing it can end the login for all")
  expect(errorOf(refused.value)["hint"]).toContain("--holder-is-gone")
  expect(still.value["members"]).toHaveLength(2)
  expect(removed).toEqual({ code: 0, value: { removed: true, id: phone.id, name: "phone" } })
  expect(left.value["members"]).toMatchObject([{ name: "desk" }])
})
