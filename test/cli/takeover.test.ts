import { PassThrough } from "node:stream"

import { expect, test } from "vitest"

import { costText } from "../../src/cli/commands/takeover.ts"
import { confirmed, type Terminal } from "../../src/cli/confirm.ts"
import { SETTLED } from "./samples.ts"

function terminal(isTTY = true): Terminal & { readonly stdin: PassThrough; shown(): string } {
  const stdin = Object.assign(new PassThrough(), { isTTY })
  const stderr = new PassThrough()
  return { stdin, stderr, shown: () => String(stderr.read() ?? "") }
}

const never = new AbortController().signal

test.each([
  ["y\n", true],
  ["YES\n", true],
  [" y \n", true],
  ["\n", false],
  ["n\n", false],
  ["yeah\n", false],
])("a person who answers %j is heard as %s", async (answer, heard) => {
  const at = terminal()
  const asked = confirmed("Really?", never, at)

  at.stdin.write(answer)

  expect(await asked).toBe(heard)
  expect(at.shown()).toContain("Really? [y/N] ")
})

test("the end of the input is a no", async () => {
  const at = terminal()
  const asked = confirmed("Really?", never, at)

  at.stdin.end()

  expect(await asked).toBe(false)
})

test("a signal ends the question", async () => {
  const stop = new AbortController()
  const asked = confirmed("Really?", stop.signal, terminal())

  stop.abort(new Error("stopped"))

  await expect(asked).rejects.toThrow("stopped")
})

test("where nobody can be asked the question's first line is the error", async () => {
  const at = terminal(false)

  await expect(confirmed("It costs.\nReally?", never, at)).rejects.toMatchObject({
    kind: "usage",
    message: "--yes is needed where nobody can be asked. It costs.",
  })
  expect(at.shown()).toBe("")
})

test("the cost names the device that may have spent the token, and no name forges a line", () => {
  const [desk] = SETTLED.members.slice(1)
  const renamed = { members: desk === undefined ? [] : [{ ...desk, name: "desk\nall is well" }] }
  const risky = (because: "in_doubt" | "open_turn", holder: string): string =>
    costText({ type: "risky", because, holder }, renamed)

  expect(risky("in_doubt", "z6MkB.1")).toMatch(/^The answer .* of "desk\\nall is well" was lost/)
  expect(risky("open_turn", "z6MkC.1")).toMatch(/^"z6MkC.1" may be refreshing right now. If so, /)
  const alone = costText({ type: "risky", because: "no_quorum", holder: null }, SETTLED)
  expect(alone).toMatch(/^Too few members .* somebody must log in again\.$/)
  expect(costText({ type: "safe" }, SETTLED)).toContain("costs nothing")
})
