/** The seal room behind the port `Crypto`: real keys on `node:crypto`. Decides the lineage hash, nothing else. */

import { createHmac, randomBytes } from "node:crypto"

import type { Crypto } from "../ports/sealer.ts"
import { keyring } from "./keyring.ts"
import { verify } from "./member-key.ts"
import { sealerTo, sealTo } from "./sealed-to.ts"

/** Hex digits of a lineage: 128 bits, enough that no two tokens of an account meet. */
const LINEAGE_DIGITS = 32

/** Stateless; every keyring is a new one. */
export const nodeCrypto: Crypto = {
  randomBytes: (length) => new Uint8Array(randomBytes(length)),
  sealTo,
  sealerTo,
  verify,
  lineage: (clusterId, refreshToken) =>
    createHmac("sha256", clusterId).update(refreshToken).digest("hex").slice(0, LINEAGE_DIGITS),
  keyring,
}
