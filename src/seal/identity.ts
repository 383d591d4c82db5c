/**
 * A profile's identity: an Ed25519 key that names and signs, an X25519 key that opens. Decides how both are made and
 * kept; the private halves leave this file sealed, except for the seed that the transport has to prove.
 */

import { randomBytes, sign } from "node:crypto"

import { invariant } from "../core/base/assert.ts"
import type { AtRest, Identity } from "../ports/sealer.ts"
import { concat, KEY_BYTES, keyUnusable } from "./aead.ts"
import { privateKey, publicBytes } from "./keys.ts"
import { memberKeyOf } from "./member-key.ts"
import { openSealed } from "./sealed-to.ts"

/** Binds the sealed identity to its place. */
const CONTEXT = "identity"
const FORMAT = 1
const SECRET_BYTES: number = 2 * KEY_BYTES

/** Makes a new identity and its sealed form, the bytes of the blob `identity`. */
export function createIdentity(atRest: AtRest): {
  readonly identity: Identity
  readonly sealed: Uint8Array
} {
  const secret = new Uint8Array(randomBytes(SECRET_BYTES))
  const sealed = atRest.seal(concat(Uint8Array.of(FORMAT), secret), CONTEXT)
  return { identity: identityFrom(secret), sealed }
}

/** Opens what {@link createIdentity} sealed. @throws QuorateError `KEY_UNUSABLE` when the key does not fit. */
export function openIdentity(sealed: Uint8Array, atRest: AtRest): Identity {
  const plain = atRest.open(sealed, CONTEXT)
  if (plain[0] !== FORMAT || plain.length !== 1 + SECRET_BYTES)
    throw keyUnusable("the sealed identity has a format this version does not know")
  return identityFrom(plain.slice(1))
}

/** The identity of 64 secret bytes: Ed25519 seed, then X25519 scalar. The same bytes give the same identity. */
export function identityFrom(secret: Uint8Array): Identity {
  invariant(secret.length === SECRET_BYTES, `an identity has ${SECRET_BYTES} secret bytes`)
  const signingSeed = secret.slice(0, KEY_BYTES)
  const signing = privateKey("Ed25519", signingSeed)
  const opening = privateKey("X25519", secret.subarray(KEY_BYTES))
  return {
    memberKey: memberKeyOf(publicBytes(signing)),
    encryptionKey: publicBytes(opening),
    signingSeed,
    sign: (message) => new Uint8Array(sign(null, message, signing)),
    open: (sealed, context) => openSealed(opening, sealed, context),
  }
}
