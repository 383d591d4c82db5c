/**
 * Bytes that one member alone can open. Decides the envelope: an algorithm id first, so that X25519 with ML-KEM-768
 * can come later beside it.
 */

import type { KeyObject } from "node:crypto"

import { concat, KEY_BYTES, keyUnusable, utf8 } from "./aead.ts"
import { hpkeOpen, hpkeSender } from "./hpke.ts"

/** HPKE base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM. */
const X25519_A256GCM = 1

/**
 * Seals to a public X25519 key. Layout: algorithm, encapsulated key, ciphertext, tag.
 *
 * @throws QuorateError `KEY_UNUSABLE` when the public key is not one.
 */
export function sealTo(recipient: Uint8Array, plain: Uint8Array, context: string): Uint8Array {
  return sealerTo(recipient, context)(plain)
}

/**
 * {@link sealTo} in two steps, of which the first is the long one. For one message only.
 *
 * @throws QuorateError `KEY_UNUSABLE` when the public key is not one.
 */
export function sealerTo(
  recipient: Uint8Array,
  context: string,
): (plain: Uint8Array) => Uint8Array {
  const sender = hpkeSender(recipient, info(context))
  if (sender === null) throw keyUnusable("an encryption key of a member is not usable")
  return (plain) =>
    concat(Uint8Array.of(X25519_A256GCM), sender.enc, sender.seal(new Uint8Array(0), plain))
}

/** Opens with the private half. @throws QuorateError `KEY_UNUSABLE` when it was not made for this key and context. */
export function openSealed(own: KeyObject, sealed: Uint8Array, context: string): Uint8Array {
  const [algorithm] = sealed
  if (algorithm !== X25519_A256GCM)
    throw keyUnusable(`the sealed ${context} has a format this version does not know`)
  const enc = sealed.subarray(1, 1 + KEY_BYTES)
  const ciphertext = sealed.subarray(1 + KEY_BYTES)
  const plain = hpkeOpen(own, info(context), new Uint8Array(0), { enc, ciphertext })
  if (plain === null) throw keyUnusable(`the sealed ${context} was not made for this profile`)
  return plain
}

function info(context: string): Uint8Array {
  return utf8(`quorate seal-to\0${context}`)
}
