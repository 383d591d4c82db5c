/**
 * A token exchange to bytes, for the courier's journal. Apart from the way back (`exchange.ts`), so that the courier's
 * process loads no schemas. The bytes hold tokens: the caller seals them before they touch a disk.
 */

import type { Exchange } from "../core/oauth/types.ts"
import { pack } from "./pack.ts"

/** A journal row is not a frame: a verbose server's headers and body must fit, since losing them loses a pair. */
export const EXCHANGE_BYTES_MAX = 4_194_304

/**
 * Packs an exchange; unlike entries it is not checked first, for a pair that was received must be kept at any price.
 *
 * @throws FrameError `too-long` beyond 4 MiB.
 */
export function encodeExchange(value: Exchange): Uint8Array {
  return pack(value, EXCHANGE_BYTES_MAX)
}
