/**
 * The authorization server in a process of its own: whatever dies elsewhere, its account goes on. Decides nothing; tells each
 * arrival, commit and refusal as it happens, and takes the knobs that it is given.
 */

import { createHash } from "node:crypto"

import { startAuthorizationServer } from "../../src/testing/authorization-server.ts"
import type { AuthorizationServerCounters } from "../../src/testing/authorization-server.ts"
import { machineMs } from "../demo/protocol.ts"
import type { Hashes, Knobs, ServerEvent, ServerQuestion } from "./account.ts"

const server = await startAuthorizationServer({
  onRequest: ({ token, posts }) => tell({ type: "arrived", token, posts, at: machineMs() }),
  onCommit: ({ token, successor, hashes }) =>
    tell({
      type: "committed",
      token,
      successor,
      hashes,
      at: machineMs(),
      answersAt: machineMs() + server.knobs.delayAfterCommitMs,
    }),
  onReject: ({ token, error }) => tell({ type: "rejected", token, error, at: machineMs() }),
})

function tell(event: ServerEvent): void {
  process.send?.(event, undefined, undefined, () => undefined)
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex")
}

function turn(knobs: Partial<Knobs>): void {
  Object.assign(server.knobs, knobs)
}

async function mint(id: number): Promise<void> {
  const tokens = await server.mint()
  const number = server.numberOf(tokens.refresh_token) ?? 0
  const hashes: Hashes = {
    access: sha256(tokens.access_token),
    refresh: sha256(tokens.refresh_token),
  }
  tell({ type: "minted", id, tokens, token: number, hashes })
}

process.on("message", (question: ServerQuestion) => {
  switch (question.type) {
    case "knobs":
      turn(question.knobs)
      return tell({ type: "turned", id: question.id })
    case "mint":
      return void mint(question.id)
    case "counters": {
      const counters: AuthorizationServerCounters = server.counters()
      return tell({ type: "counters", id: question.id, counters })
    }
    default:
      return question satisfies never
  }
})
// A terminal's Ctrl-C reaches every process in front: the parent decides what becomes of this one.
process.on("SIGINT", () => undefined)
process.on("disconnect", () => process.exit(0))
tell({ type: "listening", issuer: server.issuer, clientId: server.clientId })
