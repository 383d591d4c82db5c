/**
 * AES-256-GCM with a random nonce, the one cipher of this room. Decides the layout nonce | ciphertext | tag; leaves
 * keys and associated data to its callers.
 */

import { createCipheriv, createDecipheriv, createSecretKey, randomBytes } from "node:crypto"

import { QuorateError } from "../core/base/errors.ts"

const NONCE_BYTES = 12
const TAG_BYTES = 16

/** Bytes of every symmetric key here. */
export const KEY_BYTES = 32

/** Encrypts under a fresh nonce. Random nonces do for 2^32 messages per key; we write a few an hour. */
export function aeadSeal(key: Uint8Array, plain: Uint8Array, associated: Uint8Array): Uint8Array {
  const nonce = randomBytes(NONCE_BYTES)
  return concat(nonce, gcmSeal(key, nonce, plain, associated))
}

/** Null when the key, the bytes or the associated data are not the ones of {@link aeadSeal}. */
export function aeadOpen(
  key: Uint8Array,
  sealed: Uint8Array,
  associated: Uint8Array,
): Uint8Array | null {
  return gcmOpen(key, sealed.subarray(0, NONCE_BYTES), sealed.subarray(NONCE_BYTES), associated)
}

/** Ciphertext and tag under a nonce that the caller never uses twice. */
export function gcmSeal(
  key: Uint8Array,
  nonce: Uint8Array,
  plain: Uint8Array,
  associated: Uint8Array,
): Uint8Array {
  const cipher = createCipheriv("aes-256-gcm", createSecretKey(key), nonce, {
    authTagLength: TAG_BYTES,
  })
  cipher.setAAD(associated)
  return concat(cipher.update(plain), cipher.final(), cipher.getAuthTag())
}

/** Null when anything does not fit; OpenSSL compares the tag in constant time. */
export function gcmOpen(
  key: Uint8Array,
  nonce: Uint8Array,
  sealed: Uint8Array,
  associated: Uint8Array,
): Uint8Array | null {
  if (nonce.length !== NONCE_BYTES || sealed.length < TAG_BYTES) return null
  const decipher = createDecipheriv("aes-256-gcm", createSecretKey(key), nonce, {
    authTagLength: TAG_BYTES,
  })
  decipher.setAAD(associated)
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES))
  const plain = decipher.update(sealed.subarray(0, -TAG_BYTES))
  try {
    return concat(plain, decipher.final())
  } catch {
    // The only reason is a wrong tag; what was decrypted before it stays here.
    plain.fill(0)
    return null
  }
}

/** A fresh array; unlike Buffer.concat it never shares a pool with other secrets. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let offset = 0
  for (const part of parts) {
    whole.set(part, offset)
    offset += part.length
  }
  return whole
}

/** UTF-8 bytes. */
export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

/** `KEY_UNUSABLE`; `what` is a whole sentence and never holds a key, a token or a reason of OpenSSL. */
export function keyUnusable(what: string, hint?: string): QuorateError {
  return new QuorateError("KEY_UNUSABLE", "store", what, { hint })
}
