// What a process loads (DESIGN §10): a guest neither the schemas nor the network, a reader of the cached token less still.

import { execFile } from "node:child_process"
import { promisify } from "node:util"

import { expect, test } from "vitest"

import { moduleUrl } from "../children.ts"
import { hostAndGuests, stage } from "./programs.ts"

/** Prints the URLs of all modules that this process has loaded, when it ends. */
const LISTING = `
  import { registerHooks } from "node:module"
  import { writeSync } from "node:fs"
  const urls = []
  registerHooks({ load: (url, context, next) => (urls.push(url), next(url, context)) })
  process.on("exit", () => writeSync(1, JSON.stringify(urls)))
`

async function modulesOf(source: string): Promise<readonly string[]> {
  const listing = `data:text/javascript,${encodeURIComponent(LISTING)}`
  const args = ["--import", listing, "--input-type=module-typescript", "--eval", source]
  const run = await promisify(execFile)(process.execPath, args, { timeout: 20_000 })
  expect(run.stderr).toBe("")
  return JSON.parse(run.stdout) as string[]
}

/** The npm packages among them. */
function packagesOf(urls: readonly string[]): readonly string[] {
  const names = urls.flatMap((url) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1] ?? [])
  return [...new Set(names)].toSorted()
}

test("a guest loads neither zod nor libp2p nor an OAuth library", async () => {
  const at = await stage()
  await hostAndGuests(at, 0)

  const urls = await modulesOf(`
    import { openSession } from ${moduleUrl("index.ts")}
    const session = await openSession({ profile: ${JSON.stringify(at.profile)} })
    if ((await session.getToken({ mode: "force" })).generation !== 2) throw new Error("no token")
    await session.close()
  `)

  expect(urls.some((url) => url.endsWith("/session/open.ts"))).toBe(true)
  const packages = packagesOf(urls)
  expect(packages).toContain("msgpackr")
  expect(packages.filter((name) => /zod|libp2p|oauth4webapi/.test(name))).toEqual([])
})

test("a guest that stays has loaded what it takes to be the next host, but not the network", async () => {
  const at = await stage()
  await hostAndGuests(at, 0)

  const urls = await modulesOf(`
    import { openSession } from ${moduleUrl("index.ts")}
    const session = await openSession({ profile: ${JSON.stringify(at.profile)} })
    await new Promise((resolve) => setTimeout(resolve, 4_000))
    await session.close()
  `)

  expect(packagesOf(urls)).toContain("zod")
  expect(packagesOf(urls).filter((name) => name.includes("libp2p"))).toEqual([])
})

test("a reader of the cached token loads no package at all, and needs no host", async () => {
  const at = await stage()
  const { host } = await hostAndGuests(at, 0)
  await host.token({ mode: "force" })
  await host.close()

  const urls = await modulesOf(`
    import { readCachedToken } from ${moduleUrl("session/cached.ts")}
    if ((await readCachedToken(${JSON.stringify(at.profile)}))?.generation !== 2) throw new Error("no token")
  `)

  expect(packagesOf(urls)).toEqual([])
  expect(urls.filter((url) => url.includes("/machine/keychain"))).toEqual([])
})

test("a host of one member loads the schemas, but not the network", async () => {
  const at = await stage()

  const urls = await modulesOf(`
    import { openSession } from ${moduleUrl("index.ts")}
    const provider = { issuer: "http://127.0.0.1:9", clientId: "app" }
    const session = await openSession({ profile: ${JSON.stringify(at.profile)}, provider, key: "file" })
    await session.close()
  `)

  const packages = packagesOf(urls)
  expect(packages).toContain("zod")
  expect(packages.filter((name) => name.includes("libp2p"))).toEqual([])
})

test("a courier loads msgpackr alone, and neither undici nor a schema", async () => {
  const urls = await modulesOf(`
    await import(${moduleUrl("courier/errand.ts")})
    if (process.moduleLoadList.some((name) => name.includes("undici"))) throw new Error("undici")
  `)

  expect(packagesOf(urls)).toEqual(["msgpackr"])
})

test("who imports the library loads neither a package nor a session before it opens one", async () => {
  const urls = await modulesOf(`await import(${moduleUrl("index.ts")})`)

  expect(packagesOf(urls)).toEqual([])
  expect(urls.length).toBeLessThan(12)
})
