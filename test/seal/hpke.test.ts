// HPKE, RFC 9180, held to an implementation by others (@hpke/core) in both directions, and to an RFC-style misuse list.

import { randomBytes } from "node:crypto"

import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from "@hpke/core"
import fc from "fast-check"
import { expect, test } from "vitest"

import { InvariantError } from "../../src/core/base/assert.ts"
import { hpkeOpen, hpkeSeal, hpkeSender } from "../../src/seal/hpke.ts"
import { privateKey, publicBytes } from "../../src/seal/keys.ts"

const SUITE = new CipherSuite({
  kem: new DhkemX25519HkdfSha256(),
  kdf: new HkdfSha256(),
  aead: new Aes256Gcm(),
})
const SCALAR = new Uint8Array(randomBytes(32))
const OWN = privateKey("X25519", SCALAR)
const PUBLIC = publicBytes(OWN)

const bytes = fc.uint8Array({ maxLength: 300 })

/** An ArrayBuffer of exactly these bytes. */
const exact = (data: Uint8Array): ArrayBuffer => new Uint8Array(data).buffer

test("what we seal, another implementation opens", async () => {
  await fc.assert(
    fc.asyncProperty(bytes, bytes, bytes, async (info, associated, plain) => {
      const sealed = hpkeSeal(PUBLIC, info, associated, plain)
      if (sealed === null) throw new Error("not sealed")

      const recipientKey = await SUITE.kem.importKey("raw", exact(SCALAR), false)
      const opened = await SUITE.open(
        { recipientKey, enc: exact(sealed.enc), info: exact(info) },
        exact(sealed.ciphertext),
        exact(associated),
      )

      expect(new Uint8Array(opened)).toEqual(plain)
    }),
    { numRuns: 25 },
  )
})

test("what another implementation seals, we open", async () => {
  await fc.assert(
    fc.asyncProperty(bytes, bytes, bytes, async (info, associated, plain) => {
      const recipientPublicKey = await SUITE.kem.importKey("raw", exact(PUBLIC), true)
      const { enc, ct } = await SUITE.seal(
        { recipientPublicKey, info: exact(info) },
        exact(plain),
        exact(associated),
      )

      const sealed = { enc: new Uint8Array(enc), ciphertext: new Uint8Array(ct) }
      expect(hpkeOpen(OWN, info, associated, sealed)).toEqual(plain)
    }),
    { numRuns: 25 },
  )
})

test("two seals of one message share nothing", () => {
  const seal = () => hpkeSeal(PUBLIC, new Uint8Array(0), new Uint8Array(0), new Uint8Array(8))
  const [first, second] = [seal(), seal()]

  expect(first?.enc).not.toEqual(second?.enc)
  expect(first?.ciphertext).not.toEqual(second?.ciphertext)
})

test("a sender seals one message and no second one under its nonce", () => {
  const sender = hpkeSender(PUBLIC, new Uint8Array(0))
  const seal = () => sender?.seal(new Uint8Array(0), new Uint8Array(8))
  expect(seal()).toHaveLength(8 + 16)

  expect(seal).toThrow(InvariantError)
})

// RFC 7748 §6.1: points of small order make the shared secret predictable; RFC 9180 §7.1.4 wants them refused.
test.each([
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
  "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
])("the point %s of small order is refused on both sides", (hex) => {
  const point = new Uint8Array(Buffer.from(hex, "hex"))
  const nothing = new Uint8Array(0)

  expect(hpkeSeal(point, nothing, nothing, nothing)).toBe(null)
  const sealed = { enc: point, ciphertext: new Uint8Array(16) }
  expect(hpkeOpen(OWN, nothing, nothing, sealed)).toBe(null)
})
