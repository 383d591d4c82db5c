/**
 * A program that embeds the library, for tests that kill and stop it: opens a session, then does what each line of its
 * stdin says and answers with a line of JSON. Ends when its stdin does.
 */

import { createInterface } from "node:readline"

import { isQuorateError } from "../../../src/core/base/errors.ts"
import { openSession } from "../../../src/session/open.ts"
import type { GetTokenOptions, Session, SessionOptions } from "../../../src/session/types.ts"

export type Order =
  | { readonly type: "open"; readonly options: SessionOptions }
  | { readonly type: "token"; readonly options?: GetTokenOptions }
  | {
      readonly type: "login"
      readonly accessToken: string
      readonly refreshToken: string
      readonly lifetimeSeconds: number
    }
  | { readonly type: "logout" | "status" | "generations" | "close" }

let session: Session | null = null
/** Of every token event, in order. */
const generations: number[] = []

async function obey(order: Order): Promise<unknown> {
  if (order.type === "open") {
    session = await openSession({ key: "file", ...order.options })
    session.subscribe((event) => {
      if (event.type === "token") generations.push(event.token?.generation ?? 0)
    })
    return null
  }
  if (session === null) throw new TypeError("not open")
  switch (order.type) {
    case "token":
      return session.getToken(order.options)
    case "login": {
      const { accessToken, refreshToken, lifetimeSeconds } = order
      return session.login(
        {
          accessToken,
          tokenType: "bearer",
          refreshToken,
          expiresInSeconds: lifetimeSeconds,
          scope: null,
          refreshExpiresInSeconds: null,
          subject: null,
        },
        Date.now(),
      )
    }
    case "logout":
      return session.logout()
    case "status":
      return session.status()
    case "generations":
      return generations
    case "close":
      return session.close()
    default:
      return order satisfies never
  }
}

function errorOf(error: unknown): { code: string; message: string; hint: string | null } {
  const message = error instanceof Error ? error.message : "unknown"
  if (!isQuorateError(error)) return { code: "UNKNOWN", message, hint: null }
  return { code: error.code, message, hint: error.hint ?? null }
}

async function answer(line: string): Promise<void> {
  const { id, order } = JSON.parse(line) as { id: number; order: Order }
  const result = await obey(order).then(
    (value: unknown) => ({ id, value: value ?? null }),
    (error: unknown) => ({ id, error: errorOf(error) }),
  )
  process.stdout.write(`${JSON.stringify(result)}\n`)
}

createInterface({ input: process.stdin }).on("line", (line) => void answer(line))
