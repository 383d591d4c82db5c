// The stand-in for the seal room: fast, and as particular as the real one about where a box belongs.

import { describe, expect, test } from "vitest"

import { seededRandom } from "../../src/core/base/random.ts"
import type { BoxContext } from "../../src/ports/sealer.ts"
import {
  namedIdentity,
  seededCrypto,
  simulatedIdentity,
} from "../../src/testing/simulated-crypto.ts"
import { thrownBy } from "../../src/testing/suites/runner.ts"

const PLAIN = Buffer.from("canary-rt-1")
const CONTEXT: BoxContext = {
  clusterId: "c",
  epoch: 1,
  generation: 2,
  parent: null,
  purpose: "refresh",
}

describe.each([
  ["real", true],
  ["simulated", false],
])("%s keys", (_, real) => {
  const crypto = seededCrypto(seededRandom(1), real)
  const [own, other] = ["own", "other"].map((name, at) => {
    const identity = namedIdentity(name, new Uint8Array(64).fill(at + 1))
    return real ? identity : simulatedIdentity(identity)
  })

  test("what is sealed to a member opens there, in its context, and nowhere else", () => {
    const sealed = crypto.sealTo(own!.encryptionKey, PLAIN, "here")

    expect(Buffer.from(own!.open(sealed, "here"))).toEqual(PLAIN)
    expect(thrownBy(() => own!.open(sealed, "there"))).toBe("KEY_UNUSABLE")
    expect(thrownBy(() => other!.open(sealed, "here"))).toBe("KEY_UNUSABLE")
    expect(Buffer.from(sealed).includes("canary")).toBe(false)
  })

  test("a signature is one member's of one message", () => {
    const signature = own!.sign(PLAIN)

    expect(crypto.verify(own!.memberKey, PLAIN, signature)).toBe(true)
    expect(crypto.verify(other!.memberKey, PLAIN, signature)).toBe(false)
    expect(crypto.verify(own!.memberKey, Buffer.from("x"), signature)).toBe(false)
  })

  test("a box opens under its key in its place only", () => {
    const keyring = crypto.keyring()
    expect(thrownBy(() => keyring.seal(PLAIN, CONTEXT))).toBe("KEY_UNUSABLE")
    keyring.add(1, "refresh", crypto.randomBytes(32))
    keyring.add(1, "access", crypto.randomBytes(32))
    const box = keyring.seal(PLAIN, CONTEXT)

    expect(Buffer.from(keyring.open(box, CONTEXT))).toEqual(PLAIN)
    for (const other of [{ generation: 3 }, { epoch: 2 }, { purpose: "access" as const }])
      expect(thrownBy(() => keyring.open(box, { ...CONTEXT, ...other }))).toBe("KEY_UNUSABLE")
    expect(thrownBy(() => crypto.keyring().open(box, CONTEXT))).toBe("KEY_UNUSABLE")
    expect(Buffer.from(box.bytes).includes("canary")).toBe(false)
  })
})
