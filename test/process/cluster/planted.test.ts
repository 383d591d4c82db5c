// Finding the bugs takes minutes (`npm run planted`); that they are still what they say takes a moment.

import { expect, test } from "vitest"

import { apply, bugsOf, KINDS, ROOT } from "../../../cluster/planted/patches.ts"

const BUGS = KINDS.flatMap((kind) => bugsOf(kind).map((bug) => [kind, bug] as const))

test("there are planted bugs of every kind, at least 16 each", () => {
  for (const kind of KINDS) expect(bugsOf(kind).length).toBeGreaterThanOrEqual(16)
})

test.each(BUGS)("the planted bug %s/%s fits the code", (kind, bug) => {
  expect(() => apply(kind, bug, ROOT, "--check")).not.toThrow()
})
