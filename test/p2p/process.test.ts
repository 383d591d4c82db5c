import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { expect, test } from "vitest"
import { optionsOf, running, type TestMember, testMember, until } from "./members.ts"

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

/** Runs a member in a process of its own. */
function child(self: TestMember, members: readonly TestMember[], closes: boolean): ChildProcess {
  const told = {
    self: self.key,
    closes,
    members: members.map((one) => ({
      ...one,
      signingSeed: hex(one.signingSeed),
      publicKey: hex(one.publicKey),
    })),
  }
  const script = new URL("child.ts", import.meta.url).pathname
  return spawn(process.execPath, [script, JSON.stringify(told)], { stdio: "inherit" })
}

test(
  "a killed peer is noticed at once, and met again when it returns",
  { timeout: 20_000 },
  async () => {
    const members = await Promise.all([testMember("a"), testMember("b")])
    const [a, b] = members
    await using one = await running(optionsOf(a, members))
    const first = child(b, members, false)
    await until(() => one.seen.includes("up b.0"))
    one.transport.send("b.0", { type: "demand", epoch: 1, generation: 7 })
    expect(await until(() => one.seen.includes("b.0 7"))).toBe(true)

    first.kill("SIGKILL")
    const killedAtMs = performance.now()
    await until(() => one.seen.includes("down b.0"))
    expect(performance.now() - killedAtMs).toBeLessThan(1_000)
    const second = child(b, members, false)

    expect(await until(() => one.seen.at(-1) === "up b.0")).toBe(true)
    second.kill("SIGKILL")
  },
)

test("after close nothing keeps the process alive", { timeout: 20_000 }, async () => {
  const members = await Promise.all([testMember("a"), testMember("b")])
  const [a, b] = members
  await using one = await running(optionsOf(a, members))
  const other = child(b, members, true)
  const exited = once(other, "exit")

  await until(() => one.seen.includes("up b.0"))
  const closedAtMs = performance.now()

  expect(await exited).toEqual([0, null])
  expect(performance.now() - closedAtMs).toBeLessThan(900)
})
