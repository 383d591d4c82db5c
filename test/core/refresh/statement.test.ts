import { expect, test } from "vitest"

import { resultStatement } from "../../../src/core/refresh/statement.ts"
import type { Pair } from "../../../src/core/refresh/types.ts"
import { pair } from "./fixtures.ts"

const FULL: Pair = pair(2, { refreshLifetimeMs: 9, scope: "a b", subject: "ada" })
const box = (algorithm: string, key: number, byte: number): Pair["accessBox"] => ({
  algorithm,
  key,
  bytes: new Uint8Array([0, byte]),
})

// Members of two versions check each other's signatures: another text is another version, named in its first line.
test("the signed text is fixed", () => {
  const bare = pair(1, { accessBox: box("gcm", 3, 255), scope: 'x"\ny' })

  expect(resultStatement("cluster", bare, null).split("\n")).toEqual([
    "quorate result 1",
    "cluster",
    "1",
    "1",
    "1.1",
    "-",
    "-",
    "gcm.3.00ff",
    "none.1.01",
    "1000000",
    "600000",
    "-",
    String.raw`"x\"\ny"`,
    "null",
    "false",
    "a",
  ])
})

test.each<[string, Partial<Pair>]>([
  ["epoch", { epoch: 2, lineage: "1.2", parent: "1.1" }],
  ["generation", { generation: 3 }],
  ["lineage", { lineage: "x" }],
  ["parent", { parent: "x" }],
  ["access box", { accessBox: box("none", 1, 1) }],
  ["refresh box", { refreshBox: box("none", 1, 1) }],
  ["time of issue", { issuedAtMs: 1 }],
  ["lifetime", { lifetimeMs: 1 }],
  ["lifetime of the refresh token", { refreshLifetimeMs: null }],
  ["scope", { scope: null }],
  ["subject", { subject: null }],
  ["mark of a second send", { resent: true }],
  ["holder", { by: "b" }],
])("another %s is another text", (_, change) => {
  expect(resultStatement("c", { ...FULL, ...change }, 7)).not.toBe(resultStatement("c", FULL, 7))
})

test("so is another cluster or turn", () => {
  const text = resultStatement("c", FULL, 7)

  expect(resultStatement("d", FULL, 7)).not.toBe(text)
  expect(resultStatement("c", FULL, 8)).not.toBe(text)
})
