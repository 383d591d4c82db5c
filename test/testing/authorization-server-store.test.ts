/** The store of the authorization server where its order of events cannot be had over HTTP. */

import { afterEach, expect, test, vi } from "vitest"
import type { ReplayPolicy } from "../../src/core/oauth/types.ts"
import { TokenStore } from "../../src/testing/authorization-server/store.ts"
import type { AuthorizationServerKnobs } from "../../src/testing/authorization-server/types.ts"

afterEach(() => {
  vi.useRealTimers()
})

function storeWith(replayPolicy: ReplayPolicy): {
  readonly store: TokenStore
  readonly tokens: ReturnType<TokenStore["adapter"]>
  readonly reuse: ReturnType<typeof vi.fn<(grantId: string) => void>>
} {
  const knobs: AuthorizationServerKnobs = {
    replayPolicy,
    rotate: true,
    accessTokenTtlSeconds: 60,
    refreshTokenTtlSeconds: 60,
    delayBeforeCommitMs: 0,
    delayAfterCommitMs: 0,
    dropReplyAfterCommit: 0,
    failAfterConsume: 0,
    turnAway: null,
  }
  const reuse = vi.fn<(grantId: string) => void>()
  const store = new TokenStore(knobs, { onReuse: reuse, refusal: (detail) => new Error(detail) })
  return { store, tokens: store.adapter("RefreshToken"), reuse }
}

test("a successor that is stored after its family died is dead", async () => {
  const { store, tokens, reuse } = storeWith({ type: "strict" })
  await tokens.upsert("RT0", { grantId: "g" }, 60)
  await tokens.consume("RT0")
  await expect(tokens.consume("RT0")).rejects.toThrow("already used")

  await tokens.upsert("RT1", { grantId: "g" }, 60)

  expect(reuse).toHaveBeenCalledExactlyOnceWith("g")
  expect([store.isCurrent("RT1"), store.familyLives("RT1")]).toEqual([false, false])
})

test("a grace window counts from the first use, however often the token is used in it", async () => {
  vi.useFakeTimers()
  const { tokens } = storeWith({ type: "grace", windowSeconds: 10, answers: "new" })
  await tokens.upsert("RT0", { grantId: "g" }, 60)

  for (let second = 0; second < 9; second += 3) {
    await tokens.consume("RT0")
    vi.advanceTimersByTime(3_000)
  }
  expect(await tokens.find("RT0")).not.toHaveProperty("consumed")
  vi.advanceTimersByTime(1_500)

  expect(await tokens.find("RT0")).toHaveProperty("consumed")
  await expect(tokens.consume("RT0")).rejects.toThrow("already used")
})

test("confirm: of several successors only the newest lives, with its access token", async () => {
  const { store, tokens } = storeWith({ type: "confirm" })
  const accessTokens = store.adapter("AccessToken")
  await tokens.upsert("RT0", { grantId: "g" }, 60)
  for (const n of [1, 2]) {
    await tokens.consume("RT0")
    await tokens.upsert(`RT${n}`, { grantId: "g" }, 60)
    await accessTokens.upsert(`AT${n}`, { grantId: "g" }, 60)
    store.link("RT0", `RT${n}`, `AT${n}`)
  }

  expect(["RT1", "RT2"].map((token) => store.isCurrent(token))).toEqual([false, true])
  expect(await accessTokens.find("AT1")).toBe(undefined)
  expect(await accessTokens.find("AT2")).toBeDefined()
})

test("what expired is gone, and nothing is known of a token that never was", async () => {
  vi.useFakeTimers()
  const { store, tokens } = storeWith({ type: "strict" })
  await tokens.upsert("RT0", { grantId: "g" }, 60)

  vi.advanceTimersByTime(60_001)

  expect(store.isCurrent("RT0")).toBe(false)
  expect(await tokens.find("RT0")).toBe(undefined)
  await expect(tokens.consume("never")).rejects.toThrow("already used")
  store.revokeFamily("never")
  expect(store.familyLives("never")).toBe(false)
})
