/**
 * The cluster's token keys and the boxes under them. Decides what a box is bound to; leaves who gets which key to the
 * log (design §11).
 */

import { timingSafeEqual } from "node:crypto"

import { invariant } from "../core/base/assert.ts"
import type { BoxContext, Keyring } from "../ports/sealer.ts"
import { aeadOpen, aeadSeal, KEY_BYTES, keyUnusable, utf8 } from "./aead.ts"

/** AES-256-GCM under a numbered key of the cluster; bytes are nonce, ciphertext, tag. */
const ALGORITHM = "A256GCM"

type KeyPurpose = "access" | "refresh"

/** An empty keyring. Keys are copied in and never come out. */
export function keyring(): Keyring {
  const keys: Record<KeyPurpose, Map<number, Uint8Array>> = {
    access: new Map(),
    refresh: new Map(),
  }
  return {
    add: (number, purpose, key) => {
      invariant(Number.isSafeInteger(number) && number > 0, "a token key has a number from 1")
      if (key.length !== KEY_BYTES) throw keyUnusable(`token key ${number} has not 32 bytes`)
      const known = keys[purpose].get(number)
      if (known !== undefined && !timingSafeEqual(known, key))
        throw keyUnusable(`token key ${number} exists with other bytes`)
      keys[purpose].set(number, key.slice())
    },
    has: (number, purpose) => keys[purpose].has(number),
    seal: (plain, context) => {
      const own = keys[keyPurpose(context)]
      const number = Math.max(0, ...own.keys())
      const key = own.get(number)
      if (key === undefined) throw keyUnusable(`no token key to seal a box for ${context.purpose}`)
      const bytes = aeadSeal(key, plain, associated(number, context))
      return { algorithm: ALGORITHM, key: number, bytes }
    },
    open: (box, context) => {
      if (box.algorithm !== ALGORITHM)
        throw keyUnusable(
          `a box for ${context.purpose} has an algorithm this version does not know`,
        )
      const key = keys[keyPurpose(context)].get(box.key)
      if (key === undefined) throw keyUnusable(`token key ${box.key} is not on this device`)
      const plain = aeadOpen(key, box.bytes, associated(box.key, context))
      if (plain === null)
        throw keyUnusable(`a box does not belong where it is (${context.purpose})`)
      return plain
    },
  }
}

/** A client secret travels like a refresh token: owner-only members and witnesses never open it. */
function keyPurpose(context: BoxContext): KeyPurpose {
  return context.purpose === "access" ? "access" : "refresh"
}

/** One text per place: a JSON array has no two readings. */
function associated(number: number, context: BoxContext): Uint8Array {
  const { clusterId, epoch, generation, parent, purpose } = context
  return utf8(
    JSON.stringify([
      "quorate box",
      ALGORITHM,
      number,
      clusterId,
      epoch,
      generation,
      parent,
      purpose,
    ]),
  )
}
