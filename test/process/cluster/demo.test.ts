/** The demonstration as `npm start` runs it, once to its end and once interrupted. */

import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { fileURLToPath } from "node:url"

import { expect, onTestFinished, test } from "vitest"

const DEMO = fileURLToPath(new URL("../../../cluster/demo.ts", import.meta.url))

interface Report {
  readonly ok: boolean
  readonly claims: readonly {
    readonly name: string
    readonly ok: boolean
    readonly detail: string
  }[]
}

/** Starts it with a temporary directory of its own, so that what it leaves behind is seen. */
function demo(...args: readonly string[]): {
  readonly child: ReturnType<typeof spawn>
  readonly stdout: Promise<string>
  readonly stderr: Promise<string>
  readonly exit: Promise<unknown[]>
  readonly temporary: string
} {
  const temporary = mkdtempSync(join(tmpdir(), "demo-"))
  const child = spawn(process.execPath, [DEMO, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, TMPDIR: temporary, TEMP: temporary, TMP: temporary },
  })
  const exit = once(child, "close")
  onTestFinished(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL")
    await exit
    rmSync(temporary, { recursive: true, force: true })
  })
  return { child, stdout: text(child.stdout), stderr: text(child.stderr), exit, temporary }
}

test("every claim of the demonstration holds", { timeout: 70_000 }, async () => {
  const { stdout, stderr, exit, temporary } = demo("--json")

  const [[code], out, err] = await Promise.all([exit, stdout, stderr])

  const lines = out.trimEnd().split("\n")
  const report = JSON.parse(lines.at(-1) ?? "") as Report
  expect(report.claims.filter(({ ok }) => !ok)).toEqual([])
  expect(report.claims.length).toBeGreaterThanOrEqual(6)
  for (const claim of report.claims) {
    expect(claim).toEqual({ name: expect.any(String), ok: true, detail: expect.any(String) })
  }
  expect(report).toEqual({
    ok: true,
    claims: report.claims,
    members: 3,
    refreshes: expect.any(Number),
    posts: expect.any(Number),
    tokens_spent_twice: 0,
    families_revoked: 0,
    relogins: 0,
    duration_ms: expect.any(Number),
  })
  expect(code).toBe(0)
  expect(err).toContain(`${report.claims.length} of ${report.claims.length} claims held`)
  expect(readdirSync(temporary)).toEqual([])
})

test("an interrupted demonstration leaves nothing behind", { timeout: 30_000 }, async () => {
  const { child, exit, temporary, stdout } = demo()
  const started = new Promise<readonly number[]>((resolve) => {
    let told = ""
    child.stdout?.on("data", (chunk: Buffer) => {
      told += chunk.toString()
      const pids = /run \((?<list>[^)]+)\)/.exec(told)?.groups?.["list"]?.match(/\d+/g)
      if (pids != null) resolve(pids.map(Number))
    })
  })
  const pids = await started

  child.kill("SIGINT")
  const [code, signal] = await exit

  expect([code, signal]).toEqual([130, null])
  expect(await stdout).toContain("interrupted")
  expect(pids).toHaveLength(3)
  for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow("ESRCH")
  expect(readdirSync(temporary)).toEqual([])
})
