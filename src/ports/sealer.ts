/** Everything cryptographic that a member does. Synchronous; keys never leave it except wrapped. */

import type { Box, Lineage } from "../core/refresh/types.ts"

/** Bound into a box: it opens only where it was made for. */
export interface BoxContext {
  readonly clusterId: string
  readonly epoch: number
  readonly generation: number
  readonly parent: string | null
  /** Which of the two boxes, or a provider's client secret. */
  readonly purpose: "access" | "refresh" | "client-secret"
}

/** The profile's identity: its public halves, and what only the private ones can do. */
export interface Identity {
  /** Multibase Ed25519 public key, the part of a did:key after the colon (`z6Mk...`). */
  readonly memberKey: string
  /** X25519 public key, 32 bytes. */
  readonly encryptionKey: Uint8Array
  /** 32-byte Ed25519 seed, for the transport that must prove this key. */
  readonly signingSeed: Uint8Array
  sign(message: Uint8Array): Uint8Array
  /** Opens what `sealTo(encryptionKey)` made. @throws QuorateError `KEY_UNUSABLE` when it was not made for us. */
  open(sealed: Uint8Array, context: string): Uint8Array
}

/** Seals the profile's own blobs under the key of the keychain or the key file. */
export interface AtRest {
  seal(plain: Uint8Array, context: string): Uint8Array
  /** @throws QuorateError `KEY_UNUSABLE` when the key does not fit or the bytes were changed. */
  open(sealed: Uint8Array, context: string): Uint8Array
}

/** The cluster's numbered token keys that this member could unwrap. */
export interface Keyring {
  /** Adds an unwrapped key. Access and refresh keys share a number. */
  add(number: number, purpose: "access" | "refresh", key: Uint8Array): void
  has(number: number, purpose: "access" | "refresh"): boolean
  /** Seals under the newest key of the purpose. @throws QuorateError `KEY_UNUSABLE` when there is none. */
  seal(plain: Uint8Array, context: BoxContext): Box
  /** @throws QuorateError `KEY_UNUSABLE` when the key is missing or the box was made for another place. */
  open(box: Box, context: BoxContext): Uint8Array
}

/** Free functions of the seal room, as a port so that the simulator can do without real keys. */
export interface Crypto {
  /** Cryptographically random bytes. */
  randomBytes(length: number): Uint8Array
  /** Seals to a public X25519 key (HPKE, RFC 9180 base mode). */
  sealTo(publicKey: Uint8Array, plain: Uint8Array, context: string): Uint8Array
  /** {@link sealTo} in two steps, the long one first, for one message. */
  sealerTo(publicKey: Uint8Array, context: string): (plain: Uint8Array) => Uint8Array
  verify(memberKey: string, message: Uint8Array, signature: Uint8Array): boolean
  /** Keyed hash of a refresh token: HMAC-SHA-256 under the cluster id, hex, 32 characters. */
  lineage(clusterId: string, refreshToken: string): Lineage
  keyring(): Keyring
}
