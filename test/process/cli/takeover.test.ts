import { expect, test } from "vitest"

import { lab } from "./quorate.ts"

test("takeover without a terminal says what it may cost and sends nothing until --yes", async () => {
  const one = await lab()
  await one.loggedIn()

  const refused = await one.json("takeover")
  const posts = one.server.counters().posts
  const done = await one.json("takeover", "--yes")

  expect(refused).toMatchObject({
    code: 2,
    value: { error: { code: "USAGE", hint: expect.stringMatching(/--yes/) } },
  })
  expect(JSON.stringify(refused.value)).toContain("this costs nothing")
  expect(posts).toBe(0)
  expect(done).toMatchObject({ code: 0, value: { cost: "safe", spent: true, generation: 2 } })
  expect(Object.keys(done.value)).toEqual([
    "cost",
    "because",
    "holder",
    "spent",
    "generation",
    "epoch",
    "expires_at",
  ])
  expect(one.server.counters()).toMatchObject({ posts: 1, tokensSentTwice: 0 })
  const text = await one.run("takeover", "--yes")
  expect(text.stdout).toMatch(/^Refreshed: generation 3 of login 1, valid until /)
  expect(text.stderr).toContain("this costs nothing")
})

test("takeover of a refresh in doubt warns that the login may end, and then tells that it has", async () => {
  const one = await lab({ dropReplyAfterCommit: 1 })
  await one.loggedIn()
  expect(await one.run("token", "--force", "--timeout", "1")).toMatchObject({ code: 4 })

  const refused = await one.run("takeover")
  const done = await one.json("takeover", "--yes")

  expect(refused).toMatchObject({ code: 2, stdout: "" })
  expect(refused.stderr).toMatch(/The answer to the refresh of ".+" was lost.*must log in again/)
  expect(done).toMatchObject({ code: 3, value: { error: { code: "LOGIN_REQUIRED" } } })
  expect(one.server.counters()).toMatchObject({ posts: 2, familiesRevoked: 1 })
})

test("takeover where the second use is harmless keeps the login", async () => {
  const one = await lab({
    dropReplyAfterCommit: 1,
    replayPolicy: { type: "grace", windowSeconds: 600, answers: "new" },
  })
  await one.loggedIn("--replay-policy", "grace:600")
  expect(await one.run("token", "--force", "--timeout", "1")).toMatchObject({ code: 4 })

  const done = await one.json("takeover", "--yes")

  const value = { cost: "risky", because: "in_doubt", spent: true, generation: 2 }
  expect(done).toMatchObject({ code: 0, value })
  expect(done.value["holder"]).toMatch(/^z6Mk/)
  expect(await one.run("token")).toMatchObject({ code: 0 })
})

test("takeover through a running host spends once", async () => {
  const one = await lab()
  await one.loggedIn()
  const host = one.start("run")
  await host.prints(/started/)

  expect(await one.json("takeover", "--yes")).toMatchObject({ code: 0, value: { generation: 2 } })

  expect(one.server.counters()).toMatchObject({ posts: 1, tokensSentTwice: 0 })
})

test("without a login there is nothing to take over", async () => {
  const one = await lab()
  await one.init()

  expect(await one.json("takeover", "--yes")).toMatchObject({
    code: 3,
    value: { error: { code: "LOGIN_REQUIRED", message: expect.stringMatching(/never_logged_in/) } },
  })
})
