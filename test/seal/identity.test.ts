// Identities and member keys: DESIGN §2 and §11; did:key of the W3C; RFC 8032.

import fc from "fast-check"
import { expect, test } from "vitest"

import { atRest } from "../../src/seal/at-rest.ts"
import { createIdentity, identityFrom, openIdentity } from "../../src/seal/identity.ts"
import { agree, privateKey } from "../../src/seal/keys.ts"
import { fingerprint, memberKeyOf, publicKeyOf, verify } from "../../src/seal/member-key.ts"
import { thrownBy } from "../../src/testing/suites/runner.ts"

const KEY = new Uint8Array(32).fill(1)
const MESSAGE = Uint8Array.of(1, 2, 3)

function hex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "hex"))
}

test("a sealed identity comes back as the same member", () => {
  const { identity, sealed } = createIdentity(atRest(KEY))

  const opened = openIdentity(sealed, atRest(KEY))

  expect(opened.memberKey).toBe(identity.memberKey)
  expect(opened.encryptionKey).toEqual(identity.encryptionKey)
  expect(opened.signingSeed).toEqual(identity.signingSeed)
  expect(verify(identity.memberKey, MESSAGE, opened.sign(MESSAGE))).toBe(true)
})

test("two identities differ in every key", () => {
  const [a, b] = [createIdentity(atRest(KEY)).identity, createIdentity(atRest(KEY)).identity]

  expect(a.memberKey).not.toBe(b.memberKey)
  expect(a.encryptionKey).not.toEqual(b.encryptionKey)
})

test("a sealed identity opens under its key alone", () => {
  const { sealed } = createIdentity(atRest(KEY))
  const other = atRest(new Uint8Array(32))

  expect(thrownBy(() => openIdentity(sealed, other))).toBe("KEY_UNUSABLE")
  expect(thrownBy(() => openIdentity(atRest(KEY).seal(MESSAGE, "identity"), atRest(KEY)))).toBe(
    "KEY_UNUSABLE",
  )
})

test("a sealed identity does not show its seed", () => {
  const { identity, sealed } = createIdentity(atRest(KEY))

  expect(Buffer.from(sealed).includes(Buffer.from(identity.signingSeed))).toBe(false)
})

// RFC 8032 §7.1, tests 1 to 3.
test.each([
  [
    "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    "",
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
  ],
  [
    "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
    "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
    "72",
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
  ],
])("Ed25519 agrees with the RFC for seed %s", (seed, publicKey, message, signature) => {
  const identity = identityFrom(Uint8Array.of(...hex(seed), ...KEY))

  expect(publicKeyOf(identity.memberKey)).toEqual(hex(publicKey))
  expect(identity.sign(hex(message))).toEqual(hex(signature))
  expect(verify(identity.memberKey, hex(message), hex(signature))).toBe(true)
})

// RFC 7748 §6.1: Alice and Bob.
test("X25519 agrees with the RFC", () => {
  const alice = hex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")
  const bob = hex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f")

  const identity = identityFrom(Uint8Array.of(...KEY, ...alice))

  const ours = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
  const shared = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"
  expect(identity.encryptionKey).toEqual(hex(ours))
  expect(agree(privateKey("X25519", alice), bob)).toEqual(hex(shared))
})

// The example of the did:key method specification (Ed25519).
test("the member key is the multibase of a did:key", () => {
  const memberKey = "z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"

  expect(memberKeyOf(publicKeyOf(memberKey))).toBe(memberKey)
})

test("every public key has one name of 48 characters, and back", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
      const memberKey = memberKeyOf(bytes)

      expect(memberKey).toMatch(/^z6Mk.{44}$/)
      expect(publicKeyOf(memberKey)).toEqual(bytes)
    }),
  )
})

test.each([
  ["nothing", ""],
  ["another multibase", "u7QEuK9u3ZQ0b5SLyuq3A"],
  ["an X25519 key", "z6LSbysY2xFMRpGMhb7tFTLMpeuPRaqaWM1yECx2AtzE3KCc"],
  ["too short", "z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2do"],
  ["too long", "z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doKK"],
  ["a character outside the alphabet", "z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2do0"],
  ["a line break at its end", "z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK\n"],
  ["34 bytes that are more than 34", `z6Mk${"z".repeat(44)}`],
])("%s is no member key", (_, text) => {
  expect(thrownBy(() => publicKeyOf(text))).toBe("USAGE")
  expect(verify(text, MESSAGE, new Uint8Array(64))).toBe(false)
})

test("a signature holds for its message, its signer and its bytes alone", () => {
  const signer = identityFrom(new Uint8Array(64).fill(3))
  const stranger = identityFrom(new Uint8Array(64).fill(4))
  const signature = signer.sign(MESSAGE)
  const changed = signature.slice()
  changed[0] = (changed[0] ?? 0) ^ 1

  expect(verify(signer.memberKey, MESSAGE, signature)).toBe(true)
  expect(verify(stranger.memberKey, MESSAGE, signature)).toBe(false)
  expect(verify(signer.memberKey, Uint8Array.of(1, 2), signature)).toBe(false)
  expect(verify(signer.memberKey, MESSAGE, changed)).toBe(false)
  expect(verify(signer.memberKey, MESSAGE, signature.slice(1))).toBe(false)
  expect(verify(signer.memberKey, MESSAGE, new Uint8Array(0))).toBe(false)
})

test("a fingerprint is short, stable and of one member", () => {
  const [a, b] = [3, 4].map((fill) => identityFrom(new Uint8Array(64).fill(fill)).memberKey)

  expect(fingerprint(a ?? "")).toMatch(/^([0-9a-f]{4}-){4}[0-9a-f]{4}$/)
  expect(fingerprint(a ?? "")).toBe(fingerprint(a ?? ""))
  expect(fingerprint(a ?? "")).not.toBe(fingerprint(b ?? ""))
})
