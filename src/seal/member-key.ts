/**
 * A member's public name: the multibase of its Ed25519 key, as in `did:key` (W3C). Decides what is a well-formed name
 * and a good signature; leaves to the log who is a member.
 */

import { createHash, type KeyObject, verify as verifySignature } from "node:crypto"

import { base58btc } from "multiformats/bases/base58"

import { equalBytes } from "../core/base/bytes.ts"
import { QuorateError } from "../core/base/errors.ts"
import { concat, KEY_BYTES } from "./aead.ts"
import { publicKey } from "./keys.ts"

/** Multicodec `ed25519-pub` as a varint. */
const ED25519_PUB: Uint8Array = Uint8Array.of(0xed, 0x01)
/** "z", then 34 bytes in base 58: with these two first bytes always 47 characters, the first three of them "6Mk". */
const MEMBER_KEY: RegExp = /^z6Mk[1-9A-HJ-NP-Za-km-z]{44}$/
const SIGNATURE_BYTES = 64

/** `z6Mk...` of a 32-byte Ed25519 public key. */
export function memberKeyOf(publicKeyBytes: Uint8Array): string {
  return base58btc.encode(concat(ED25519_PUB, publicKeyBytes))
}

/** The 32 bytes behind a member key. @throws QuorateError `USAGE` when the text is not exactly one. */
export function publicKeyOf(memberKey: string): Uint8Array {
  const bytes = MEMBER_KEY.test(memberKey) ? base58btc.decode(memberKey) : null
  const fits =
    bytes !== null &&
    bytes.length === ED25519_PUB.length + KEY_BYTES &&
    equalBytes(bytes.subarray(0, ED25519_PUB.length), ED25519_PUB)
  if (!fits) throw new QuorateError("USAGE", "usage", "not a member key (z6Mk and 44 characters)")
  return new Uint8Array(bytes.subarray(ED25519_PUB.length))
}

/** For people who compare two screens: 80 bits of SHA-256 of the key, five groups of four hex digits. */
export function fingerprint(memberKey: string): string {
  const hex = createHash("sha256").update(publicKeyOf(memberKey)).digest("hex").slice(0, 20)
  return (hex.match(/.{4}/g) ?? []).join("-")
}

/** Making a key object costs more than the check; a cluster has at most 32 members, now and then with a new key. */
const verifiers = new Map<string, KeyObject>()
const VERIFIERS_MAX = 64

function verifier(memberKey: string): KeyObject {
  const known = verifiers.get(memberKey)
  if (known !== undefined) return known
  const made = publicKey("Ed25519", publicKeyOf(memberKey))
  if (verifiers.size >= VERIFIERS_MAX) verifiers.clear()
  verifiers.set(memberKey, made)
  return made
}

/** True when `memberKey` signed `message` (Ed25519). Never throws, whatever a peer says. */
export function verify(memberKey: string, message: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== SIGNATURE_BYTES) return false
  try {
    return verifySignature(null, message, verifier(memberKey), signature)
  } catch {
    return false
  }
}
