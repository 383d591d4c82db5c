import fc from "fast-check"
import { expect, test } from "vitest"
import { KEY_SETS_MAX, REMOVED_MAX } from "../../src/core/refresh/fold.ts"
import { decodeEntry, decodeState, encodeEntry, encodeState } from "../../src/wire/entries.ts"
import { decodeExchange } from "../../src/wire/exchange.ts"
import { encodeExchange } from "../../src/wire/exchange-bytes.ts"
import { pack } from "../../src/wire/pack.ts"
import { endsTyped, mutated, refusal } from "./fuzz.ts"
import { ENTRIES, EXCHANGE, PAIR, STATE } from "./samples.ts"

test("every entry comes back as it went", () => {
  for (const entry of ENTRIES) expect(decodeEntry(encodeEntry(entry))).toEqual(entry)
})

test("the state of a snapshot comes back as it went", () => {
  expect(decodeState(encodeState(STATE))).toEqual(STATE)
})

test("a state as large as the log lets it grow is read", () => {
  const keys = Array.from({ length: KEY_SETS_MAX }, (_, at) => ({ number: at + 1, wraps: [] }))
  const removed = Array.from({ length: REMOVED_MAX }, (_, at) => `gone${at}.0`)
  const full = { ...STATE, keys, removed }

  expect(decodeState(encodeState(full))).toEqual(full)
  const more = { ...full, removed: [...removed, "one-more.0"] }
  expect(refusal(() => encodeState(more)).where).toBe("removed")
})

test("an exchange comes back as it went, with a large body too", () => {
  const large = {
    ...EXCHANGE,
    response: { status: 200, headers: [], body: new Uint8Array(1_048_576), complete: false },
    failure: { phase: "response", code: "ECONNRESET" },
  } as const

  expect(decodeExchange(encodeExchange(EXCHANGE))).toEqual(EXCHANGE)
  expect(decodeExchange(encodeExchange(large))).toEqual(large)
})

test("an entry of an unknown type is refused", () => {
  expect(refusal(() => decodeEntry(pack({ type: "newer" }))).reason).toBe("invalid")
})

test("a cause that is no identifier enters neither the log nor a snapshot, and the refusal does not repeat it", () => {
  const token = "pT9-canary_wX3"
  for (const entry of ENTRIES.filter(({ type }) => type === "report")) {
    const forged = JSON.parse(JSON.stringify(entry)) as { report: { cause: string } }
    forged.report.cause = token

    const { reason, where, message } = refusal(() => decodeEntry(pack(forged)))

    expect({ reason, where }).toEqual({ reason: "invalid", where: "report.cause" })
    expect(message).not.toContain(token)
  }
  for (const field of ["dead", "retry", "misconfigured", "refused"] as const) {
    const forged = { ...STATE, [field]: { ...STATE[field], cause: token } }
    expect(refusal(() => decodeState(pack(forged))).where).toBe(`${field}.cause`)
  }
})

test("an entry that others would refuse is refused by its writer", () => {
  const entry = { type: "logout", epoch: -1 } as const

  expect(refusal(() => encodeEntry(entry)).where).toBe("epoch")
})

test("an entry that is too long is refused by its writer", () => {
  const box = { ...PAIR.accessBox, bytes: new Uint8Array(40_000) }
  const pair = { ...PAIR, accessBox: box, refreshBox: box }

  expect(refusal(() => encodeEntry({ type: "login", pair })).reason).toBe("too-long")
})

test("no bytes make these decoders throw anything but their own error", () => {
  const samples = [...ENTRIES.map(encodeEntry), encodeState(STATE), encodeExchange(EXCHANGE)]
  fc.assert(
    fc.property(mutated(samples), (bytes) => {
      for (const decode of [decodeEntry, decodeState, decodeExchange]) {
        expect(endsTyped(() => decode(bytes))).toBe(true)
      }
    }),
    { numRuns: 1_500 },
  )
})
