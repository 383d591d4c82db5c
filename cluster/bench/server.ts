/**
 * The authorization server in a process of its own, for measuring: what it computes does not hold up the members' parent.
 * Decides nothing; notes when each refresh arrived and took effect, and tells at the end.
 *
 * Argument: how long each answer is kept back, in ms.
 */

import { startAuthorizationServer } from "../../src/testing/authorization-server.ts"
import type { MintedTokens } from "../../src/testing/authorization-server.ts"
import { machineMs } from "../demo/protocol.ts"

/** One refresh at the server; times are {@link machineMs}. */
export interface ServedRefresh {
  /** The whole request has been read. */
  readonly arrivedAt: number
  /** The new pair exists. */
  readonly committedAt: number
  /** The server's own time for the grant, in ms. */
  readonly ownMs: number
}

export type ServerQuestion = "mint" | "account"

export type ServerAnswer =
  | { readonly type: "listening"; readonly issuer: string; readonly clientId: string }
  | { readonly type: "minted"; readonly tokens: MintedTokens }
  | {
      readonly type: "account"
      readonly served: readonly ServedRefresh[]
      readonly posts: number
      readonly spentTwice: number
    }

const arrivals: number[] = []
const commits: number[] = []
const server = await startAuthorizationServer({
  delayAfterCommitMs: Number(process.argv[2] ?? 0),
  onRequest: () => void arrivals.push(machineMs()),
  onCommit: () => void commits.push(machineMs()),
})

function tell(answer: ServerAnswer): void {
  process.send?.(answer)
}

process.on("message", (question: ServerQuestion) => {
  if (question === "mint") {
    void server.mint().then((tokens) => tell({ type: "minted", tokens }))
    return
  }
  const { posts, tokensSentTwice, refreshMs } = server.counters()
  // One refresh at a time: the n-th arrival, commit and time belong together.
  const served = refreshMs.map((ownMs, at) => ({
    arrivedAt: arrivals[at] ?? Number.NaN,
    committedAt: commits[at] ?? Number.NaN,
    ownMs,
  }))
  tell({ type: "account", served, posts, spentTwice: tokensSentTwice })
})
process.on("disconnect", () => process.exit(0))
tell({ type: "listening", issuer: server.issuer, clientId: server.clientId })
