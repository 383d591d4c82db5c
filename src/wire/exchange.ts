/**
 * A recorded token exchange as bytes, for the courier's journal. It holds tokens: the caller seals the bytes before they
 * touch a disk. Judging the exchange is core/oauth's business.
 */

import { z } from "zod"
import type { Exchange } from "../core/oauth/types.ts"
import { pack, unpack } from "./pack.ts"
import { bytes, check, millis } from "./schemas.ts"

/** A journal row is not a frame: a verbose server's headers and body must fit, since losing them loses a pair. */
const EXCHANGE_BYTES_MAX = 4_194_304

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

/**
 * Packs an exchange; unlike entries it is not checked first, for a pair that was received must be kept at any price.
 *
 * @throws FrameError `too-long` beyond 4 MiB.
 */
export function encodeExchange(value: Exchange): Uint8Array {
  return pack(value, EXCHANGE_BYTES_MAX)
}

/** Unpacks and checks an exchange. @throws FrameError and nothing else. */
export function decodeExchange(packed: Uint8Array): Exchange {
  return check(exchange, unpack(packed, EXCHANGE_BYTES_MAX))
}
