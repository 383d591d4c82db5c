import { readFileSync } from "node:fs"
import { join } from "node:path"

import { describe, expect, test } from "vitest"

interface Row {
  readonly scenario: string
  readonly file: string
  readonly title: string
}

/** The catalogue: letters, and how many scenarios each has. */
const CATALOGUE = { A: 8, "B-": 7, C: 9, D: 10, E: 5, F: 4, G: 7, H: 8 } as const
const ISSUES = [
  "A cluster of desktops",
  "One member per machine",
  "The answer is never lost",
  "Only invited members",
  "Any client, any language",
  "nobody has asked for it yet",
]

const read = (name: string): string => readFileSync(join(import.meta.dirname, name), "utf8")

function rows(): readonly Row[] {
  return read("scenarios.md")
    .split("\n")
    .filter((line) => /^\| [A-H]-?\d/.test(line))
    .map((line) => {
      const [scenario = "", , file = "", title = ""] = line
        .replaceAll(/^\| | \|$/g, "")
        .split(" | ")
        .map((cell) => cell.trim())
      return { scenario, file, title }
    })
}

/** What is wrong with a row. */
function problemOf({ file, title }: Row, text: (file: string) => string): string | null {
  if (file === "-") {
    const issue = /^waits for: (.+)$/.exec(title)?.[1] ?? ""
    return ISSUES.includes(issue) ? null : `no such issue: ${title}`
  }
  // As the source says it: a title that is only part of another is not that test.
  return text(file).includes(`"${title}"`) ? null : `no such test: ${file}: ${title}`
}

const testFile = (file: string): string => read(`${file}.test.ts`)

describe("scenarios.md", () => {
  test("names for every scenario of the catalogue a test that exists, or the issue it waits for", () => {
    const problems = rows().flatMap((row) => problemOf(row, testFile) ?? [])
    const named = new Set(rows().map(({ scenario }) => scenario))
    const all = Object.entries(CATALOGUE).flatMap(([letter, count]) =>
      Array.from({ length: count }, (_, at) => `${letter}${at + 1}`),
    )

    expect(problems).toEqual([])
    expect(all.filter((scenario) => !named.has(scenario))).toEqual([])
    expect(named.size).toBe(all.length)
  })

  test.each([
    ["a", "a rule", null],
    ["a", "a rul", "no such test: a: a rul"],
    ["-", "waits for: Only invited members", null],
    ["-", "waits for: better days", "no such issue: waits for: better days"],
    ["-", "", "no such issue: "],
  ])("a row that names %j and %j has this problem: %j", (file, title, problem) => {
    expect(problemOf({ scenario: "A1", file, title }, () => `test("a rule", () => {`)).toBe(problem)
  })
})
