// What keeps a process alive: a caller that waits, and nothing else of the library's.

import { execFile } from "node:child_process"
import { promisify } from "node:util"

import { expect, test } from "vitest"

import { moduleUrl } from "../children.ts"
import { hostAndGuests, stage } from "./programs.ts"

/** Runs to its end. @throws with the exit code as `code` when it is not 0: 13 says that an await never settled. */
async function run(source: string): Promise<string> {
  const args = ["--input-type=module-typescript", "--eval", source]
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 20_000 })
  return stdout.trim()
}

const open = (profile: string): string => `
  import { openSession } from ${moduleUrl("index.ts")}
  const session = await openSession({ profile: ${JSON.stringify(profile)} })
`

test("a guest and a host that forget to close end with their program", async () => {
  const at = await stage()
  const { host } = await hostAndGuests(at, 0)
  const forgetful = `${open(at.profile)} console.log((await session.getToken()).generation)`

  expect(await run(forgetful)).toBe("1")
  await host.close()
  expect(await run(forgetful)).toBe("1")
})

test("a caller that waits keeps its process alive, as a host and as a guest", async () => {
  const at = await stage()
  const { host } = await hostAndGuests(at, 0)
  await at.server.setOffline(true)
  const waiting = `${open(at.profile)}
    const wait = session.getToken({ mode: "force", timeoutMs: 1500 })
    console.log(await wait.then(() => "served", ({ code }) => code))
  `

  expect(await run(waiting)).toBe("TIMEOUT")
  await host.close()
  expect(await run(waiting)).toBe("TIMEOUT")
})
