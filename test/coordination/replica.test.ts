/** What enters the replicated state: a committed entry changes it whole, or not at all, on every member alike. */

import { createHash } from "node:crypto"
import fc from "fast-check"
import { beforeEach, expect, test } from "vitest"
import { boxContext, Replica, wrapContext } from "../../src/coordination/replica.ts"
import { resultStatement } from "../../src/core/refresh/statement.ts"
import type { LogEntry, MemberInfo, Pair } from "../../src/core/refresh/types.ts"
import { ServerClock } from "../../src/coordination/server-clock.ts"
import { memberClock, virtualScheduler } from "../../src/testing/clock.ts"
import { memoryStorage } from "../../src/testing/storage.ts"
import { nodeCrypto } from "../../src/seal/crypto.ts"
import { identityFrom } from "../../src/seal/identity.ts"
import { decodeState, encodeEntry } from "../../src/wire/entries.ts"
import { pack } from "../../src/wire/pack.ts"
import { endsTyped, mutated } from "../wire/fuzz.ts"

const CLUSTER = "c".repeat(32)
const identity = identityFrom(createHash("sha512").update("replica").digest())
const SELF = `${identity.memberKey}.0`
const OTHER = `${identityFrom(createHash("sha512").update("other").digest()).memberKey}.0`
const KEY = new Uint8Array(32).fill(7)

const member = (id: string): MemberInfo => ({
  id,
  name: "laptop",
  capability: "full",
  encryptionKey: identity.encryptionKey,
})
const server = new ServerClock(memberClock(virtualScheduler()), memoryStorage())
const parts = { self: SELF, crypto: nodeCrypto, identity, server }
const keyring = nodeCrypto.keyring()
keyring.add(1, "access", KEY)
keyring.add(1, "refresh", KEY)

const bytesOf = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value))
const wrap = (purpose: "access" | "refresh", key: Uint8Array = KEY): Uint8Array =>
  nodeCrypto.sealTo(identity.encryptionKey, key, wrapContext(CLUSTER, 1, purpose, SELF))

function keys(access: Uint8Array | null = wrap("access")): LogEntry {
  const wraps = [{ member: SELF, access, refresh: wrap("refresh") }]
  return { type: "keys", keys: { number: 1, wraps } }
}

function pair(generation: number, tokens: unknown, changes: Partial<Pair> = {}): Pair {
  const parent = generation === 1 ? null : `lineage-${generation - 1}`
  const place = { epoch: 1, generation, parent, ...changes }
  const seal = (plain: Uint8Array, purpose: "access" | "refresh"): Pair["accessBox"] =>
    keyring.seal(plain, boxContext(CLUSTER, place, purpose))
  return {
    lineage: `lineage-${generation}`,
    accessBox: seal(bytesOf(tokens), "access"),
    refreshBox: seal(new TextEncoder().encode(`RT${generation}`), "refresh"),
    issuedAtMs: 1_000,
    lifetimeMs: 60_000,
    refreshLifetimeMs: null,
    scope: null,
    subject: null,
    resent: false,
    by: SELF,
    ...place,
  }
}

const TOKENS = { accessToken: "AT", tokenType: "Bearer" }

function result(of: Pair): LogEntry {
  const statement = new TextEncoder().encode(resultStatement(CLUSTER, of, 4))
  return { type: "result", pair: of, turn: 4, signature: identity.sign(statement) }
}

const settings = {
  issuer: "https://as.example",
  tokenEndpoint: null,
  clientId: "c",
  clientAuthentication: "none",
  scope: null,
  replayPolicy: { type: "strict" },
} as const
const TURN: LogEntry = {
  type: "turn",
  epoch: 1,
  generation: 1,
  holder: SELF,
  replaces: null,
  atMs: 7,
  waitedMs: null,
  consent: false,
}
const REPORT: LogEntry = {
  type: "report",
  turn: 4,
  holder: SELF,
  report: { type: "in-doubt", cause: "TIMEOUT", spent: false, atMs: 9, sentAtMs: 8, sends: 1 },
}
const PROVIDER: LogEntry = { type: "provider", settings, secretBox: null }
const LOGIN: LogEntry = { type: "login", pair: pair(1, TOKENS) }
const RESULT = result(pair(2, TOKENS))
const LOG = [keys(), PROVIDER, LOGIN, TURN, REPORT, RESULT] as const

const raw = (index: number, data: Uint8Array): Parameters<Replica["apply"]>[0] => ({
  type: "app",
  index,
  term: 1,
  id: "p",
  data,
})

/** A member that has applied these entries from index 1 on. */
function replica(...entries: readonly LogEntry[]): Replica {
  const made = new Replica(parts, CLUSTER, [member(SELF), member(OTHER)])
  entries.forEach((entry, at) => {
    const applied = made.apply(raw(at + 1, encodeEntry(entry)))
    if (applied?.verdict.type !== "applied") throw new Error(`entry ${at + 1} had no effect`)
  })
  return made
}

let before: Replica

beforeEach(() => {
  before = replica(keys(), PROVIDER, LOGIN, TURN)
})

test("a whole log gives the newest pair, open for whom it is meant", () => {
  const { token, state } = replica(...LOG)

  expect(token).toMatchObject({ accessToken: "AT", generation: 2, epoch: 1 })
  expect(state).toMatchObject({ turn: null, provider: { settings } })
})

const login = pair(1, TOKENS, { epoch: 2 })
const packed = (entry: object): Uint8Array => pack(entry, 1_000_000)

test.each<[string, Uint8Array]>([
  ["bytes that are no msgpack", Uint8Array.of(0xc1)],
  ["no bytes", new Uint8Array()],
  ["bytes behind the entry", Uint8Array.of(...encodeEntry(RESULT), 0xc0)],
  ["an entry that is cut", encodeEntry(RESULT).slice(0, -1)],
  ["an unknown type", packed({ type: "newer", epoch: 1 })],
  ["a type that is no text", packed({ type: 7 })],
  ["an unknown field", packed({ ...RESULT, extra: null })],
  ["an unknown field further in", packed({ type: "login", pair: { ...login, extra: 1 } })],
  ["a missing field", packed({ type: "turn", epoch: 1, generation: 1, holder: SELF })],
  ["a number that is none", packed({ type: "logout", epoch: Number.NaN })],
  [
    "an entry that is too long",
    packed({ type: "login", pair: { ...login, scope: "x".repeat(70_000) } }),
  ],
  [
    "an unknown policy",
    packed({ ...PROVIDER, settings: { ...settings, replayPolicy: { type: "lax" } } }),
  ],
  [
    "a grace without a window",
    packed({
      ...PROVIDER,
      settings: { ...settings, replayPolicy: { type: "grace", windowSeconds: 0, answers: "new" } },
    }),
  ],
  [
    "a provider without an address",
    packed({ ...PROVIDER, settings: { ...settings, issuer: null } }),
  ],
  ["a secret that is never sent", packed({ ...PROVIDER, secretBox: login.accessBox })],
])("%s is no entry, and changes nothing", (_, data) => {
  const { state, token } = before

  expect(before.apply(raw(5, data))).toBe(null)

  expect(before.state).toBe(state)
  expect(before.token).toBe(token)
})

test.each<[string, LogEntry, string]>([
  ["a parent that is not the head", result(pair(2, TOKENS, { parent: "other" })), "wrong-parent"],
  ["a generation too far", result(pair(3, TOKENS)), "wrong-generation"],
  ["another epoch", result(pair(2, TOKENS, { epoch: 2 })), "wrong-epoch"],
  ["a signature of somebody else", result(pair(2, TOKENS, { by: OTHER })), "bad-signature"],
  ["a name that is no key", result(pair(2, TOKENS, { by: "nobody" })), "not-a-member"],
])("a Result with %s is ignored, and changes nothing", (_, entry, refusal) => {
  const { state, token } = before

  expect(before.apply(raw(5, encodeEntry(entry)))?.verdict).toEqual({ type: "ignored", refusal })

  expect(before.state).toBe(state)
  expect(before.token).toBe(token)
})

/** The entry with one value put in another's place, which all its neighbours may still fit. */
function altered(entry: LogEntry): fc.Arbitrary<Uint8Array> {
  const other = fc.oneof(
    fc.nat(3),
    fc.constantFrom<unknown>(null, "", "lineage-1", OTHER, {}, [], -1, 2 ** 60),
    fc.uint8Array({ maxLength: 3 }),
  )
  return fc.tuple(fc.constantFrom(...pathsOf(entry)), other).map(([path, value]) => {
    const copy = structuredClone(entry) as unknown as Record<string, unknown>
    let at = copy
    for (const name of path.slice(0, -1)) at = at[name] as Record<string, unknown>
    at[path.at(-1) ?? ""] = value
    return packed(copy)
  })
}

function pathsOf(value: unknown): readonly (readonly string[])[] {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return []
  return Object.entries(value).flatMap(([name, inner]) => [
    [name],
    ...pathsOf(inner).map((path) => [name, ...path]),
  ])
}

test("an entry that was changed anywhere takes effect whole or not at all, the same on every member", () => {
  const others = [
    { type: "logout", epoch: 1 },
    { type: "remove", member: OTHER, holderIsGone: true },
  ] as const
  const samples: readonly LogEntry[] = [...LOG, ...others]
  const snapshots = LOG.map((_, at) => replica(...LOG.slice(0, at)).snapshot())
  const restored = (snapshot: Uint8Array): Replica => {
    const made = replica()
    made.restore(snapshot)
    return made
  }
  fc.assert(
    fc.property(
      fc.oneof(mutated(samples.map(encodeEntry)), ...samples.map(altered)),
      fc.constantFrom(...snapshots),
      (data, snapshot) => {
        const [one, two] = [restored(snapshot), restored(snapshot)]
        const { state, token } = one

        const applied = one.apply(raw(4, data))

        expect(two.apply(raw(4, data))).toEqual(applied)
        expect(two.state).toEqual(one.state)
        const same = one.state === state && one.token === token
        expect(applied?.verdict.type === "applied" || same).toBe(true)
        // Whatever was taken can be kept and given on.
        expect(decodeState(one.snapshot())).toEqual(one.state)
      },
    ),
    { numRuns: 150 },
  )
}, 20_000)

test("a snapshot that was changed is taken whole or not at all", () => {
  const snapshot = replica(...LOG).snapshot()
  fc.assert(
    fc.property(mutated([snapshot]), (data) => {
      const { state, token } = before

      endsTyped(() => before.restore(data))

      const same = before.state === state && before.token === token
      expect(before.state).toEqual(same ? state : decodeState(data))
    }),
    { numRuns: 300 },
  )
})

test("a wrap for somebody else, or around what is no key, leaves the member without a token and nothing broken", () => {
  for (const access of [
    wrap("refresh"),
    wrap("access", Uint8Array.of(1, 2)),
    Uint8Array.of(9),
    null,
  ]) {
    const made = replica(keys(access), LOGIN)

    expect(made.keyring.has(1, "access")).toBe(false)
    expect(made.keyring.has(1, "refresh")).toBe(true)
    expect(made.token).toBe(null)
    expect(made.state.pair?.generation).toBe(1)
  }
})

test("a box in which somebody sealed something else than tokens opens to none", () => {
  for (const content of [null, "AT", {}, { accessToken: 7, tokenType: "Bearer" }, []]) {
    const made = replica(keys(), { type: "login", pair: pair(1, content) })

    expect(made.token).toBe(null)
    expect(made.state.pair?.generation).toBe(1)
  }
})
