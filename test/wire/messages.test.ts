import fc from "fast-check"
import { expect, test } from "vitest"
import { decodeMessage, encodeMessage, parseHello } from "../../src/wire/messages.ts"
import { pack } from "../../src/wire/pack.ts"
import { MESSAGES } from "./samples.ts"
import { endsTyped, mutated, refusal } from "./fuzz.ts"

test("every message comes back as it went", () => {
  for (const message of MESSAGES) {
    expect(decodeMessage(encodeMessage(message))).toEqual(message)
  }
})

test("a number that is negative, fractional or unsafe is refused", () => {
  for (const term of [-1, 0.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY, "3", null]) {
    const packed = pack({ type: "raft", message: { type: "timeout-now", term } })

    expect(refusal(() => decodeMessage(packed))).toMatchObject({
      reason: "invalid",
      where: "message.term",
    })
  }
})

test("a field that we do not know is refused", () => {
  const packed = pack({ type: "demand", epoch: 1, generation: 1, extra: 1 })

  expect(refusal(() => decodeMessage(packed)).reason).toBe("invalid")
})

test("an append with more entries than allowed is refused", () => {
  const entries = Array.from({ length: 4_097 }, (_, at) => ({ type: "noop", index: at, term: 1 }))
  const message = { type: "append", term: 1, prevIndex: 0, prevTerm: 0, entries, commit: 0 }

  expect(refusal(() => decodeMessage(pack({ type: "raft", message }))).where).toBe(
    "message.entries",
  )
})

test("a payload longer than an entry may be is refused", () => {
  const data = new Uint8Array(65_537)
  const message = { type: "forward", term: 1, id: "p", data }

  expect(refusal(() => decodeMessage(pack({ type: "raft", message }))).where).toBe("message.data")
})

test("an error names the place and never the content", () => {
  const packed = pack({ type: "secret-token", "secret-key": "secret-value" })

  const error = refusal(() => decodeMessage(packed))

  expect(`${error.message} ${error.stack ?? ""}`).not.toContain("secret")
})

test("a message that cannot fit a frame is refused by its sender", () => {
  const data = new Uint8Array(65_536)
  const entries = Array.from({ length: 5 }, (_, index) => ({
    type: "app" as const,
    index,
    term: 1,
    id: "p",
    data,
  }))
  const message = {
    type: "append",
    term: 1,
    prevIndex: 0,
    prevTerm: 0,
    entries,
    commit: 0,
  } as const

  expect(refusal(() => encodeMessage({ type: "raft", message })).reason).toBe("too-long")
})

test("a hello is checked field by field", () => {
  const hello = { version: 1, clusterId: "c", member: "k.0", name: "", genesis: "g" }

  expect(parseHello(hello)).toEqual(hello)
  expect(refusal(() => parseHello({ ...hello, member: "" })).where).toBe("member")
  expect(refusal(() => parseHello({ ...hello, name: "x".repeat(65) })).where).toBe("name")
  expect(refusal(() => parseHello(null)).reason).toBe("invalid")
})

test("no bytes make the decoder throw anything but its own error", () => {
  fc.assert(
    fc.property(mutated(MESSAGES.map(encodeMessage)), (bytes) => {
      expect(endsTyped(() => decodeMessage(bytes))).toBe(true)
    }),
    { numRuns: 2_000 },
  )
})
