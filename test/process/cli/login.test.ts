import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"

import { expect, onTestFinished, test } from "vitest"

import { visit } from "./person.ts"
import { type Lab, lab, objectOf, type Running } from "./quorate.ts"

/** Nobody sits before a display. */
const HEADLESS = { DISPLAY: "", WAYLAND_DISPLAY: "" }

async function headless(...args: Parameters<typeof lab>): Promise<Lab> {
  const one = await lab(...args)
  one.environment = HEADLESS
  await one.init()
  return one
}

const browserUrl = (running: Running): Promise<string> => running.tells(/log in at (\S+)\n/)

test("a login in the browser brings a token that refreshes", async () => {
  const one = await headless()
  const login = one.start("login", "--browser", "--json")

  const page = await visit(await browserUrl(login))
  const { code, stdout } = await login.ended

  expect(page).toMatchObject({
    status: 200,
    text: expect.stringMatching(/^Done here\. Close this page/),
  })
  expect(page.headers.get("content-type")).toBe("text/plain; charset=utf-8")
  expect(page.headers.get("cache-control")).toBe("no-store")
  expect({ code, value: objectOf(stdout) }).toMatchObject({
    code: 0,
    value: { epoch: 1, generation: 1, notes: [] },
  })
  expect(await one.json("token", "--force")).toMatchObject({ code: 0, value: { generation: 2 } })
  expect(one.server.counters()).toMatchObject({ posts: 1, refreshes: 1, tokensSentTwice: 0 })
  const words = one.said().match(/[A-Za-z0-9_-]{16,}/g) ?? []
  expect(words.filter((word) => one.server.numberOf(word) !== undefined)).toEqual([])
  // One shot: nobody listens any more.
  await expect(fetch(page.url)).rejects.toThrow("fetch failed")
})

test("a login in the browser asks with PKCE, a state, and a redirect to the loopback address", async () => {
  const one = await headless()
  const first = new URL(await browserUrl(one.start("login", "--browser")))
  const second = new URL(await browserUrl(one.start("login", "--browser")))

  const asked = Object.fromEntries(first.searchParams)
  expect(asked).toMatchObject({
    response_type: "code",
    client_id: "quorate-public",
    code_challenge_method: "S256",
    code_challenge: expect.stringMatching(/^[\w-]{43}$/),
    state: expect.stringMatching(/^[\w-]{43}$/),
    redirect_uri: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/callback$/),
    scope: "openid offline_access",
    prompt: "consent",
  })
  for (const name of ["state", "code_challenge"]) {
    expect(second.searchParams.get(name)).not.toBe(asked[name])
  }
})

test("an answer with another state, method, path or host changes nothing", async () => {
  const one = await headless()
  const login = one.start("login", "--browser")
  const url = await browserUrl(login)
  const asked = new URL(url).searchParams
  const redirect = asked.get("redirect_uri") ?? ""
  const state = asked.get("state") ?? ""

  const forged = [
    await fetch(`${redirect}?code=x&state=another`),
    await fetch(`${redirect}?code=x`),
    await fetch(`${redirect}?code=x&state=${state}`, { method: "POST" }),
    await fetch(`${redirect}/more?code=x&state=${state}`),
    await fetch(`${redirect.replace("127.0.0.1", "localhost")}?code=x&state=${state}`),
  ]
  const page = await visit(url)

  expect(forged.map(({ status }) => status)).toEqual([404, 404, 404, 404, 404])
  expect(page.status).toBe(200)
  expect(await login.ended).toMatchObject({ code: 0 })
})

test("an answer of another issuer ends the login, and no code is sent anywhere", async () => {
  const one = await headless()
  const login = one.start("login", "--browser", "--json")
  const asked = new URL(await browserUrl(login)).searchParams
  const query = new URLSearchParams({
    code: "x",
    state: asked.get("state") ?? "",
    iss: "https://evil.example",
  })

  await fetch(`${asked.get("redirect_uri")}?${query.toString()}`)

  const { code, stdout } = await login.ended
  expect(code).toBe(6)
  expect(objectOf(stdout)).toMatchObject({
    error: { code: "LOGIN_FAILED", hint: expect.stringMatching(/check the issuer's address/) },
  })
})

test("who declines in the browser is told so, and nothing changes", async () => {
  const one = await headless()
  const login = one.start("login", "--browser", "--json")

  await visit(await browserUrl(login), { answer: "deny" })

  const { code, stdout } = await login.ended
  expect(code).toBe(6)
  expect(objectOf(stdout)).toMatchObject({ error: { code: "DECLINED" } })
  expect(await one.run("token")).toMatchObject({ code: 3 })
})

test("a login that waits ends with the signal", async () => {
  const one = await headless()
  const login = one.start("login", "--browser")
  await browserUrl(login)

  login.process.kill("SIGINT")

  expect(await login.ended).toMatchObject({ code: 130 })
})

test("a login with a code is taken by default where there is no display", async () => {
  const one = await headless()
  const login = one.start("login", "--json")
  const url = await login.tells(/open (\S+) on any device/)
  const code = await login.tells(/enter the code (\S+)\n/)

  const page = await visit(url, { user_code: code })
  const ended = await login.ended

  expect(page.text).toContain("signed in")
  expect(ended.code).toBe(0)
  expect(objectOf(ended.stdout)).toMatchObject({ epoch: 1, generation: 1 })
  expect(ended.stderr).toContain(`or open ${url}?user_code=`)
  expect(await one.json("token", "--force")).toMatchObject({ code: 0, value: { generation: 2 } })
})

test("who declines on the other device is told so", async () => {
  const one = await headless()
  const login = one.start("login", "--device", "--json")

  const page = await visit(await login.tells(/or open (\S+)\n/), { answer: "deny" })

  expect(page.text).toContain("not signed in")
  const { code, stdout } = await login.ended
  expect(code).toBe(6)
  expect(objectOf(stdout)).toMatchObject({ error: { code: "DECLINED" } })
})

test("a confidential client proves itself in both flows", async () => {
  const one = await lab()
  one.environment = HEADLESS
  const { clientId, clientSecret } = one.server.clients.basic
  const secret = one.file("secret", clientSecret ?? "")
  const args = ["--client-id", clientId, "--client-secret-file", secret]
  await one.run("init", "--issuer", one.server.issuer, ...args)
  const browser = one.start("login", "--browser")
  await visit(await browserUrl(browser))
  expect(await browser.ended).toMatchObject({ code: 0 })

  const device = one.start("login", "--device")
  await visit(await device.tells(/or open (\S+)\n/))

  expect(await device.ended).toMatchObject({ code: 0 })
  expect((await one.json("status")).value).toMatchObject({ epoch: 2, generation: 1 })
  expect(one.said()).not.toContain(clientSecret)
})

test("where nothing interactive is possible the import is named", async () => {
  const bare = createServer((request, response) => {
    response.setHeader("content-type", "application/json")
    const issuer = `http://${request.headers.host ?? ""}`
    response.end(JSON.stringify({ issuer, token_endpoint: `${issuer}/token` }))
  }).listen(0, "127.0.0.1")
  await once(bare, "listening")
  onTestFinished(() => void bare.close())
  const origin = `http://127.0.0.1:${(bare.address() as AddressInfo).port}`
  const one = await lab()
  one.environment = HEADLESS
  await one.run("init", "--issuer", origin, "--client-id", "app")
  const two = await lab()
  await two.run("init", "--token-endpoint", `${origin}/token`, "--client-id", "app")

  const nothing = await one.run("login")
  const device = await one.run("login", "--device")
  const browser = await one.run("login", "--browser")
  const endpoint = await two.run("login", "--browser")

  expect(nothing).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/no display.*\nhint: .*--import/),
  })
  expect(device).toMatchObject({
    code: 6,
    stderr: expect.stringMatching(/no device authorization endpoint/),
  })
  expect(browser).toMatchObject({
    code: 6,
    stderr: expect.stringMatching(/no authorization endpoint/),
  })
  expect(endpoint).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/no issuer\nhint: .*--import/),
  })
})

test("an unreachable server is tried again later, and no login of theirs is shown", async () => {
  const one = await headless()
  await one.server.setOffline(true)

  const ran = await one.json("login", "--device")

  expect(ran).toMatchObject({ code: 4, value: { error: { code: "DISCOVERY_FAILED" } } })
})
