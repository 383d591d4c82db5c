/**
 * Ed25519 and X25519 keys between raw bytes and `node:crypto`. Decides encodings (RFC 8410); holds no key.
 */

import {
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  type KeyObject,
  timingSafeEqual,
} from "node:crypto"

import { invariant } from "../core/base/assert.ts"
import { concat, KEY_BYTES } from "./aead.ts"

export type Curve = "Ed25519" | "X25519"

/** RFC 8410 §7: everything of the PKCS #8 structure before the 32 bytes of the key. */
const PKCS8: Record<Curve, Uint8Array> = {
  Ed25519: Buffer.from("302e020100300506032b657004220420", "hex"),
  X25519: Buffer.from("302e020100300506032b656e04220420", "hex"),
}

/** From the 32-byte seed (Ed25519) or scalar (X25519). */
export function privateKey(curve: Curve, raw: Uint8Array): KeyObject {
  invariant(raw.length === KEY_BYTES, `a private ${curve} key has 32 bytes`)
  const key = Buffer.from(concat(PKCS8[curve], raw))
  return createPrivateKey({ key, format: "der", type: "pkcs8" })
}

/** From the 32 bytes of RFC 8032 or 7748. */
export function publicKey(curve: Curve, raw: Uint8Array): KeyObject {
  invariant(raw.length === KEY_BYTES, `a public ${curve} key has 32 bytes`)
  const x = Buffer.from(raw).toString("base64url")
  return createPublicKey({ key: { kty: "OKP", crv: curve, x }, format: "jwk" })
}

/** The 32 public bytes that belong to a private or public key. */
export function publicBytes(key: KeyObject): Uint8Array {
  const { x } = (key.type === "private" ? createPublicKey(key) : key).export({ format: "jwk" })
  invariant(typeof x === "string", "a key without a public half")
  return new Uint8Array(Buffer.from(x, "base64url"))
}

/** The X25519 shared secret; null for a public key that would make it predictable (RFC 7748 §6.1, RFC 9180 §7.1.4). */
export function agree(own: KeyObject, theirs: Uint8Array): Uint8Array | null {
  try {
    const secret = diffieHellman({ privateKey: own, publicKey: publicKey("X25519", theirs) })
    return timingSafeEqual(secret, new Uint8Array(KEY_BYTES)) ? null : new Uint8Array(secret)
  } catch {
    // OpenSSL refuses such keys by itself.
    return null
  }
}
