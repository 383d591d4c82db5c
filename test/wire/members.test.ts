import { expect, test } from "vitest"
import { QuorateError } from "../../src/core/base/errors.ts"
import { genesisText, parseMembers } from "../../src/wire/members.ts"

const member = (letter: string): Record<string, unknown> => ({
  key: `z6Mk${letter.repeat(44)}`,
  name: letter,
  encryption_key: Buffer.alloc(32, letter).toString("base64url"),
  addresses: ["/ip4/127.0.0.1/tcp/4001"],
})
const file = (...members: unknown[]): string =>
  JSON.stringify({ cluster_id: "0a".repeat(16), members })

function refusal(text: string): string {
  try {
    parseMembers(text)
  } catch (error) {
    if (error instanceof QuorateError && error.code === "INVALID_OPTIONS") return error.message
    throw error
  }
  throw new Error("it was not refused")
}

test("a members file is read with its defaults", () => {
  const read = parseMembers(file(member("a"), { ...member("b"), role: "learner", addresses: [] }))

  expect(read.clusterId).toBe("0a".repeat(16))
  expect(read.members).toEqual([
    {
      key: `z6Mk${"a".repeat(44)}`,
      name: "a",
      encryptionKey: new Uint8Array(32).fill(97),
      addresses: ["/ip4/127.0.0.1/tcp/4001"],
      role: "voter",
      capability: "full",
    },
    expect.objectContaining({ name: "b", role: "learner", addresses: [] }),
  ])
})

test("every problem is named at once with its field", () => {
  const text = JSON.stringify({
    cluster_id: "short",
    members: [
      { ...member("a"), key: "z6Mk0", extra: 1 },
      { ...member("b"), addresses: ["127.0.0.1:80"], role: "boss" },
    ],
  })

  const message = refusal(text)

  for (const field of ["cluster_id", "members.0.key", "extra", "members.1.addresses.0"]) {
    expect(message).toContain(field)
  }
  expect(message).toContain("members.1.role")
})

test("what must be unique is refused when it comes twice", () => {
  const twin = { ...member("b"), key: member("a")["key"], name: "a" }

  const message = refusal(file(member("a"), twin))

  expect(message).toContain("members.1.key: is the same as members.0.key")
  expect(message).toContain("members.1.name")
})

test("a cluster needs at least one voter and has at most 32 members", () => {
  const crowd = Array.from({ length: 33 }, (_, at) => member(String.fromCodePoint(0x41 + at)))

  expect(refusal(file({ ...member("a"), role: "learner" }))).toContain("at least one voter")
  expect(refusal(file(...crowd))).toContain("members")
})

test.each(["", "{", "[]", "null", `{"__proto__": 1}`, "1".repeat(300_000)])(
  "text that is no members file is refused",
  (text) => {
    expect(refusal(text)).toContain("the members file is wrong")
  },
)

test("the genesis depends on who founds the cluster, not on addresses, names or order", () => {
  const read = parseMembers(file(member("a"), member("b")))
  const moved = parseMembers(file({ ...member("b"), name: "other", addresses: [] }, member("a")))
  const other = parseMembers(file(member("a"), { ...member("b"), capability: "witness" }))

  expect(genesisText(moved)).toBe(genesisText(read))
  expect(genesisText(other)).not.toBe(genesisText(read))
})
