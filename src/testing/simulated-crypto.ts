/**
 * A stand-in for the seal room, a hundred times as fast and as safe as no lock at all: it keeps the shape of the real
 * thing, so that what was made for another place, key or member does not open, and nothing secret is readable as it is.
 * For simulations, which run the real room for a share of their seeds.
 */

import { KEY_BYTES, keyUnusable } from "../seal/aead.ts"
import { nodeCrypto } from "../seal/crypto.ts"
import { identityFrom } from "../seal/identity.ts"
import { below, type Random } from "../core/base/random.ts"
import type { BoxContext, Crypto, Identity, Keyring } from "../ports/sealer.ts"

const ALGORITHM = "SIMULATED"
const TAG_BYTES = 8
const SIGNATURE_BYTES = 64
const identities = new Map<string, Identity>()

/** The real identity of a name: the same name has the same keys in every run. */
export function namedIdentity(name: string, secret: Uint8Array): Identity {
  let identity = identities.get(name)
  if (identity === undefined) {
    identity = identityFrom(secret)
    identities.set(name, identity)
  }
  return identity
}

/** The public half as it is, signing and opening as {@link simulatedCrypto} expects them. */
export function simulatedIdentity(real: Identity): Identity {
  return {
    ...real,
    sign: (message) => signature(real.memberKey, message),
    open: (sealed, context) => opened(real.encryptionKey, sealed, context),
  }
}

/** @param random the only source of chance, also where the real room is used. */
export function seededCrypto(random: Random, real: boolean): Crypto {
  const randomBytes = (length: number): Uint8Array =>
    Uint8Array.from({ length }, () => below(random, 256))
  if (real) return { ...nodeCrypto, randomBytes }
  return {
    randomBytes,
    sealTo: sealed,
    sealerTo: (key, context) => (plain) => sealed(key, plain, context),
    verify: (memberKey, message, given) =>
      Buffer.compare(signature(memberKey, message), given) === 0,
    lineage: (clusterId, refreshToken) => nodeCrypto.lineage(clusterId, refreshToken),
    keyring: simulatedKeyring,
  }
}

function simulatedKeyring(): Keyring {
  const keys = {
    access: new Map<number, Uint8Array>(),
    refresh: new Map<number, Uint8Array>(),
  }
  const keysFor = (context: BoxContext): Map<number, Uint8Array> =>
    keys[context.purpose === "access" ? "access" : "refresh"]
  return {
    add: (number, purpose, key) => {
      if (key.length !== KEY_BYTES) throw keyUnusable(`token key ${number} has not 32 bytes`)
      keys[purpose].set(number, key.slice())
    },
    has: (number, purpose) => keys[purpose].has(number),
    seal: (plain, context) => {
      const own = keysFor(context)
      const number = Math.max(0, ...own.keys())
      const key = own.get(number)
      if (key === undefined) throw keyUnusable(`no token key to seal a box for ${context.purpose}`)
      return { algorithm: ALGORITHM, key: number, bytes: sealed(key, plain, placeOf(context)) }
    },
    open: (box, context) => {
      const key = keysFor(context).get(box.key)
      if (key === undefined) throw keyUnusable(`token key ${box.key} is not on this device`)
      return opened(key, box.bytes, placeOf(context))
    },
  }
}

function placeOf({ clusterId, epoch, generation, parent, purpose }: BoxContext): string {
  return `${clusterId} ${epoch} ${generation} ${parent ?? "-"} ${purpose}`
}

function sealed(key: Uint8Array, plain: Uint8Array, context: string): Uint8Array {
  const bytes = Buffer.alloc(TAG_BYTES + plain.length)
  const masked = mask(key, plain)
  bytes.set(masked, TAG_BYTES)
  bytes.writeUInt32LE(hash(context, key), 0)
  bytes.writeUInt32LE(hash(context, masked), 4)
  return new Uint8Array(bytes)
}

function opened(key: Uint8Array, bytes: Uint8Array, context: string): Uint8Array {
  const masked = bytes.subarray(TAG_BYTES)
  const tag = Buffer.from(bytes.subarray(0, TAG_BYTES))
  const fits =
    tag.length === TAG_BYTES &&
    tag.readUInt32LE(0) === hash(context, key) &&
    tag.readUInt32LE(4) === hash(context, masked)
  if (!fits) throw keyUnusable("a box does not belong where it is")
  return mask(key, masked)
}

function signature(memberKey: string, message: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(SIGNATURE_BYTES)
  bytes.writeUInt32LE(hash(memberKey, message), 0)
  return new Uint8Array(bytes)
}

function mask(key: Uint8Array, bytes: Uint8Array): Uint8Array {
  return bytes.map((byte, at) => byte ^ (key[at % key.length] ?? 0) ^ (0x5a + at))
}

/** FNV-1a, 32 bits. */
function hash(text: string, bytes: Uint8Array): number {
  let value = 0x811c9dc5
  for (let at = 0; at < text.length; at += 1) {
    value = Math.imul(value ^ text.charCodeAt(at), 0x01000193)
  }
  for (const byte of bytes) value = Math.imul(value ^ byte, 0x01000193)
  return value >>> 0
}
