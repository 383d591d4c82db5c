// A login in a real browser, which the command opens by itself as on a desktop (RFC 8252).

import { expect, test } from "vitest"

import { lab, objectOf } from "../process/cli/quorate.ts"
import { chromium } from "./chromium.ts"

test("login opens the browser, and what a person allows there is a login that refreshes", async () => {
  const browser = chromium()
  const one = await lab()
  one.environment = browser.environment
  await one.init()

  const login = one.start("login", "--json")
  await browser.press()
  const page = await browser.shows(/^Done here/)
  const { code, stdout } = await login.ended

  expect(page).toMatch(/^Done here\. Close this page/)
  expect({ code, value: objectOf(stdout) }).toMatchObject({
    code: 0,
    value: { epoch: 1, generation: 1 },
  })
  expect(await one.json("token", "--force")).toMatchObject({ code: 0, value: { generation: 2 } })
  expect(one.server.counters()).toMatchObject({ refreshes: 1, tokensSentTwice: 0 })
})

test("what a person declines in the browser is told there and on the terminal", async () => {
  const browser = chromium()
  const one = await lab()
  one.environment = browser.environment
  await one.init()

  const login = one.start("login", "--browser", "--json")
  await browser.press("document.querySelector('input').value = 'deny'")
  const page = await browser.shows(/^Done here/)
  const { code, stdout } = await login.ended

  expect(page).not.toContain("access_denied")
  expect(code).toBe(6)
  expect(objectOf(stdout)).toMatchObject({ error: { code: "DECLINED" } })
  expect(await one.run("token")).toMatchObject({ code: 3 })
})
