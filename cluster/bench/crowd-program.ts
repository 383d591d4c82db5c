/**
 * One of many processes that share a profile, for measuring: opens it, then does what its parent says. Decides nothing;
 * notes when things happened, by the clock that all processes of the machine share.
 */

import { setTimeout as pause } from "node:timers/promises"

import { connectToHost } from "../../src/machine/guest-socket.ts"
import { profileDirectory } from "../../src/machine/profile.ts"
import { openSession } from "../../src/session/open.ts"
import type { Session, SessionOptions } from "../../src/session/types.ts"
import { parseTokenImport } from "../../src/core/oauth/import.ts"
import type { MintedTokens } from "../../src/testing/authorization-server.ts"
import { machineMs } from "../demo/protocol.ts"

export type CrowdOrder =
  | { readonly type: "open"; readonly options: SessionOptions }
  | { readonly type: "login"; readonly tokens: MintedTokens }
  /** At this moment: asks for a token, its own one being refused. */
  | { readonly type: "get"; readonly atMs: number }
  /** From now on: says when it has a host again after it has lost one. */
  | { readonly type: "lose" }
  /** So many round trips to the host, one after the other. */
  | { readonly type: "trips"; readonly count: number }
  /** So many tokens of this process's own, in batches. */
  | { readonly type: "hot"; readonly batches: number }
  | { readonly type: "close" }

export interface CrowdAnswer {
  readonly id: number
  /** When it was done, or what was measured; null: it failed. */
  readonly values: readonly number[] | null
  readonly why: string | null
}

const BATCH = 1_000

let session: Session | null = null
let profile = ""

async function obey(order: CrowdOrder): Promise<readonly number[]> {
  if (order.type === "open") {
    profile = order.options.profile
    session = await openSession(order.options)
    return []
  }
  if (session === null) throw new Error("not open")
  switch (order.type) {
    case "login":
      return login(session, order.tokens)
    case "get": {
      const rejected = (await session.getToken({ mode: "cached-only" })).accessToken
      await pause(Math.max(0, order.atMs - machineMs()))
      await session.getToken({ rejected, timeoutMs: 10_000 })
      return [machineMs()]
    }
    case "lose":
      return lost(session)
    case "trips":
      return trips(order.count)
    case "hot":
      return hot(session, order.batches)
    case "close":
      await session.close()
      return []
    default:
      return order satisfies never
  }
}

async function login(into: Session, minted: MintedTokens): Promise<readonly number[]> {
  const parsed = parseTokenImport(JSON.stringify(minted))
  if (!parsed.ok) throw new Error(parsed.problem)
  const tokens = { ...parsed.value.tokens, expiresInSeconds: minted.expires_in }
  await into.login(tokens, Date.now())
  return []
}

/** Told of the loss, and then of the next host: between the two a guest's status says why nothing moves. */
function lost(of: Session): Promise<readonly number[]> {
  return new Promise((resolve) => {
    let isLost = false
    const unsubscribe = of.subscribe((event) => {
      if (event.type !== "status") return
      const hasHost = event.status.cause !== "host_lost" && event.status.cause !== "host_silent"
      if (isLost && hasHost) {
        unsubscribe()
        resolve([machineMs()])
      }
      isLost ||= !hasHost
    })
  })
}

async function trips(count: number): Promise<readonly number[]> {
  const contact = await connectToHost(profileDirectory(profile).socket, 3_000)
  if (contact.type !== "link") throw new Error("no host answers")
  const times: number[] = []
  // Who attaches nobody gets no answers.
  contact.link.attach({ view: () => {}, member: () => {}, closed: () => {} })
  try {
    for (let at = 0; at < count; at += 1) {
      const startedAt = performance.now()
      await contact.link.call({ type: "look" }, 5_000)
      times.push(performance.now() - startedAt)
    }
  } finally {
    contact.link.close()
  }
  return times
}

/** Nanoseconds of one call, each the mean of a batch: the clock itself takes a fifth of a call. */
async function hot(from: Session, batches: number): Promise<readonly number[]> {
  const times: number[] = []
  for (let batch = 0; batch < batches; batch += 1) {
    const startedAt = process.hrtime.bigint()
    for (let at = 0; at < BATCH; at += 1) await from.getToken()
    times.push(Number(process.hrtime.bigint() - startedAt) / BATCH)
  }
  return times
}

process.on("message", ({ id, order }: { readonly id: number; readonly order: CrowdOrder }) => {
  void obey(order).then(
    (values) => process.send?.({ id, values, why: null } satisfies CrowdAnswer),
    (error: unknown) => {
      const why = error instanceof Error ? error.message : "unknown"
      process.send?.({ id, values: null, why } satisfies CrowdAnswer)
    },
  )
})
process.on("disconnect", () => process.exit(0))
