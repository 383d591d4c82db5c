import { expect, test } from "vitest"

import { memberOf } from "../../src/cli/commands/remove.ts"
import type { MemberStatus } from "../../src/session/types.ts"

const member = (id: string, name: string, self = false): MemberStatus => ({
  id,
  name,
  self,
  role: "voter",
  connected: true,
  generation: 1,
  lastSeenMs: null,
})
const MEMBERS = [
  member("z6MkAbcd1.1", "laptop", true),
  member("z6MkAbce2.1", "desk"),
  member("z6MkXyzz3.1", "phone"),
  member("z6MkXyzz4.1", "desk2"),
]

test.each([
  ["z6MkAbce2.1", "desk"],
  ["z6MkAbce", "desk"],
  ["desk", "desk"],
  ["desk2", "desk2"],
  ["z6MkXyzz4", "desk2"],
])("%s is one member", (meant, name) => {
  expect(memberOf(meant, MEMBERS).name).toBe(name)
})

test.each([
  ["z6MkXy", /more than one member: "phone" \(z6MkXyzz3\.1\), "desk2" \(z6MkXyzz4\.1\)$/],
  ["z6MkX", /^"z6MkX" is no member$/],
  ["des", /^"des" is no member$/],
  ["", /^"" is no member$/],
  ["laptop", /^"laptop" is this member itself$/],
  ["a\nb", /^"a\\nb" is no member$/],
])("%j is refused", (meant, message) => {
  expect(() => memberOf(meant, MEMBERS)).toThrow(message)
})

test("of two members with one name neither is taken", () => {
  const twins = [...MEMBERS, member("z6MkTwin5.1", "desk")]

  expect(() => memberOf("desk", twins)).toThrow(/more than one member: .*z6MkAbce2.*z6MkTwin5/)
})
