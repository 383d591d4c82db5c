import { readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"

test("every test that checklist.md names exists", () => {
  const read = (name: string): string => readFileSync(join(import.meta.dirname, name), "utf8")
  const rows = read("checklist.md")
    .split("\n")
    .filter((line) => /^\| \d/.test(line))
    .map((line) => line.split(" | ").map((cell) => cell.replace(/^\| | \|$/g, "").trim()))

  const missing = rows.filter(
    ([, , file = "", title = ""]) => !read(`${file}.test.ts`).includes(title),
  )

  expect(rows.length).toBeGreaterThan(50)
  expect(missing).toEqual([])
})
