/**
 * Seals a profile's blobs under its 32-byte key. Decides the header and what binds a blob to its place; leaves the
 * key's keeping to the keychain or the key file.
 */

import type { AtRest } from "../ports/sealer.ts"
import { aeadOpen, aeadSeal, concat, KEY_BYTES, keyUnusable, utf8 } from "./aead.ts"

/** Version 1, algorithm 1 (AES-256-GCM, random nonce). */
const HEADER: Uint8Array = Uint8Array.of(1, 1)

/**
 * Sealing under `key`, which is copied. Layout: version, algorithm, nonce, ciphertext, tag. Header and context are
 * authenticated: a blob opens only under the name it was sealed for.
 *
 * @throws QuorateError `KEY_UNUSABLE` unless the key has 32 bytes.
 */
export function atRest(key: Uint8Array): AtRest {
  if (key.length !== KEY_BYTES)
    throw keyUnusable(`the profile's key has ${key.length} bytes, not 32`)
  const own = key.slice()
  return {
    seal: (plain, context) => concat(HEADER, aeadSeal(own, plain, associated(context))),
    open: (sealed, context) => {
      const [version, algorithm] = sealed
      if (version !== HEADER[0] || algorithm !== HEADER[1])
        throw keyUnusable(`the sealed ${context} has a format this version does not know`)
      const plain = aeadOpen(own, sealed.subarray(HEADER.length), associated(context))
      if (plain !== null) return plain
      throw keyUnusable(
        `the profile's key does not open the sealed ${context}`,
        "Restore the key that belongs to this profile, or join the cluster again.",
      )
    },
  }
}

function associated(context: string): Uint8Array {
  return concat(utf8("quorate at-rest\0"), HEADER, utf8(context))
}
