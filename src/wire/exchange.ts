/** A recorded token exchange, read back from the courier's journal. Judging it is core/oauth's business. */

import { z } from "zod"
import type { Exchange } from "../core/oauth/types.ts"
import { EXCHANGE_BYTES_MAX } from "./exchange-bytes.ts"
import { unpack } from "./pack.ts"
import { bytes, check, millis } from "./schemas.ts"

const exchange: z.ZodType<Exchange> = z.strictObject({
  startedAtMs: millis,
  finishedAtMs: millis,
  connected: z.boolean(),
  bodySent: z.boolean(),
  response: z
    .strictObject({
      status: z.int().min(0).max(999),
      headers: z.array(z.tuple([z.string(), z.string()])).max(4_096),
      body: bytes(EXCHANGE_BYTES_MAX),
      complete: z.boolean(),
    })
    .nullable(),
  failure: z
    .strictObject({
      phase: z.literal(["prepare", "dns", "connect", "tls", "claim", "send", "response"]),
      code: z.string().max(256),
    })
    .nullable(),
})

/** Unpacks and checks an exchange. @throws FrameError and nothing else. */
export function decodeExchange(packed: Uint8Array): Exchange {
  return check(exchange, unpack(packed, EXCHANGE_BYTES_MAX))
}
