/**
 * HPKE, RFC 9180, base mode, single shot: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM. Synchronous on
 * `node:crypto`. Decides nothing of its own; names are the RFC's.
 */

import { createHmac, createSecretKey, generateKeyPairSync, type KeyObject } from "node:crypto"

import { invariant } from "../core/base/assert.ts"
import { concat, gcmOpen, gcmSeal, KEY_BYTES, utf8 } from "./aead.ts"
import { agree, publicBytes } from "./keys.ts"

/** What {@link hpkeSeal} makes: the encapsulated key, then ciphertext and tag. */
export interface Encapsulated {
  readonly enc: Uint8Array
  readonly ciphertext: Uint8Array
}

const VERSION = utf8("HPKE-v1")
/** RFC 9180 §4.1: "KEM", then DHKEM(X25519, HKDF-SHA256). */
const KEM_SUITE = concat(utf8("KEM"), Uint8Array.of(0x00, 0x20))
/** RFC 9180 §5.1: "HPKE", then KEM, HKDF-SHA256 and AES-256-GCM. */
const HPKE_SUITE = concat(utf8("HPKE"), Uint8Array.of(0x00, 0x20, 0x00, 0x01, 0x00, 0x02))
const MODE_BASE = Uint8Array.of(0)
const NONCE_BYTES = 12
const NOTHING = new Uint8Array(0)

/** One message to come: all of the work that needs neither the message nor its associated data. */
export interface Sender {
  readonly enc: Uint8Array
  /** Once: the nonce is the first of its context. @throws InvariantError the second time. */
  seal(associated: Uint8Array, plain: Uint8Array): Uint8Array
}

/** Sets up for one message to an X25519 public key. Null when the key is not usable. @see RFC 9180 §5.1.1 */
export function hpkeSender(recipient: Uint8Array, info: Uint8Array): Sender | null {
  if (recipient.length !== KEY_BYTES) return null
  const ephemeral = generateKeyPairSync("x25519")
  const dh = agree(ephemeral.privateKey, recipient)
  if (dh === null) return null
  const enc = publicBytes(ephemeral.publicKey)
  const { key, nonce } = schedule(extractAndExpand(dh, concat(enc, recipient)), info)
  let isUsed = false
  return {
    enc,
    seal: (associated, plain) => {
      invariant(!isUsed, "a second message under one nonce")
      isUsed = true
      return gcmSeal(key, nonce, plain, associated)
    },
  }
}

/** Seals to an X25519 public key. Null when the key is not usable. @see RFC 9180 §6.1 */
export function hpkeSeal(
  recipient: Uint8Array,
  info: Uint8Array,
  associated: Uint8Array,
  plain: Uint8Array,
): Encapsulated | null {
  const sender = hpkeSender(recipient, info)
  return sender === null ? null : { enc: sender.enc, ciphertext: sender.seal(associated, plain) }
}

/** Opens what was sealed to `recipient`'s public half; null when anything does not fit. @see RFC 9180 §6.1 */
export function hpkeOpen(
  recipient: KeyObject,
  info: Uint8Array,
  associated: Uint8Array,
  sealed: Encapsulated,
): Uint8Array | null {
  if (sealed.enc.length !== KEY_BYTES) return null
  const dh = agree(recipient, sealed.enc)
  if (dh === null) return null
  const shared = extractAndExpand(dh, concat(sealed.enc, publicBytes(recipient)))
  const { key, nonce } = schedule(shared, info)
  return gcmOpen(key, nonce, sealed.ciphertext, associated)
}

/** RFC 9180 §4.1, ExtractAndExpand. */
function extractAndExpand(dh: Uint8Array, context: Uint8Array): Uint8Array {
  const prk = labeledExtract(KEM_SUITE, NOTHING, "eae_prk", dh)
  return labeledExpand(KEM_SUITE, prk, "shared_secret", context, 32)
}

/** RFC 9180 §5.1, KeySchedule of the base mode: no pre-shared key. */
function schedule(shared: Uint8Array, info: Uint8Array): { key: Uint8Array; nonce: Uint8Array } {
  const pskIdHash = labeledExtract(HPKE_SUITE, NOTHING, "psk_id_hash", NOTHING)
  const infoHash = labeledExtract(HPKE_SUITE, NOTHING, "info_hash", info)
  const context = concat(MODE_BASE, pskIdHash, infoHash)
  const secret = labeledExtract(HPKE_SUITE, shared, "secret", NOTHING)
  return {
    key: labeledExpand(HPKE_SUITE, secret, "key", context, KEY_BYTES),
    nonce: labeledExpand(HPKE_SUITE, secret, "base_nonce", context, NONCE_BYTES),
  }
}

function labeledExtract(
  suite: Uint8Array,
  salt: Uint8Array,
  label: string,
  material: Uint8Array,
): Uint8Array {
  return hmac(salt, concat(VERSION, suite, utf8(label), material))
}

/** One block of HKDF-Expand (RFC 5869 §2.3) is enough: nothing here is longer than 32 bytes. */
function labeledExpand(
  suite: Uint8Array,
  prk: Uint8Array,
  label: string,
  info: Uint8Array,
  length: number,
): Uint8Array {
  const labeled = concat(Uint8Array.of(0, length), VERSION, suite, utf8(label), info)
  return hmac(prk, concat(labeled, Uint8Array.of(1))).slice(0, length)
}

function hmac(key: Uint8Array, data: Uint8Array): Uint8Array {
  // Node takes a key object in half the time of the same bytes.
  return new Uint8Array(createHmac("sha256", createSecretKey(key)).update(data).digest())
}
