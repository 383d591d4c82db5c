// Everything sealed opens where it belongs and nowhere else (DESIGN §11, Keys), and no error tells a secret (§9.10).

import fc from "fast-check"
import { describe, expect, test } from "vitest"

import { isQuorateError } from "../../src/core/base/errors.ts"
import type { BoxContext } from "../../src/ports/sealer.ts"
import { atRest } from "../../src/seal/at-rest.ts"
import { nodeCrypto } from "../../src/seal/crypto.ts"
import { identityFrom } from "../../src/seal/identity.ts"
import { thrownBy } from "../../src/testing/suites/runner.ts"

const KEY = new Uint8Array(32).fill(1)
const OTHER_KEY = new Uint8Array(32).fill(2)
const plain = fc.uint8Array({ maxLength: 200 })
const context = fc.string({ maxLength: 20 })

/** Any change of one bit, a cut, or an addition; never the same bytes. */
function damage(sealed: Uint8Array, at: number): Uint8Array[] {
  const flipped = sealed.slice()
  const position = at % sealed.length
  flipped[position] = (flipped[position] ?? 0) ^ (1 << (at % 8))
  return [flipped, sealed.slice(0, position), Uint8Array.of(...sealed, 0)]
}

const place = fc.record<BoxContext>({
  clusterId: fc.string({ maxLength: 8 }),
  epoch: fc.nat(3),
  generation: fc.nat(3),
  parent: fc.option(fc.string({ maxLength: 4 })),
  purpose: fc.constantFrom("access", "refresh", "client-secret"),
})

function ring(numbers: readonly number[], key = KEY) {
  const keys = nodeCrypto.keyring()
  for (const number of numbers) {
    keys.add(number, "access", key)
    keys.add(number, "refresh", key)
  }
  return keys
}

describe("at rest", () => {
  test("what was sealed opens under the same key and name", () => {
    fc.assert(
      fc.property(plain, context, (data, name) => {
        expect(atRest(KEY).open(atRest(KEY).seal(data, name), name)).toEqual(data)
      }),
    )
  })

  test("no changed bit, cut, addition, other name or other key opens", () => {
    fc.assert(
      fc.property(plain, context, context, fc.nat(), (data, name, other, at) => {
        fc.pre(name !== other)
        const sealed = atRest(KEY).seal(data, name)
        for (const bad of damage(sealed, at))
          expect(thrownBy(() => atRest(KEY).open(bad, name))).toBe("KEY_UNUSABLE")
        expect(thrownBy(() => atRest(KEY).open(sealed, other))).toBe("KEY_UNUSABLE")
        expect(thrownBy(() => atRest(OTHER_KEY).open(sealed, name))).toBe("KEY_UNUSABLE")
      }),
    )
  })

  test("a key of another length is refused, and a caller may wipe the one it gave", () => {
    expect(thrownBy(() => atRest(new Uint8Array(31)))).toBe("KEY_UNUSABLE")
    const key = KEY.slice()
    const own = atRest(key)
    key.fill(0)

    expect(atRest(KEY).open(own.seal(Uint8Array.of(5), "x"), "x")).toEqual(Uint8Array.of(5))
  })
})

describe("sealed to a member", () => {
  const own = identityFrom(new Uint8Array(64).fill(3))
  const stranger = identityFrom(new Uint8Array(64).fill(4))

  test("what was sealed to a key opens with its private half", () => {
    fc.assert(
      fc.property(plain, context, (data, name) => {
        expect(own.open(nodeCrypto.sealTo(own.encryptionKey, data, name), name)).toEqual(data)
      }),
      { numRuns: 40 },
    )
  })

  test("no changed bit, cut, addition, other context or other member opens", () => {
    fc.assert(
      fc.property(plain, context, context, fc.nat(), (data, name, other, at) => {
        fc.pre(name !== other)
        const sealed = nodeCrypto.sealTo(own.encryptionKey, data, name)
        for (const bad of damage(sealed, at))
          expect(thrownBy(() => own.open(bad, name))).toBe("KEY_UNUSABLE")
        expect(thrownBy(() => own.open(sealed, other))).toBe("KEY_UNUSABLE")
        expect(thrownBy(() => stranger.open(sealed, name))).toBe("KEY_UNUSABLE")
      }),
      { numRuns: 40 },
    )
  })

  test("a public key that is none is refused", () => {
    for (const length of [0, 31, 33])
      expect(thrownBy(() => nodeCrypto.sealTo(new Uint8Array(length), KEY, "x"))).toBe(
        "KEY_UNUSABLE",
      )
    expect(thrownBy(() => nodeCrypto.sealTo(new Uint8Array(32), KEY, "x"))).toBe("KEY_UNUSABLE")
  })
})

describe("boxes", () => {
  test("a box opens in its place on another device with the same key", () => {
    fc.assert(
      fc.property(plain, place, (data, where) => {
        expect(ring([1, 2]).open(ring([1, 2]).seal(data, where), where)).toEqual(data)
      }),
    )
  })

  test("no changed bit, cut, addition, other place or other key opens a box", () => {
    fc.assert(
      fc.property(plain, place, place, fc.nat(), (data, where, elsewhere, at) => {
        fc.pre(JSON.stringify(where) !== JSON.stringify(elsewhere))
        const box = ring([1]).seal(data, where)
        for (const bytes of damage(box.bytes, at))
          expect(thrownBy(() => ring([1]).open({ ...box, bytes }, where))).toBe("KEY_UNUSABLE")
        expect(thrownBy(() => ring([1]).open(box, elsewhere))).toBe("KEY_UNUSABLE")
        expect(thrownBy(() => ring([1], OTHER_KEY).open(box, where))).toBe("KEY_UNUSABLE")
      }),
    )
  })

  const where: BoxContext = {
    clusterId: "c",
    epoch: 1,
    generation: 2,
    parent: null,
    purpose: "access",
  }

  test("the newest key seals, older ones still open", () => {
    const keys = ring([1])
    const old = keys.seal(Uint8Array.of(1), where)
    keys.add(10, "access", OTHER_KEY)
    keys.add(9, "access", KEY)

    expect(keys.seal(Uint8Array.of(2), where).key).toBe(10)
    expect(keys.open(old, where)).toEqual(Uint8Array.of(1))
  })

  test("an owner-only member opens access boxes, neither refresh tokens nor client secrets", () => {
    const owner = nodeCrypto.keyring()
    owner.add(1, "access", KEY)
    const boxes = (["access", "refresh", "client-secret"] as const).map((purpose) => ({
      box: ring([1]).seal(Uint8Array.of(1), { ...where, purpose }),
      place: { ...where, purpose },
    }))

    const results = boxes.map(({ box, place: at }) => thrownBy(() => owner.open(box, at)))

    expect(results).toEqual([null, "KEY_UNUSABLE", "KEY_UNUSABLE"])
    expect([owner.has(1, "access"), owner.has(1, "refresh")]).toEqual([true, false])
    expect(thrownBy(() => owner.seal(KEY, { ...where, purpose: "refresh" }))).toBe("KEY_UNUSABLE")
  })

  // The same key opens the same bytes only under the number it was sealed with.
  test("a box opens under its own key number and algorithm alone", () => {
    const keys = ring([1, 2])
    const box = keys.seal(Uint8Array.of(1), where)

    expect(thrownBy(() => keys.open({ ...box, key: 1 }, where))).toBe("KEY_UNUSABLE")
    expect(thrownBy(() => keys.open({ ...box, key: 3 }, where))).toBe("KEY_UNUSABLE")
    expect(thrownBy(() => keys.open({ ...box, algorithm: "A128GCM" }, where))).toBe("KEY_UNUSABLE")
  })

  test("a numbered key never changes, and has 32 bytes", () => {
    const keys = ring([1])
    keys.add(1, "access", KEY)

    expect(thrownBy(() => keys.add(1, "access", OTHER_KEY))).toBe("KEY_UNUSABLE")
    expect(thrownBy(() => keys.add(2, "access", new Uint8Array(16)))).toBe("KEY_UNUSABLE")
    expect(thrownBy(() => keys.add(0, "access", KEY))).toBe("InvariantError")
  })

  test("two boxes of one text differ", () => {
    const keys = ring([1])

    expect(keys.seal(KEY, where).bytes).not.toEqual(keys.seal(KEY, where).bytes)
  })
})

describe("lineage", () => {
  test("names a token within its cluster, in 32 hex digits", () => {
    const name = nodeCrypto.lineage("c1", "token")

    expect(name).toMatch(/^[0-9a-f]{32}$/)
    expect(nodeCrypto.lineage("c1", "token")).toBe(name)
    expect(nodeCrypto.lineage("c2", "token")).not.toBe(name)
    expect(nodeCrypto.lineage("c1", "token2")).not.toBe(name)
  })

  // RFC 2104 over SHA-256, checked once with `openssl dgst -sha256 -hmac cluster`.
  test("is HMAC-SHA-256 under the cluster id", () => {
    expect(nodeCrypto.lineage("cluster", "token")).toBe(EXPECTED_LINEAGE)
  })
})

const EXPECTED_LINEAGE = "656cd776bfcb25732d3821c2552a263f"

test("no failure to open tells the plain text, the key or a foreign cause", () => {
  const secret = Buffer.from("SECRET-TOKEN")
  const keys = ring([1])
  const where: BoxContext = {
    clusterId: "c",
    epoch: 1,
    generation: 1,
    parent: null,
    purpose: "refresh",
  }
  const box = keys.seal(secret, where)
  const own = identityFrom(new Uint8Array(64).fill(3))
  const failures = [
    () => keys.open(box, { ...where, epoch: 2 }),
    () => atRest(OTHER_KEY).open(atRest(KEY).seal(secret, "x"), "x"),
    () => own.open(nodeCrypto.sealTo(own.encryptionKey, secret, "x"), "y"),
  ].map((work) => {
    try {
      return work()
    } catch (error) {
      return error
    }
  })

  for (const failure of failures) {
    expect(isQuorateError(failure)).toBe(true)
    expect(String(failure)).not.toContain("SECRET")
    expect(failure).not.toHaveProperty("cause")
  }
})
