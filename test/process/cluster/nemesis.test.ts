/** The nemesis as `npm run nemesis` runs it: a short run that must find nothing, one that is interrupted, and wrong options. */

import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { fileURLToPath } from "node:url"

import { expect, onTestFinished, test } from "vitest"

import { running } from "../../../cluster/processes.ts"

const NEMESIS = fileURLToPath(new URL("../../../cluster/nemesis.ts", import.meta.url))
/** Of a run on the machine that built it: what a seed draws does not change, what it hits does. */
const SEED = 20_261_126

function nemesis(...args: readonly string[]): {
  readonly child: ReturnType<typeof spawn>
  readonly stdout: Promise<string>
  readonly stderr: Promise<string>
  readonly exit: Promise<unknown[]>
  readonly temporary: string
} {
  const temporary = mkdtempSync(join(tmpdir(), "nemesis-"))
  const child = spawn(process.execPath, [NEMESIS, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, TMPDIR: temporary, TEMP: temporary, TMP: temporary },
  })
  const exit = once(child, "close")
  onTestFinished(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM")
    await exit
    rmSync(temporary, { recursive: true, force: true })
  })
  return { child, stdout: text(child.stdout), stderr: text(child.stderr), exit, temporary }
}

/** Processes of a run that are still there: all that it starts, directly or not, are given its temporary directory. */
function leftIn(temporary: string): readonly number[] {
  const programs = ["member.ts", "nemesis/server.ts", "courier/program.ts", "session/committer.ts"]
  return programs
    .flatMap((program) => running(program))
    .filter(({ shown }) => shown.includes(temporary))
    .map(({ pid }) => pid)
}

test("a short run breaks no rule", { timeout: 90_000 }, async () => {
  const { exit, stderr, stdout, temporary } = nemesis("--minutes", "0.15", "--seed", String(SEED))

  const [[code], out, err] = await Promise.all([exit, stdout, stderr])

  // The seed and what was seen are in the output: it is what a failure shows.
  expect(out).toContain(`seed ${SEED}:`)
  expect(out).toContain("0 tokens spent twice, 0 logins revoked")
  expect(out).toContain("no violation")
  expect({ code, err }).toEqual({ code: 0, err: "" })
  expect(readdirSync(temporary)).toEqual([])
  expect(leftIn(temporary)).toEqual([])
})

test("an interrupted run leaves nothing behind", { timeout: 60_000 }, async () => {
  const { child, exit, temporary } = nemesis("--minutes", "5", "--seed", String(SEED))
  await new Promise<void>((resolve) => {
    child.stdout?.on("data", (chunk: Buffer) => {
      if (chunk.includes("round")) resolve()
    })
  })

  child.kill("SIGINT")

  expect(await exit).toEqual([130, null])
  expect(readdirSync(temporary)).toEqual([])
  expect(leftIn(temporary)).toEqual([])
})

test.each([
  [["--frobnicate"], "--frobnicate"],
  [["--minutes", "many"], "--minutes must be a number"],
])("%j: a line about the mistake, how to use it, and exit code 2", async (args, problem) => {
  const { exit, stderr } = nemesis(...args)

  expect(await exit).toEqual([2, null])
  const lines = (await stderr).split("\n")
  expect(lines[0]).toContain(problem)
  expect(lines[1]).toMatch(/^usage: npm run nemesis/)
})
